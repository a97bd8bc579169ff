// What happens because time passed: requests that are not answered, and readers that hold up
// others.
#include "dataplane/session/client.h"
#include "dataplane/store/core.h"

static void time_out(struct store *store, struct request *r, struct mono now)
{
	if (request_is_discarded(r))
		return;
	stat_inc(store->stats, STAT_server_timedout_requests);
	request_fail(&store->answered, r, REQUEST_ERROR_STORE);
	if (backoff_timed_out(&store->backoff, now))
		stat_inc(store->stats, STAT_server_ejects);
}

// `excused`: until then it was not the store that was waited for.
static bool is_late(
	const struct store *store, const struct request *r, struct mono excused, struct mono now)
{
	struct mono since = mono_before(r->store_at, excused) ? excused : r->store_at;

	return mono_since(now, since) >= store->timeout;
}

void store_expire_queue(
	struct store *store, struct request_queue *q, struct mono excused, struct mono now)
{
	while (store->timeout > 0 && q->head && is_late(store, q->head, excused, now)) {
		struct request *r = store_dequeue(store, q);

		time_out(store, r, now);
		store_let_go(store, r);
	}
}

static bool is_mid_reply(const struct store_conn *c)
{
	return c->parser.at > 0 && c->parser.state != RESP_REPLY_END;
}

// A reply that came in part: the store is stuck if no byte follows. False when the connection was
// ended for it.
static bool check_progress(struct store_conn *c, struct mono now)
{
	if (store_conn_is_paused(c)) {
		c->progress_at = now;
		return true;
	}
	if (mono_since(now, c->progress_at) < c->store->timeout)
		return true;
	store_conn_fail(c, STORE_END_ERROR, now);
	return false;
}

// Not a byte for so long that the store must be stuck: what it owes would hold our requests for
// ever. False when the connection was ended.
static bool check_stuck(struct store_conn *c, struct mono now)
{
	const struct request *r = c->flight.head;
	uint64_t silent;

	if (!r || store_conn_is_paused(c) || (c->is_bulk && !(r->flags & REQUEST_WHOLE)))
		return true;
	silent = mono_since(now, c->progress_at);
	if (mono_since(now, r->store_at) < silent)
		silent = mono_since(now, r->store_at);
	if (silent < STORE_STUCK_TIMEOUTS * c->store->timeout)
		return true;
	store_conn_fail(c, STORE_END_ERROR, now);
	return false;
}

bool store_has_others(const struct request_queue *q, const struct client *client)
{
	const struct request *r = q->head;

	for (unsigned i = 0; r && i < 64; i++, r = r->next)
		if (r->client && r->client != client)
			return true;
	return false;
}

static bool others_wait(const struct store_conn *c, const struct client *slow)
{
	if (c->is_bulk)
		return c->store->bulk_wait.n > 0;
	return store_has_others(&c->flight, slow) || store_has_others(&c->wait, slow);
}

static void expire_late(struct store_conn *c, struct mono now)
{
	if (!check_stuck(c, now))
		return;
	if (c->flight.n > 0 && is_mid_reply(c)) {
		if (!check_progress(c, now))
			return;
		if (c->due == c->flight.head)
			c->due = c->flight.head->next;
	}
	// The client of a streaming request may take its time.
	if (c->is_bulk && c->due && !(c->due->flags & REQUEST_WHOLE))
		return;
	// One that reads slowly makes only himself wait.
	if (store_conn_is_paused(c) && !others_wait(c, c->flight.head->client))
		c->excused = now;
	while (c->due && is_late(c->store, c->due, c->excused, now)) {
		time_out(c->store, c->due, now);
		c->due = c->due->next;
	}
	store_expire_queue(c->store, &c->wait, c->excused, now);
}

static void watch_from_now(struct store_conn *c, struct client *client, struct mono now)
{
	c->slow = client;
	c->slow_since = now;
	c->slow_base = client ? client->sent : 0;
}

static void check_reader(struct store_conn *c, struct mono now)
{
	struct request *r = c->flight.head;
	struct client *client = r ? r->client : NULL;
	uint64_t time;

	if (client != c->slow || !client) {
		watch_from_now(c, client, now);
		return;
	}
	time = c->store->roomy ? STORE_SLOW_NS : STORE_SLOW_LOW_NS;
	if (mono_since(now, c->slow_since) < time)
		return;
	if (store_conn_is_paused(c) &&
		client->sent - c->slow_base < STORE_SLOW_BYTES * time / STORE_SLOW_NS &&
		others_wait(c, client)) {
		request_cut(&c->store->answered, r);
		stat_inc(c->store->stats, STAT_client_slow);
	}
	watch_from_now(c, client, now);
}

void store_expire(struct store_conn *c, struct mono now)
{
	if (c->store->timeout > 0)
		expire_late(c, now);
	if (c->state == STORE_UP)
		check_reader(c, now);
}
