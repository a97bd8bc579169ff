#include "dataplane/session/reply.h"

#include <string.h>

static void link_tail(struct reply *out, struct rte_mbuf *m)
{
	if (out->tail)
		out->tail->next = m;
	else
		out->head = m;
	out->tail = m;
}

// Enough buffers for `len` more bytes, linked by next; NULL when there are not so many.
static struct rte_mbuf *reserve(struct rte_mempool *pool, size_t len)
{
	struct rte_mbuf *head = NULL;

	do {
		struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
		size_t room;

		if (!m) {
			rte_pktmbuf_free(head);
			return NULL;
		}
		room = rte_pktmbuf_tailroom(m);
		len -= len < room ? len : room;
		m->next = head;
		head = m;
	} while (len > 0);
	return head;
}

static size_t fill_tail(struct reply *out, struct slice bytes)
{
	struct rte_mbuf *m = out->tail;
	size_t room = rte_pktmbuf_tailroom(m);
	size_t n = bytes.len < room ? bytes.len : room;

	memcpy(rte_pktmbuf_mtod_offset(m, char *, m->data_len), bytes.ptr, n);
	m->data_len = (uint16_t)(m->data_len + n);
	out->len += (uint32_t)n;
	return n;
}

bool reply_copy(struct reply *out, struct slice bytes)
{
	size_t room = out->open ? rte_pktmbuf_tailroom(out->tail) : 0;
	struct rte_mbuf *fresh = NULL;

	if (bytes.len > room) {
		fresh = reserve(out->pool, bytes.len - room);
		if (!fresh)
			return false;
	}
	if (room > 0) {
		size_t n = fill_tail(out, bytes);

		bytes = slice_make(bytes.ptr + n, bytes.len - n);
	}
	while (fresh) {
		struct rte_mbuf *m = fresh;
		size_t n;

		fresh = m->next;
		m->next = NULL;
		link_tail(out, m);
		out->open = true;
		n = fill_tail(out, bytes);
		bytes = slice_make(bytes.ptr + n, bytes.len - n);
	}
	return true;
}

bool reply_refer(struct reply *out, struct rte_mbuf *m, uint16_t off, uint32_t len)
{
	struct rte_mbuf *part = rte_pktmbuf_alloc(out->pool);

	if (!part)
		return false;
	rte_pktmbuf_attach(part, m);
	part->data_off = (uint16_t)(m->data_off + off);
	part->data_len = (uint16_t)len;
	part->pkt_len = len;
	link_tail(out, part);
	out->open = false;
	out->len += len;
	return true;
}

void reply_take(struct reply *out, struct rte_mbuf *chain)
{
	for (struct rte_mbuf *m = chain; m; m = m->next) {
		link_tail(out, m);
		out->len += m->data_len;
		out->open = false;
	}
}

void reply_free(struct reply *out)
{
	rte_pktmbuf_free(out->head);
	out->head = NULL;
	out->tail = NULL;
	out->len = 0;
	out->open = false;
}
