// Requests -> TCP: all that a connection has to send in a turn is one chain.
#include "dataplane/peer/core.h"
#include "dataplane/session/reply.h"

// So far it was written: to take a request back that there were not enough buffers for.
struct mark {
	struct rte_mbuf *tail;
	uint32_t tail_len;
	uint32_t len;
	bool open;
};

static struct mark mark_of(const struct reply *out)
{
	return (struct mark){
		.tail = out->tail,
		.tail_len = out->tail ? out->tail->data_len : 0,
		.len = out->len,
		.open = out->open,
	};
}

static void take_back(struct reply *out, const struct mark *mark)
{
	if (!mark->tail) {
		reply_free(out);
		return;
	}
	rte_pktmbuf_free(mark->tail->next);
	mark->tail->next = NULL;
	if (mark->open)
		mark->tail->data_len = (uint16_t)mark->tail_len;
	out->tail = mark->tail;
	out->len = mark->len;
	out->open = mark->open;
}

static bool put_header(const struct peer_conn *c, struct reply *out, const struct request *r)
{
	struct dnode_header header = {
		.id = c->next_id,
		.type = r->flags & REQUEST_SPREAD ? DNODE_REQ_FORWARD : DNODE_REQ,
		.same_dc = c->peer->same_dc,
		.plen = r->len,
	};
	char text[DNODE_HEADER_MAX];
	size_t len = dnode_put_header(text, sizeof(text), &header);

	return len > 0 && reply_copy(out, slice_make(text, len));
}

static bool put_bytes(struct reply *out, const struct request *r)
{
	struct rte_mbuf *m = r->bytes;
	uint32_t off = r->bytes_off;
	uint32_t left = r->len;

	for (; left > 0; m = m->next, off = 0) {
		uint32_t n = m->data_len - off;
		bool ok;

		n = n < left ? n : left;
		if (n < PEER_COPY_MAX)
			ok = reply_copy(
				out, slice_make(rte_pktmbuf_mtod_offset(m, const char *, off), n));
		else
			ok = reply_refer(out, m, (uint16_t)off, n);
		if (!ok)
			return false;
		left -= n;
	}
	return true;
}

// All of it, or nothing.
static bool put(const struct peer_conn *c, struct reply *out, const struct request *r)
{
	struct mark mark = mark_of(out);

	if (put_header(c, out, r) && put_bytes(out, r))
		return true;
	take_back(out, &mark);
	return false;
}

// A bucket of messages, as the time when those sent so far would all have been due.
static bool rate_allows(const struct peer_conn *c, struct mono now)
{
	return c->peer->same_dc || c->peer->peers->rate_cost == 0 ||
		mono_since(c->rate_at, now) < PEER_RATE_AHEAD_NS;
}

static void rate_count(struct peer_conn *c, struct mono now)
{
	if (mono_before(c->rate_at, now))
		c->rate_at = now;
	c->rate_at = mono_add(c->rate_at, c->peer->peers->rate_cost);
}

static void sent(struct peer_conn *c, struct request *r, struct mono now)
{
	struct peer *peer = c->peer;
	struct stats *stats = peer->peers->stats;

	peer_dequeue(c);
	stat_inc(stats, STAT_peer_requests);
	stat_add(stats, STAT_peer_request_bytes, r->len);
	peer_count(peer, PEER_NUM_requests);
	histogram_add(&stats->hist[peer_rows_of(peer)->queue_wait], mono_since(now, r->store_at));
	if (!(r->flags & REQUEST_KEEP))
		request_drop_bytes(r);
	r->store_at = now;
	rate_count(c, now);
	peer_to_flight(c, r);
}

static void gather(struct peer_conn *c, struct reply *out, uint32_t room, struct mono now)
{
	while (c->wait.head && out->len < room && c->flight.n < PEER_FLIGHT_MAX) {
		struct request *r = c->wait.head;

		if (request_is_discarded(r)) {
			peer_let_go(c->peer->peers, peer_dequeue_over(c));
			continue;
		}
		if (!rate_allows(c, now) || !put(c, out, r))
			return;
		sent(c, r, now);
	}
}

void peer_write(struct peer_conn *c, struct mono now, unsigned *work)
{
	struct reply out = {.pool = c->peer->peers->config.pool};
	uint32_t room;

	if (!c->wait.head)
		return;
	room = tcp_send_room(c->tcp);
	gather(c, &out, room, now);
	if (out.head) {
		(*work)++;
		// If it can't be sent, TCP says that the connection is over.
		if (!tcp_send(c->tcp, out.head))
			return;
	}
	// For room and for replies there is an event, for the rest there is none.
	if (c->wait.head && c->flight.n < PEER_FLIGHT_MAX && tcp_send_room(c->tcp) > 0)
		peer_conn_ready(c);
}
