// What a peer says -> replies, matched with requests in order.
#include <string.h>

#include "dataplane/peer/core.h"
#include "dataplane/session/client.h"

enum step {
	STEP_ON,
	STEP_WAIT, // for a buffer
	STEP_BAD,
};

static void next_segment(struct peer_conn *c)
{
	struct rte_mbuf *m = c->in;

	c->in = m->next;
	c->in_off = 0;
	m->next = NULL;
	rte_pktmbuf_free_seg(m);
}

// A later reply shows that there will be none to these.
static void skip_to(struct peer_conn *c, uint64_t id)
{
	while (peer_conn_head_id(c) < id) {
		struct request *r = peer_from_flight(c);

		stat_inc(c->peer->peers->stats, STAT_peer_mismatch_requests);
		peer_count(c->peer, PEER_NUM_skipped);
		peer_refuse(c->peer, r, REQUEST_ERROR_PEER_LOST);
	}
}

// Whether it is one of ours. False when it pretends to be.
static bool recognise(struct peer_conn *c)
{
	struct dnode_ext ext;

	if (c->is_ours || c->header.header.data.len <= 1)
		return true;
	switch (dnode_ext_get(c->header.header.data, &ext)) {
	case DNODE_EXT_FOUND:
		c->caps = ext.caps;
		c->is_ours = true;
		return true;
	case DNODE_EXT_OTHER:
		c->is_ours = true;
		return true;
	case DNODE_EXT_NONE:
		return true;
	case DNODE_EXT_BAD:
		break;
	}
	return false;
}

static bool begin_reply(struct peer_conn *c)
{
	const struct dnode_header *header = &c->header.header;

	if (dnode_is_encrypted(header)) {
		peer_count(c->peer, PEER_NUM_encrypted);
		return false;
	}
	if (header->type != DNODE_RES || header->id >= c->next_id || !recognise(c))
		return false;
	c->is_stray = header->id < peer_conn_head_id(c);
	if (!c->is_stray)
		skip_to(c, header->id);
	c->in_reply = true;
	return true;
}

static enum step header_step(struct peer_conn *c, const uint8_t *from, uint32_t len)
{
	size_t used;

	switch (dnode_parse(&c->header, from, len, &used)) {
	case DNODE_MORE:
		c->in_off += (uint32_t)used;
		return STEP_ON;
	case DNODE_DONE:
		c->in_off += (uint32_t)used;
		return begin_reply(c) ? STEP_ON : STEP_BAD;
	case DNODE_ERROR:
		break;
	}
	if (dnode_is_encrypted(&c->header.header))
		peer_count(c->peer, PEER_NUM_encrypted);
	return STEP_BAD;
}

static bool have_spare(struct peers *peers)
{
	if (!peers->spare)
		peers->spare = rte_pktmbuf_alloc(peers->config.pool);
	return peers->spare != NULL;
}

static bool joins_tail(const struct request *r, uint32_t len)
{
	return len < PEER_COPY_MAX && r->reply && RTE_MBUF_DIRECT(r->reply_tail) &&
		rte_mbuf_refcnt_read(r->reply_tail) == 1 &&
		rte_pktmbuf_tailroom(r->reply_tail) >= len;
}

static void append(struct rte_mbuf *m, const char *from, uint32_t len)
{
	memcpy(rte_pktmbuf_mtod_offset(m, char *, m->data_len), from, len);
	m->data_len = (uint16_t)(m->data_len + len);
	m->pkt_len = m->data_len;
}

// The rest of the segment is the part, and nobody else has anything of it: it is the part.
static struct rte_mbuf *take_segment(struct peer_conn *c, uint32_t off, uint32_t len)
{
	struct rte_mbuf *m = c->in;

	c->in = m->next;
	c->in_off = 0;
	m->next = NULL;
	m->data_off = (uint16_t)(m->data_off + off);
	m->data_len = (uint16_t)len;
	m->pkt_len = len;
	return m;
}

