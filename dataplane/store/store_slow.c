// A shared connection whose next reply is for a client that takes it slowly. Who waits behind it
// must not: the connection becomes the slow client's own, with all that was written to it, and the
// lane begins anew on a fresh one. What was not written yet moves over to that, but for requests of
// clients that still have others on the old one, whose order must stay.
#include "dataplane/session/client.h"
#include "dataplane/store/core.h"

static struct store_conn *free_slot(struct store *store)
{
	for (uint32_t i = 0; i < store->slow_used; i++)
		if (store->slow[i].state == STORE_DOWN)
			return &store->slow[i];
	return store->slow_used < store->config.slow ? &store->slow[store->slow_used] : NULL;
}

// The clients of all that was written go with the connection.
static void take_clients(struct store *store, const struct store_conn *c)
{
	uint16_t place = store_place(store, c);

	for (struct request *r = c->flight.head; r; r = r->next) {
		struct client *client = request_keeper(r);

		if (client)
			client->lane = place;
	}
}

static void share_out(struct store *store, struct request_queue *wait, struct store_conn *old,
	struct store_conn *fresh)
{
	uint16_t place = store_place(store, old);
	struct request *r;

	while ((r = request_pop(wait))) {
		const struct client *client = request_keeper(r);
		bool stays = client && client->lane == place;

		request_push(stays ? &old->wait : &fresh->wait, r);
	}
}

static void divert(struct store *store, struct store_conn *lane, struct mono now)
{
	struct store_conn *slot = free_slot(store);
	struct request_queue wait = lane->wait;

	if (!slot)
		return;
	*slot = *lane;
	slot->wait = (struct request_queue){0};
	slot->held_ticks = 0;
	slot->is_slow = true;
	store_conn_init(lane, store, false);
	take_clients(store, slot);
	share_out(store, &wait, slot, lane);
	if (slot == &store->slow[store->slow_used])
		store->slow_used++;
	stat_inc(store->stats, STAT_server_diverted);
	// Fails those that wait if the store does not let us in.
	store_conn_open(lane, now);
}

// Once a tick.
void store_slow_check(struct store *store, struct mono now)
{
	for (uint32_t i = 0; i < store->lane_n; i++) {
		struct store_conn *c = &store->lane[i];

		// All new requests would go over the other lanes, and wait there for the next one.
		if (c->state != STORE_UP || !store_conn_is_paused(c))
			c->held_ticks = 0;
		else if (++c->held_ticks >= (c->wait.n > 0 ? STORE_HELD_TICKS : STORE_IDLE_TICKS))
			divert(store, c, now);
	}
}

void store_slow_poll(struct store *store, struct mono now, unsigned *work)
{
	for (uint32_t i = 0; i < store->slow_used; i++) {
		struct store_conn *c = &store->slow[i];

		if (c->state == STORE_DOWN)
			continue;
		if (store_write(c, now, work) && store_read(c, now, work) &&
			store_conn_load(c) == 0)
			store_conn_fail(c, STORE_END_OURS, now);
	}
	while (store->slow_used > 0 && store->slow[store->slow_used - 1].state == STORE_DOWN)
		store->slow_used--;
}
