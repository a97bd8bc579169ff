// What happens because time passed: requests that are not answered, connections that are not made,
// and readers that hold up others.
#include "dataplane/peer/core.h"
#include "dataplane/session/client.h"

// `excused`: until then it was not the peer that was waited for.
static bool is_late(const struct request *r, struct mono excused, uint64_t timeout, struct mono now)
{
	struct mono since = mono_before(r->store_at, excused) ? excused : r->store_at;

	return mono_since(now, since) >= timeout;
}

static void time_out(struct peer *peer, struct request *r, enum request_error error)
{
	if (request_is_discarded(r))
		return;
	stat_inc(peer->peers->stats, peer_rows_of(peer)->timedout);
	peer_count(peer, PEER_NUM_timeouts);
	peer_fail(peer, r, error);
}

// What is in flight keeps its place. A peer that has not said a word since the request was sent is
// given no more of them until it does.
static void time_out_sent(struct peer_conn *c, struct request *r)
{
	time_out(c->peer, r, REQUEST_ERROR_PEER_LOST);
	if (c->silent || mono_before(r->store_at, c->heard_at))
		return;
	c->silent = true;
	peer_judge(c->peer);
}

static void expire_wait(struct peer_conn *c, uint64_t timeout, struct mono now)
{
	while (c->wait.head && is_late(c->wait.head, c->excused, timeout, now)) {
		struct request *r = peer_dequeue_over(c);

		time_out(c->peer, r, REQUEST_ERROR_PEER_AWAY);
		peer_let_go(c->peer->peers, r);
	}
}

// A long reply may take its time, as long as it goes on.
static void expire_flight(struct peer_conn *c, uint64_t timeout, struct mono now)
{
	struct request *head = c->flight.head;

	if (head && c->in_reply && !c->is_stray && c->reply.at > 0) {
		if (mono_since(now, c->heard_at) >= timeout)
			time_out_sent(c, head);
		if (c->due == head)
			c->due = head->next;
	}
	while (c->due && is_late(c->due, c->excused, timeout, now)) {
		time_out_sent(c, c->due);
		c->due = c->due->next;
	}
}

// Not a byte for so long that what it owes would be waited for for ever.
static bool is_stuck(const struct peer_conn *c, uint64_t timeout, struct mono now)
{
	const struct request *r = c->flight.head;
	uint64_t limit = PEER_STUCK_TIMEOUTS * timeout;

	return r && mono_since(now, c->heard_at) >= limit && mono_since(now, r->store_at) >= limit;
}

static void watch_from_now(struct peer_conn *c, struct client *client, struct mono now)
{
	c->slow = client;
	c->slow_since = now;
	c->slow_base = client ? client->sent : 0;
}

// A client that takes little of a long reply while others wait behind it is cut off.
static void check_reader(struct peer_conn *c, struct mono now)
{
	struct peers *peers = c->peer->peers;
	struct request *r = c->flight.head;
	struct client *client = r ? r->client : NULL;
	uint64_t time = peers->roomy ? PEER_SLOW_NS : PEER_SLOW_LOW_NS;

	if (client != c->slow || !client) {
		watch_from_now(c, client, now);
		return;
	}
	if (mono_since(now, c->slow_since) < time)
		return;
	if (peer_conn_is_paused(c) &&
		client->sent - c->slow_base < PEER_SLOW_BYTES * time / PEER_SLOW_NS &&
		(peer_has_others(&c->flight, client) || peer_has_others(&c->wait, client))) {
		request_cut(&peers->answered, r);
		stat_inc(peers->stats, STAT_client_slow);
	}
	watch_from_now(c, client, now);
}

void peer_expire(struct peer_conn *c, struct mono now)
{
	uint64_t timeout = peer_timeout(c->peer);

	if (c->state == PEER_CONN_OPENING && mono_due(now, c->open_by)) {
		peer_conn_end(c, PEER_END_STUCK, now);
		return;
	}
	// It is we who do not listen.
	if (peer_conn_is_paused(c)) {
		struct client *slow = c->flight.head->client;

		c->heard_at = now;
		if (!peer_has_others(&c->flight, slow) && !peer_has_others(&c->wait, slow))
			c->excused = now;
	}
	if (is_stuck(c, timeout, now)) {
		peer_conn_end(c, PEER_END_STUCK, now);
		return;
	}
	peer_conn_check_late(c);
	expire_flight(c, timeout, now);
	expire_wait(c, timeout, now);
	if (c->state == PEER_CONN_UP)
		check_reader(c, now);
}