static struct rte_mbuf *part_of_segment(struct peer_conn *c, uint32_t off, uint32_t len)
{
	struct peers *peers = c->peer->peers;
	struct rte_mbuf *m = peers->spare;

	peers->spare = NULL;
	if (len < PEER_COPY_MAX) {
		append(m, rte_pktmbuf_mtod_offset(c->in, const char *, off), len);
		return m;
	}
	rte_pktmbuf_attach(m, c->in);
	m->data_off = (uint16_t)(c->in->data_off + off);
	m->data_len = (uint16_t)len;
	m->pkt_len = len;
	return m;
}

// `len` bytes at `off` of the segment are a part of the reply.
static void add_part(struct peer_conn *c, struct request *r, uint32_t off, uint32_t len)
{
	if (joins_tail(r, len)) {
		append(r->reply_tail, rte_pktmbuf_mtod_offset(c->in, const char *, off), len);
		r->reply_len += len;
		if (r->client)
			r->client->unsent += len;
	} else if (len >= PEER_COPY_MAX && off + len == c->in->data_len &&
		rte_mbuf_refcnt_read(c->in) == 1) {
		request_add_reply(r, take_segment(c, off, len));
	} else {
		request_add_reply(r, part_of_segment(c, off, len));
	}
}

static void measure(struct peer *peer, const struct request *r, struct mono now)
{
	uint64_t ns = mono_since(now, r->store_at);
	uint32_t us = ns < UINT32_MAX ? (uint32_t)(ns / NS_PER_US) : UINT32_MAX / NS_PER_US;

	us = us > 0 ? us : 1;
	peer->rtt = peer->rtt == 0 ? us : peer->rtt - peer->rtt / 8 + (us + 7) / 8;
	if (!list_linked(&peer->gone))
		peer->peers->view.fact[peer->node].rtt = peer->rtt;
	histogram_add(&peer->peers->stats->hist[peer_rows_of(peer)->latency], ns);
}

static void count_reply(struct peer_conn *c, const struct request *r, struct mono now)
{
	struct peer *peer = c->peer;
	struct stats *stats = peer->peers->stats;

	stat_inc(stats, STAT_peer_responses);
	stat_add(stats, STAT_peer_response_bytes, c->reply.at);
	peer_count(peer, PEER_NUM_answers);
	if (c->reply.type == '-') {
		stat_inc(stats, STAT_peer_forward_error);
		peer_count(peer, PEER_NUM_errors);
	}
	measure(peer, r, now);
	peer->failures = 0;
}

static void reply_whole(
	struct peer_conn *c, struct request *r, uint32_t off, uint32_t len, struct mono now)
{
	if (!request_is_discarded(r)) {
		if (len == c->reply.at)
			request_set_slice(r, c->in, (uint16_t)off, len);
		else
			add_part(c, r, off, len);
		// An error may be the node's own: then another one is asked.
		if (!(r->flags & REQUEST_KEEP) || c->reply.type != '-')
			request_drop_bytes(r);
		r->flags |= REQUEST_DONE;
	}
	count_reply(c, r, now);
	peer_from_flight(c);
	peer_let_go(c->peer->peers, r);
}

// What is held whole must not take the buffers that everybody needs.
static void hold(struct peers *peers, struct request *r)
{
	const struct rte_mempool *pool = peers->config.pool;

	if (r->reply_len >= REQUEST_STREAM_MIN &&
		rte_mempool_avail_count(pool) < pool->size / PEER_HOLD_PART)
		request_fail(&peers->answered, r, REQUEST_ERROR_REPLY_TOO_BIG);
}

