// Answers -> replies, in each client's order.
#include "dataplane/session/core.h"
#include "dataplane/session/dnode_in.h"
#include "dataplane/session/input.h"
#include "dataplane/session/keys.h"
#include "dataplane/session/local.h"
#include "dataplane/session/reply.h"

static bool is_over(const struct request *r)
{
	return (r->flags & REQUEST_DONE) && (r->flags & REQUEST_WHOLE);
}

static bool take_slice(struct request *r, struct reply *out)
{
	if (r->reply_len < SESSION_REPLY_COPY_MAX) {
		const char *at = rte_pktmbuf_mtod_offset(r->reply, const char *, r->reply_off);

		return reply_copy(out, slice_make(at, r->reply_len));
	}
	return reply_refer(out, r->reply, r->reply_off, r->reply_len);
}

// Moves what there is of the reply. False when a buffer is missing.
static bool take_reply(struct request *r, struct reply *out)
{
	if (!(r->flags & REQUEST_WHOLE))
		return true;
	if (!(r->flags & (REQUEST_DONE | REQUEST_STREAMED)) && r->reply_len < REQUEST_STREAM_MIN)
		return true;
	if (r->flags & REQUEST_SLICE) {
		if (!take_slice(r, out))
			return false;
		request_drop_reply(r);
		return true;
	}
	if (!(r->flags & REQUEST_DONE))
		r->flags |= REQUEST_STREAMED;
	r->client->unsent -= r->reply_len;
	reply_take(out, r->reply);
	r->reply = NULL;
	r->reply_tail = NULL;
	r->reply_len = 0;
	return true;
}

static bool take_answer(struct session *s, struct request *r, struct reply *out, struct mono now)
{
	if (unlikely(r->quiet))
		return true;
	if (r->target == REQUEST_TO_LOCAL && !(r->flags & REQUEST_DONE))
		return local_answer(s, r, out, now);
	if (r->error != REQUEST_ERROR_NONE && is_over(r)) {
		stat_inc(s->stats, STAT_client_error_replies);
		return reply_copy(out, request_error_answer(r));
	}
	return r->reply ? take_reply(r, out) : true;
}

enum settled {
	SETTLED_ALL,   // as far as there are answers
	SETTLED_ROOM,  // no more room to send
	SETTLED_MBUF,  // no buffer
	SETTLED_CLOSE, // the last reply of this connection
};

// A peer's reply has its length before it, so it is whole or waits.
static bool take_framed(struct session *s, struct request *r, struct reply *out)
{
	if (!is_over(r) || unlikely(r->quiet))
		return true;
	if (r->error != REQUEST_ERROR_NONE)
		stat_inc(s->stats, STAT_client_error_replies);
	return dnode_in_reply(r, out);
}

static enum settled collect(
	struct session *s, struct client *c, struct reply *out, uint32_t room, struct mono now)
{
	while (c->first) {
		struct request *r = c->first;
		bool close = r->flags & REQUEST_CLOSE;

		if (out->len >= room)
			return SETTLED_ROOM;
		if (client_is_peer(c) ? !take_framed(s, r, out) : !take_answer(s, r, out, now))
			return SETTLED_MBUF;
		if (!is_over(r))
			return SETTLED_ALL;
		if (!client_is_peer(c))
			histogram_add(
				&s->stats->hist[HIST_client_latency], mono_since(now, r->read_at));
		session_forget_first(s, c);
		if (close)
			return SETTLED_CLOSE;
	}
	return SETTLED_ALL;
}

static void settle_client(struct session *s, struct client *c, struct mono now)
{
	struct reply out = {.pool = s->config.pool};
	enum settled how;

	if (c->flags & CLIENT_CUT) {
		client_count_end(s, c, true);
		client_end(s, c, true);
		return;
	}
	how = collect(s, c, &out, tcp_send_room(c->conn), now);
	if (out.head) {
		c->sent += out.len;
		tcp_send(c->conn, out.head);
	}
	switch (how) {
	case SETTLED_CLOSE:
		c->flags |= CLIENT_NO_INPUT;
		break;
	case SETTLED_MBUF:
		client_settle_later(s, c);
		break;
	case SETTLED_ROOM:
		// Asked, TCP will tell when there is room; there may be some already.
		if (tcp_send_room(c->conn) > 0)
			client_settle_later(s, c);
		break;
	case SETTLED_ALL:
		break;
	}
	if (c->in_head && !(c->flags & CLIENT_NO_INPUT))
		client_ready(s, c);
	client_end_if_done(s, c, now);
}

