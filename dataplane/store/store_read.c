// The socket -> replies, matched with requests in order.
#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include "dataplane/session/client.h"
#include "dataplane/store/core.h"

// Parts of replies in one buffer: the end of one at the beginning, the beginning of one at the end.
static bool have_parts(struct store_conn *c)
{
	for (unsigned i = 0; i < 2; i++) {
		if (!c->part[i])
			c->part[i] = rte_pktmbuf_alloc(c->store->config.pool);
		if (!c->part[i])
			return false;
	}
	return true;
}

static struct rte_mbuf *take_part(struct store_conn *c)
{
	unsigned i = c->part[0] ? 0 : 1;
	struct rte_mbuf *m = c->part[i];

	c->part[i] = NULL;
	return m;
}

static bool joins_tail(const struct request *r, uint32_t len)
{
	return r->reply && RTE_MBUF_DIRECT(r->reply_tail) &&
		rte_mbuf_refcnt_read(r->reply_tail) == 1 &&
		rte_pktmbuf_tailroom(r->reply_tail) >= len;
}

static void append(struct rte_mbuf *m, const char *from, uint32_t len)
{
	memcpy(rte_pktmbuf_mtod_offset(m, char *, m->data_len), from, len);
	m->data_len = (uint16_t)(m->data_len + len);
}

// `len` bytes at `off` of the buffer are a part of the reply.
static void add_part(struct store_conn *c, struct request *r, uint32_t off, uint32_t len)
{
	const char *from = rte_pktmbuf_mtod_offset(c->in, const char *, off);
	struct rte_mbuf *m;

	if (len < STORE_COPY_MAX && joins_tail(r, len)) {
		append(r->reply_tail, from, len);
		r->reply_len += len;
		if (r->client)
			r->client->unsent += len;
		return;
	}
	m = take_part(c);
	if (len < STORE_COPY_MAX) {
		append(m, from, len);
	} else {
		rte_pktmbuf_attach(m, c->in);
		m->data_off = (uint16_t)(c->in->data_off + off);
		m->data_len = (uint16_t)len;
		m->pkt_len = len;
	}
	request_add_reply(r, m);
}

static void count_reply(struct store_conn *c, const struct request *r, struct mono now)
{
	struct stats *stats = c->store->stats;
	bool write = r->cmd->access == RESP_CMD_WRITE;

	stat_inc(stats, write ? STAT_write_responses : STAT_read_responses);
	stat_add(stats, write ? STAT_write_response_bytes : STAT_read_response_bytes, c->parser.at);
	if (c->parser.type == '-')
		stat_inc(stats, STAT_forward_error);
	histogram_add(&stats->hist[HIST_server_latency], mono_since(now, r->store_at));
}

static void reply_whole(
	struct store_conn *c, struct request *r, uint32_t off, uint32_t len, struct mono now)
{
	struct store *store = c->store;

	if (!request_is_discarded(r)) {
		if (len == c->parser.at)
			request_set_slice(r, c->in, (uint16_t)off, len);
		else
			add_part(c, r, off, len);
		r->flags |= REQUEST_DONE;
	}
	count_reply(c, r, now);
	if (store->backoff.failures > 0)
		backoff_ok(&store->backoff);
	request_pop(&c->flight);
	stat_dec(store->stats, STAT_out_queue);
	store_conn_answered(c, c->is_bulk ? c->put : r->out_end);
	if (c->due == r)
		c->due = c->flight.head;
	if (c->is_bulk)
		stat_inc(store->stats,
			r->cmd->access == RESP_CMD_WRITE ? STAT_write_requests
							 : STAT_read_requests);
	store_let_go(store, r);
}

// What is held whole must not take the buffers that everybody needs.
static void hold(struct store *store, struct request *r)
{
	const struct rte_mempool *big = store->config.big;

	if (r->reply_len >= REQUEST_STREAM_MIN &&
		rte_mempool_avail_count(big) < big->size / STORE_HOLD_PART)
		request_fail(&store->answered, r, REQUEST_ERROR_REPLY_TOO_BIG);
}

static void reply_part(struct store_conn *c, struct request *r, uint32_t off, uint32_t len)
{
	if (request_is_discarded(r))
		return;
	add_part(c, r, off, len);
	if (r->flags & REQUEST_HOLD) {
		hold(c->store, r);
		return;
	}
	if ((r->flags & REQUEST_STREAMED) || r->reply_len >= REQUEST_STREAM_MIN)
		request_answer(&c->store->answered, r);
}