static void reply_part(struct peer_conn *c, struct request *r, uint32_t off, uint32_t len)
{
	struct peers *peers = c->peer->peers;

	if (request_is_discarded(r))
		return;
	add_part(c, r, off, len);
	if (r->flags & (REQUEST_HOLD | REQUEST_COPY))
		hold(peers, r);
	else if ((r->flags & REQUEST_STREAMED) || r->reply_len >= REQUEST_STREAM_MIN)
		request_answer(&peers->answered, r);
}

static void message_ended(struct peer_conn *c)
{
	if (c->is_stray)
		peer_count(c->peer, PEER_NUM_stray);
	if (!dnode_plen_agrees(&c->header.header, c->reply.at))
		peer_count(c->peer, PEER_NUM_plen_wrong);
	c->in_reply = false;
}

// A stray reply is to nobody knows what.
static enum resp_status parse_reply(struct peer_conn *c, const struct request *r,
	const uint8_t *from, uint32_t len, size_t *used)
{
	if (unlikely(c->peer->peers->config.memcache))
		return memcache_reply_parse(&c->memcache,
			r ? memcache_want(r->cmd) : MEMCACHE_WANT_ANY, from, len, used);
	return resp_reply_parse(&c->reply, from, len, used);
}

static enum step reply_step(struct peer_conn *c, const uint8_t *from, uint32_t len, struct mono now)
{
	struct request *r = c->is_stray ? NULL : c->flight.head;
	uint32_t off = c->in_off;
	enum resp_status status;
	size_t used;

	if (r && !request_is_discarded(r) && !have_spare(c->peer->peers))
		return STEP_WAIT;
	status = parse_reply(c, r, from, len, &used);
	c->in_off += (uint32_t)used;
	switch (status) {
	case RESP_DONE:
		message_ended(c);
		if (r)
			reply_whole(c, r, off, (uint32_t)used, now);
		return STEP_ON;
	case RESP_MORE:
		if (r)
			reply_part(c, r, off, (uint32_t)used);
		return STEP_ON;
	case RESP_EMPTY:
	case RESP_ERROR:
		break;
	}
	return STEP_BAD;
}

// As far as there is something to parse. `taken`: bytes that no longer wait for it.
static enum step parse(struct peer_conn *c, uint32_t *taken, struct mono now)
{
	enum step step = STEP_ON;

	while (step == STEP_ON && c->in && !peer_conn_is_paused(c)) {
		const uint8_t *from = rte_pktmbuf_mtod_offset(c->in, const uint8_t *, c->in_off);
		uint32_t len = c->in->data_len - c->in_off;
		const struct rte_mbuf *m = c->in;
		uint32_t off = c->in_off;

		step = c->in_reply ? reply_step(c, from, len, now) : header_step(c, from, len);
		*taken += c->in == m ? c->in_off - off : len;
		if (c->in == m && c->in_off == m->data_len)
			next_segment(c);
	}
	return step;
}

static void heard(struct peer_conn *c, struct mono now)
{
	c->heard_at = now;
	if (unlikely(c->late))
		peer_conn_check_late(c);
	if (!c->silent)
		return;
	c->silent = false;
	peer_judge(c->peer);
}

bool peer_read(struct peer_conn *c, struct mono now, unsigned *work)
{
	enum step step = STEP_ON;
	uint32_t taken = 0;

	// What we can't take yet stays in TCP, which keeps small segments together.
	while (step == STEP_ON && !peer_conn_is_paused(c)) {
		if (!c->in) {
			c->in = tcp_recv(c->tcp);
			c->in_off = 0;
			if (!c->in)
				break;
			heard(c, now);
			(*work)++;
		}
		step = parse(c, &taken, now);
	}
	if (step == STEP_BAD) {
		peer_conn_end(c, PEER_END_NONSENSE, now);
		return false;
	}
	tcp_recv_done(c->tcp, taken);
	if (step == STEP_WAIT || peer_conn_is_paused(c)) {
		peer_conn_ready(c);
	} else if (c->eof) {
		peer_conn_end(c, PEER_END_EOF, now);
		return false;
	}
	return true;
}
