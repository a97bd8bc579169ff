// Bytes that arrived in order and wait for the user: a chain of mbufs that hold payload only.
// Small segments are copied together, so that a peer that sends single bytes pins no more than
// one that sends full segments.
#pragma once

#include <stdint.h>

#include <rte_mbuf.h>

struct tcp_recv_queue {
	struct rte_mbuf *head;
	struct rte_mbuf *tail;
	uint32_t bytes;
};

// Takes one mbuf (its `next` is ignored).
void tcp_recv_queue_put(struct tcp_recv_queue *q, struct rte_mbuf *m, uint64_t *mem);

// Gives all away.
struct rte_mbuf *tcp_recv_queue_take(struct tcp_recv_queue *q, uint64_t *mem);

void tcp_recv_queue_free(struct tcp_recv_queue *q, uint64_t *mem);

// Whether `len` bytes would be copied into the last mbuf and so cost no memory.
bool tcp_recv_queue_absorbs(const struct tcp_recv_queue *q, uint32_t len);
