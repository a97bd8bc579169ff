#include "dataplane/session/input.h"

#include <string.h>

// Smaller segments are moved into the room behind the bytes before them.
#define INPUT_SMALL 256

static bool joins(const struct rte_mbuf *tail, const struct rte_mbuf *m)
{
	return tail && m->data_len < INPUT_SMALL && RTE_MBUF_DIRECT(tail) &&
		rte_mbuf_refcnt_read(tail) == 1 && rte_pktmbuf_tailroom(tail) >= m->data_len;
}

static void append_one(struct client *c, struct rte_mbuf *m)
{
	m->next = NULL;
	if (m->data_len == 0) {
		rte_pktmbuf_free_seg(m);
		return;
	}
	if (joins(c->in_tail, m)) {
		memcpy(rte_pktmbuf_mtod_offset(c->in_tail, char *, c->in_tail->data_len),
			rte_pktmbuf_mtod(m, char *), m->data_len);
		c->in_tail->data_len = (uint16_t)(c->in_tail->data_len + m->data_len);
		rte_pktmbuf_free_seg(m);
		return;
	}
	if (c->in_tail) {
		c->in_tail->next = m;
	} else {
		c->in_head = m;
		c->cur = m;
		c->in_off = 0;
		c->cur_off = 0;
	}
	c->in_tail = m;
}

void input_append(struct client *c, struct rte_mbuf *chain)
{
	while (chain) {
		struct rte_mbuf *next = chain->next;

		append_one(c, chain);
		chain = next;
	}
}

size_t input_chunk(struct client *c, const uint8_t **data)
{
	if (!c->cur)
		return 0;
	if (c->cur_off == c->cur->data_len && c->cur->next) {
		c->cur = c->cur->next;
		c->cur_off = 0;
	}
	*data = rte_pktmbuf_mtod_offset(c->cur, const uint8_t *, c->cur_off);
	return c->cur->data_len - c->cur_off;
}

// The next request begins at the cursor, in segment `head`.
static void begin_at(struct client *c, struct rte_mbuf *head)
{
	if (head != c->cur)
		c->cur_off = 0;
	c->in_head = head;
	c->cur = head;
	c->in_off = c->cur_off;
	c->parsed = 0;
	if (!head)
		c->in_tail = NULL;
}

void input_take(struct client *c, struct request *r)
{
	r->bytes = c->in_head;
	r->bytes_off = (uint16_t)c->in_off;
	r->len = c->parsed;
	// Segments that are used up go over with the client's own reference; one that is not is
	// shared from now on.
	if (c->cur_off == c->cur->data_len) {
		begin_at(c, c->cur->next);
	} else {
		if (c->cur_off > 0)
			rte_mbuf_refcnt_update(c->cur, 1);
		begin_at(c, c->cur);
	}
}

static void request_append(struct request *r, struct rte_mbuf *m)
{
	m->next = NULL;
	if (r->bytes)
		r->bytes_tail->next = m;
	else
		r->bytes = m;
	r->bytes_tail = m;
	r->len += m->data_len;
}

// The parsed bytes in the first segment.
static uint32_t first_part(const struct client *c)
{
	uint32_t in_first = c->in_head->data_len - c->in_off;

	return c->parsed < in_first ? c->parsed : in_first;
}

// Goes on behind `n` parsed bytes of the first segment; returns it if it is used up, and NULL if
// it stays.
static struct rte_mbuf *skip_first(struct client *c, uint32_t n)
{
	struct rte_mbuf *m = c->in_head;

	c->in_off += n;
	c->parsed -= n;
	if (c->in_off < m->data_len)
		return NULL;
	c->in_head = m->next;
	c->in_off = 0;
	if (c->cur == m) {
		c->cur = m->next;
		c->cur_off = 0;
	}
	if (!c->in_head)
		c->in_tail = NULL;
	return m;
}

bool input_move(struct client *c, struct request *r, struct rte_mempool *pool)
{
	while (c->parsed > 0) {
		struct rte_mbuf *m = c->in_head;
		uint32_t n = first_part(c);
		struct rte_mbuf *part;

		if (n == m->data_len && rte_mbuf_refcnt_read(m) == 1) {
			request_append(r, skip_first(c, n));
			continue;
		}
		part = rte_pktmbuf_alloc(pool);
		if (!part)
			return false;
		rte_pktmbuf_attach(part, m);
		part->data_off = (uint16_t)(m->data_off + c->in_off);
		part->data_len = (uint16_t)n;
		part->pkt_len = n;
		request_append(r, part);
		m = skip_first(c, n);
		if (m)
			rte_pktmbuf_free_seg(m);
	}
	return true;
}

void input_drop_some(struct client *c, uint32_t n)
{
	while (n > 0) {
		uint32_t part = first_part(c) < n ? first_part(c) : n;
		struct rte_mbuf *m = skip_first(c, part);

		if (m)
			rte_pktmbuf_free_seg(m);
		n -= part;
	}
}

uint32_t input_drop(struct client *c)
{
	uint32_t dropped = c->parsed;

	input_drop_some(c, dropped);
	return dropped;
}

uint32_t input_clear(struct client *c)
{
	uint32_t dropped = 0;
	struct rte_mbuf *m = c->in_head;

	while (m) {
		struct rte_mbuf *next = m->next;

		dropped += m->data_len;
		rte_pktmbuf_free_seg(m);
		m = next;
	}
	dropped -= c->in_head ? c->in_off : 0;
	c->in_head = NULL;
	c->in_tail = NULL;
	c->cur = NULL;
	c->in_off = 0;
	c->cur_off = 0;
	c->parsed = 0;
	return dropped;
}

struct slice input_slice(const struct client *c, uint64_t at, uint64_t len, char *buf, size_t cap)
{
	const struct rte_mbuf *m = c->in_head;
	uint64_t off = at + c->in_off;
	size_t got = 0;

	while (m && off >= m->data_len) {
		off -= m->data_len;
		m = m->next;
	}
	if (m && off + len <= m->data_len)
		return slice_make(rte_pktmbuf_mtod_offset(m, const char *, off), len);
	for (; m && got < len && got < cap; m = m->next, off = 0) {
		size_t step = m->data_len - (size_t)off;

		step = step < len - got ? step : (size_t)len - got;
		step = step < cap - got ? step : cap - got;
		memcpy(buf + got, rte_pktmbuf_mtod_offset(m, const char *, off), step);
		got += step;
	}
	return slice_make(buf, got);
}
