// Requests that stream: one connection each while it lasts. A request whose client goes away
// half-way leaves the connection in the middle of a command, so it is closed.
#include "dataplane/store/core.h"

static struct store_conn *free_conn(struct store *store)
{
	struct store_conn *down = NULL;

	for (uint32_t i = 0; i < store->bulk_n; i++) {
		struct store_conn *c = &store->bulk[i];

		if (c->flight.n > 0)
			continue;
		if (c->state != STORE_DOWN)
			return c;
		down = down ? down : c;
	}
	return down;
}

// False when all are busy.
static bool assign(struct store *store, struct mono now)
{
	struct store_conn *c = free_conn(store);
	struct request *r = store->bulk_wait.head;

	if (request_is_discarded(r)) {
		store_let_go(store, store_dequeue(store, &store->bulk_wait));
		return true;
	}
	if (!c)
		return false;
	if (c->state == STORE_DOWN && backoff_may_connect(&store->backoff, now))
		store_conn_open(c, now);
	store_dequeue(store, &store->bulk_wait);
	if (c->state == STORE_DOWN || backoff_is_ejected(&store->backoff, now)) {
		store_refuse(store, r);
		return true;
	}
	request_push(&c->flight, r);
	c->due = r;
	c->progress_at = now;
	stat_inc(store->stats, STAT_out_queue);
	return true;
}

static bool is_abandoned(const struct store_conn *c)
{
	const struct request *r = c->flight.head;

	return r && request_is_discarded(r) &&
		(!(r->flags & REQUEST_WHOLE) || r->bytes || c->out.bytes > 0);
}

// A client that sends nothing more holds up those who wait for a connection.
static bool is_stalled(const struct store_conn *c, struct mono now)
{
	const struct request *r = c->flight.head;

	return r && c->store->bulk_wait.n > 0 && !(r->flags & REQUEST_WHOLE) && !r->bytes &&
		c->out.bytes == 0 && mono_since(now, c->progress_at) >= STORE_BULK_STALL_NS;
}

static void poll_one(struct store_conn *c, struct mono now, unsigned *work)
{
	if (c->state == STORE_CONNECTING)
		store_conn_check(c, now);
	if (c->state != STORE_UP)
		return;
	if (is_abandoned(c)) {
		store_conn_fail(c, STORE_END_OURS, now);
		return;
	}
	if (is_stalled(c, now)) {
		request_cut(&c->store->answered, c->flight.head);
		stat_inc(c->store->stats, STAT_client_slow);
	}
	if (store_write(c, now, work))
		store_read(c, now, work);
}

void store_bulk_poll(struct store *store, struct mono now, unsigned *work)
{
	while (store->bulk_wait.head && assign(store, now))
		(*work)++;
	for (uint32_t i = 0; i < store->bulk_n; i++)
		if (store->bulk[i].state != STORE_DOWN)
			poll_one(&store->bulk[i], now, work);
}