static bool is_node_error(const struct request *r)
{
	if (r->error == REQUEST_ERROR_NONE)
		return r->reply && txn_node_error(r) != REQUEST_ERROR_NONE;
	return r->error == REQUEST_ERROR_STORE || r->error == REQUEST_ERROR_PEER_AWAY ||
		r->error == REQUEST_ERROR_PEER_LOST;
}

// Whether another rack has the data of a read. `better`: and its node is known to be there.
static bool has_another(struct session *s, const struct request *r, bool better)
{
	struct txn_place place;
	struct keys keys;

	keys_find(s, r, &keys);
	return keys.kind == KEYS_ONE &&
		place_nearest(s->ring, &keys.owners, s->view, r->tried, &place) &&
		(!better || place_is_there(s->ring, s->view, place.node));
}

static void left_store(struct request *r)
{
	if (r->target == REQUEST_TO_STORE && --r->client->store_n == 0)
		r->client->lane = CLIENT_LANE_NONE;
}

// What is on its way can't be taken back: it becomes an orphan, and another takes its place in the
// client's order. NULL: no room.
static struct request *stand_in(struct session *s, struct request *r)
{
	struct client *c = r->client;
	struct request **at = &c->first;
	struct request *other = pool_get(&s->requests);

	if (!other)
		return NULL;
	request_drop_reply(r);
	*other = *r;
	other->flags &= (uint16_t)~REQUEST_HELD;
	while (*at != r)
		at = &(*at)->client_next;
	*at = other;
	if (c->last == r)
		c->last = other;
	r->bytes = NULL;
	r->len = 0;
	r->client = NULL;
	r->flags &= (uint16_t) ~(REQUEST_OF_CLIENT | REQUEST_KEEP);
	return other;
}

// Long enough for one who was silent, and for another.
static bool has_time(const struct session *s, const struct request *r, struct mono now)
{
	const uint64_t timeout = s->ring->snapshot->timeout_ms * NS_PER_MS;

	return timeout == 0 || mono_since(now, r->read_at) < 2 * timeout;
}

// A read whose node could not answer, or gives no sign of life, may have another one that can.
static bool asked_again(struct session *s, struct request *r, bool late, struct mono now)
{
	if (likely(!(r->flags & REQUEST_KEEP)) || (r->flags & REQUEST_STREAMED) || !r->bytes ||
		!s->ring)
		return false;
	if (!late && (!(r->flags & REQUEST_DONE) || !is_node_error(r) || !has_time(s, r, now)))
		return false;
	if (!has_another(s, r, late))
		return false;
	left_store(r);
	if (r->flags & REQUEST_HELD) {
		struct request *other = stand_in(s, r);

		if (!other) {
			r->client->store_n += r->target == REQUEST_TO_STORE;
			return false;
		}
		r = other;
	}
	request_drop_reply(r);
	r->target = REQUEST_TO_NOWHERE;
	r->error = REQUEST_ERROR_NONE;
	r->flags &= (uint16_t)~REQUEST_DONE;
	r->flags |= REQUEST_HELD;
	request_push(&s->routed, r);
	stat_inc(s->stats, STAT_read_failovers);
	return true;
}

static void answered_one(struct session *s, struct request *r, struct mono now)
{
	// The answer may have come in the same turn.
	bool late = r->late && !(r->flags & REQUEST_DONE);

	r->late = false;
	if (r->flags & REQUEST_COPY && late)
		txn_late(s, r);
	else if (r->flags & REQUEST_COPY)
		txn_answer(s, r, now);
	else if (!r->client)
		session_release(s, r);
	else if (!asked_again(s, r, late, now))
		client_settle_later(s, r->client);
}

unsigned settle_run(struct session *s, struct request_queue *answered, struct mono now)
{
	struct list todo;
	unsigned n = 0;
	struct request *r;
	struct list *link;

	while ((r = request_answer_pop(answered))) {
		answered_one(s, r, now);
		n++;
	}
	list_init(&todo);
	list_splice_back(&todo, &s->settle);
	while ((link = list_pop_front(&todo))) {
		settle_client(s, list_entry(link, struct client, settle), now);
		n++;
	}
	return n;
}