// A reply can only be to a request that was written to its end.
static bool may_be_answered(const struct store_conn *c, const struct request *r)
{
	if (c->is_bulk)
		return (r->flags & REQUEST_WHOLE) && !r->bytes && c->out.bytes == 0;
	return r != c->unsent;
}

static enum resp_status parse_reply(struct store_conn *c, const struct request *r, size_t *used)
{
	const uint8_t *from = rte_pktmbuf_mtod_offset(c->in, const uint8_t *, c->in_off);
	size_t len = c->in->data_len - c->in_off;

	if (unlikely(c->store->config.memcache))
		return memcache_reply_parse(&c->memcache, memcache_want(r->cmd), from, len, used);
	return resp_reply_parse(&c->parser, from, len, used);
}

// False when the bytes make no sense.
static bool parse(struct store_conn *c, struct mono now)
{
	while (c->in_off < c->in->data_len) {
		struct request *r = c->flight.head;
		uint32_t off = c->in_off;
		enum resp_status status;
		size_t used;

		if (!r || !may_be_answered(c, r))
			return false;
		status = parse_reply(c, r, &used);
		c->in_off += (uint32_t)used;
		switch (status) {
		case RESP_DONE:
			reply_whole(c, r, off, (uint32_t)used, now);
			break;
		case RESP_MORE:
			reply_part(c, r, off, (uint32_t)used);
			break;
		case RESP_EMPTY:
		case RESP_ERROR:
			return false;
		}
	}
	return true;
}

// The buffer is parsed to its end: it is used again if nobody else refers to it, filled up if there
// is room, or left to those who do.
static void in_done(struct store_conn *c)
{
	if (rte_mbuf_refcnt_read(c->in) == 1) {
		rte_pktmbuf_reset_headroom(c->in);
		c->in->data_len = 0;
	} else if (rte_pktmbuf_tailroom(c->in) < STORE_READ_ROOM_MIN) {
		rte_pktmbuf_free_seg(c->in);
		c->in = c->in_more;
		c->in_more = NULL;
	} else {
		return;
	}
	c->in_off = 0;
}

static bool parse_all(struct store_conn *c, struct mono now)
{
	while (c->in && c->in_off < c->in->data_len) {
		if (!have_parts(c))
			return true;
		if (!parse(c, now))
			return false;
		if (c->in_more && c->in_more->data_len > 0) {
			rte_pktmbuf_free_seg(c->in);
			c->in = c->in_more;
			c->in_more = NULL;
			c->in_off = 0;
		}
	}
	return true;
}

static struct rte_mbuf *buffer(struct store_conn *c, struct rte_mbuf *m)
{
	return m ? m : rte_pktmbuf_alloc(c->store->config.big);
}

// Reads into what room there is. Bytes; 0 when there is nothing to read; -EPIPE at the end.
static ssize_t fill(struct store_conn *c)
{
	struct iovec iov[2];
	size_t room;
	ssize_t n;

	c->in = buffer(c, c->in);
	c->in_more = buffer(c, c->in_more);
	if (!c->in || !c->in_more)
		return 0;
	room = rte_pktmbuf_tailroom(c->in);
	iov[0] = (struct iovec){rte_pktmbuf_mtod_offset(c->in, char *, c->in->data_len), room};
	iov[1] = (struct iovec){
		rte_pktmbuf_mtod(c->in_more, char *), rte_pktmbuf_tailroom(c->in_more)};
	n = readv(c->fd, iov, 2);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0)
		return -EPIPE;
	c->in->data_len = (uint16_t)(c->in->data_len + ((size_t)n < room ? (size_t)n : room));
	if ((size_t)n > room)
		c->in_more->data_len = (uint16_t)((size_t)n - room);
	return n;
}

static bool should_read(const struct store_conn *c, struct mono now)
{
	if (c->in && c->in_off < c->in->data_len)
		return false; // the last bytes are not parsed yet
	if (c->flight.n > 0)
		return !store_conn_is_paused(c);
	return mono_since(now, c->read_at) >= STORE_LOOK_NS;
}

bool store_read(struct store_conn *c, struct mono now, unsigned *work)
{
	ssize_t n = 0;

	if (should_read(c, now)) {
		c->read_at = now;
		n = fill(c);
		if (n > 0) {
			stat_inc(c->store->stats, STAT_store_reads);
			c->progress_at = now;
			(*work)++;
		}
	}
	if (!parse_all(c, now)) {
		store_conn_fail(c, STORE_END_ERROR, now);
		return false;
	}
	if (n < 0) {
		store_conn_fail(c, n == -EPIPE ? STORE_END_EOF : STORE_END_ERROR, now);
		return false;
	}
	if (c->in && c->in_off == c->in->data_len)
		in_done(c);
	return true;
}
