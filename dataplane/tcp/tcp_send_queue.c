#include "dataplane/tcp/tcp_send_queue.h"

#include <string.h>

#include "dataplane/tcp/tcp_mem.h"

// A segment in more pieces than this is copied: some ports take no long chains.
#define PIECES_MAX 3
// In hash.usr of an mbuf that came from tcp_send_queue_copy: it may be appended to.
#define OWN 1

void tcp_send_queue_init(struct tcp_send_queue *q, uint32_t seq)
{
	*q = (struct tcp_send_queue){.seq = seq, .end = seq};
}

static struct rte_mbuf *pop(struct tcp_send_queue *q, uint64_t *mem)
{
	struct rte_mbuf *m = q->head;

	q->head = m->next;
	if (q->head == NULL)
		q->tail = NULL;
	q->seq += m->data_len;
	*mem -= tcp_mem_of(m);
	return m;
}

void tcp_send_queue_free(struct tcp_send_queue *q, uint64_t *mem)
{
	while (q->head != NULL)
		rte_pktmbuf_free_seg(pop(q, mem));
	q->seq = q->end;
}

static void push(struct tcp_send_queue *q, struct rte_mbuf *m, bool own, uint64_t *mem)
{
	m->next = NULL;
	if (q->tail == NULL)
		q->head = m;
	else
		q->tail->next = m;
	q->tail = m;
	m->hash.usr = own ? OWN : 0;
	q->end += m->data_len;
	*mem += tcp_mem_of(m);
}

// An mbuf whose struct others hold too can't be linked into this queue: its `next` is theirs as
// well. A reference of our own takes its place.
static struct rte_mbuf *own_link(struct rte_mbuf *m)
{
	struct rte_mbuf *ref;

	if (likely(rte_mbuf_refcnt_read(m) == 1))
		return m;
	ref = rte_pktmbuf_alloc(m->pool);
	if (ref != NULL)
		rte_pktmbuf_attach(ref, m);
	rte_pktmbuf_free_seg(m);
	return ref;
}

bool tcp_send_queue_put(struct tcp_send_queue *q, struct rte_mbuf *chain, uint64_t *mem)
{
	bool ok = true;

	while (chain != NULL) {
		struct rte_mbuf *m = chain;

		chain = m->next;
		if (m->data_len == 0 || !ok) {
			rte_pktmbuf_free_seg(m);
			continue;
		}
		m = own_link(m);
		ok = m != NULL;
		if (ok)
			push(q, m, false, mem);
	}
	return ok;
}

bool tcp_send_queue_copy(struct tcp_send_queue *q, struct rte_mempool *pool, const void *bytes,
	size_t len, uint64_t *mem)
{
	const uint8_t *p = bytes;

	while (len > 0) {
		uint16_t room = q->tail != NULL && q->tail->hash.usr == OWN
			? rte_pktmbuf_tailroom(q->tail)
			: 0;
		uint16_t n;

		if (room == 0) {
			struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

			if (m == NULL)
				return false;
			push(q, m, true, mem);
			continue;
		}
		n = len < room ? (uint16_t)len : room;
		// Behind all bytes that a reference made so far can see.
		memcpy(rte_pktmbuf_mtod_offset(q->tail, void *, q->tail->data_len), p, n);
		q->tail->data_len = (uint16_t)(q->tail->data_len + n);
		q->end += n;
		p += n;
		len -= n;
	}
	return true;
}

void tcp_send_queue_ack(struct tcp_send_queue *q, uint32_t ack, uint64_t *mem)
{
	while (q->head != NULL && seq_leq(q->seq + q->head->data_len, ack))
		rte_pktmbuf_free_seg(pop(q, mem));
}

static void seek(const struct tcp_send_queue *q, struct tcp_cursor *at, uint32_t seq)
{
	if (at->m == NULL || seq_lt(seq, at->seq))
		*at = (struct tcp_cursor){.m = q->head, .seq = q->seq};
	while (seq_geq(seq, at->seq + at->m->data_len)) {
		at->seq += at->m->data_len;
		at->m = at->m->next;
	}
}

uint32_t tcp_send_queue_span(struct tcp_send_queue *q, struct tcp_cursor *at, uint32_t seq,
	uint32_t len, unsigned pieces)
{
	const struct rte_mbuf *m;
	uint32_t have;

	seek(q, at, seq);
	m = at->m;
	have = m->data_len - (seq - at->seq);
	while (have < len && --pieces > 0) {
		m = m->next;
		have += m->data_len;
	}
	return RTE_MIN(have, len);
}

static unsigned count_pieces(const struct rte_mbuf *m, uint32_t off, uint32_t len)
{
	unsigned n = 1;

	for (uint32_t have = m->data_len - off; have < len; have += m->data_len) {
		m = m->next;
		n++;
	}
	return n;
}

static void copy_range(const struct rte_mbuf *m, uint32_t off, uint32_t len, struct rte_mbuf *out)
{
	while (len > 0) {
		uint32_t n = RTE_MIN(m->data_len - off, len);

		memcpy(rte_pktmbuf_mtod_offset(out, void *, out->data_len),
			rte_pktmbuf_mtod_offset(m, const void *, off), n);
		out->data_len = (uint16_t)(out->data_len + n);
		out->pkt_len += n;
		len -= n;
		off = 0;
		m = m->next;
	}
}

static bool refer_range(struct rte_mbuf *m, uint32_t off, uint32_t len, struct rte_mbuf *out)
{
	struct rte_mbuf *last = out;

	while (len > 0) {
		uint16_t n = (uint16_t)RTE_MIN(m->data_len - off, len);
		struct rte_mbuf *ref = rte_pktmbuf_alloc(out->pool);

		if (ref == NULL)
			return false;
		rte_pktmbuf_attach(ref, m);
		ref->data_off = (uint16_t)(ref->data_off + off);
		ref->data_len = n;
		ref->pkt_len = n;
		last->next = ref;
		last = ref;
		out->nb_segs++;
		out->pkt_len += n;
		len -= n;
		off = 0;
		m = m->next;
	}
	return true;
}

static void unrefer(struct rte_mbuf *m)
{
	rte_pktmbuf_free(m->next);
	m->next = NULL;
	m->nb_segs = 1;
	m->pkt_len = m->data_len;
}

bool tcp_send_queue_get(struct tcp_send_queue *q, struct tcp_cursor *at, uint32_t seq, uint32_t len,
	struct rte_mbuf *m)
{
	uint32_t off;

	seek(q, at, seq);
	off = seq - at->seq;
	if (len > TCP_COPY_MAX &&
		(len > rte_pktmbuf_tailroom(m) || count_pieces(at->m, off, len) <= PIECES_MAX)) {
		if (likely(refer_range(at->m, off, len, m)))
			return true;
		// No mbuf is left to refer with: a copy takes none.
		unrefer(m);
		if (rte_pktmbuf_tailroom(m) < len)
			return false;
	}
	copy_range(at->m, off, len, m);
	return true;
}
