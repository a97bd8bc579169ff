#include "dataplane/tcp/tcp_recv_queue.h"

#include <string.h>

#include "dataplane/tcp/tcp_mem.h"

bool tcp_recv_queue_absorbs(const struct tcp_recv_queue *q, uint32_t len)
{
	return q->tail != NULL && len <= TCP_COPY_MAX && rte_pktmbuf_tailroom(q->tail) >= len &&
		tcp_mem_private(q->tail);
}

void tcp_recv_queue_put(struct tcp_recv_queue *q, struct rte_mbuf *m, uint64_t *mem)
{
	uint16_t len = m->data_len;

	q->bytes += len;
	if (tcp_recv_queue_absorbs(q, len)) {
		memcpy(rte_pktmbuf_mtod_offset(q->tail, void *, q->tail->data_len),
			rte_pktmbuf_mtod(m, const void *), len);
		q->tail->data_len = (uint16_t)(q->tail->data_len + len);
		rte_pktmbuf_free_seg(m);
		return;
	}
	m->next = NULL;
	if (q->tail == NULL)
		q->head = m;
	else
		q->tail->next = m;
	q->tail = m;
	*mem += tcp_mem_of(m);
}

struct rte_mbuf *tcp_recv_queue_take(struct tcp_recv_queue *q, uint64_t *mem)
{
	struct rte_mbuf *head = q->head;

	for (const struct rte_mbuf *m = head; m != NULL; m = m->next)
		*mem -= tcp_mem_of(m);
	*q = (struct tcp_recv_queue){0};
	return head;
}

void tcp_recv_queue_free(struct tcp_recv_queue *q, uint64_t *mem)
{
	struct rte_mbuf *m = tcp_recv_queue_take(q, mem);

	while (m != NULL) {
		struct rte_mbuf *next = m->next;

		rte_pktmbuf_free_seg(m);
		m = next;
	}
}
