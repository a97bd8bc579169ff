// The send queue: bytes that are queued or sent and not yet acknowledged, as a chain of mbufs that
// are only read. Any byte can be found by its sequence number, so that a retransmission may have
// other boundaries than the first transmission.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "common/base/compiler.h"
#include "dataplane/tcp/tcp_seq.h"

// Where a sequence number lies, so that the next look-up need not start at the head. Whoever has
// one tells it when something was acknowledged.
struct tcp_cursor {
	struct rte_mbuf *m; // NULL: unknown
	uint32_t seq;       // of the first byte of m
};

struct tcp_send_queue {
	struct rte_mbuf *head;
	struct rte_mbuf *tail;
	uint32_t seq; // of the first byte of head
	uint32_t end; // behind the last byte
};

// `mem` counts the bytes that the queue pins.
void tcp_send_queue_init(struct tcp_send_queue *q, uint32_t seq);
void tcp_send_queue_free(struct tcp_send_queue *q, uint64_t *mem);

// Takes the chain. False when an mbuf that others hold could not be referred to for want of
// mbufs; the queue is then incomplete and the connection must end.
bool tcp_send_queue_put(struct tcp_send_queue *q, struct rte_mbuf *chain, uint64_t *mem) MUST_CHECK;

// Appends a copy. False when no mbuf is left; a part may then have been queued.
bool tcp_send_queue_copy(struct tcp_send_queue *q, struct rte_mempool *pool, const void *bytes,
	size_t len, uint64_t *mem) MUST_CHECK;

// Everything before `ack` is acknowledged.
void tcp_send_queue_ack(struct tcp_send_queue *q, uint32_t ack, uint64_t *mem);

static inline void tcp_cursor_ack(struct tcp_cursor *at, const struct tcp_send_queue *q)
{
	if (at->m != NULL && seq_lt(at->seq, q->seq))
		at->m = NULL;
}

// How many of the `len` bytes from `seq` on lie in at most `pieces` mbufs.
uint32_t tcp_send_queue_span(struct tcp_send_queue *q, struct tcp_cursor *at, uint32_t seq,
	uint32_t len, unsigned pieces);

// Puts bytes [seq, seq + len) behind the data of `m`: copied into its tailroom when they are few
// or in many pieces and its tailroom holds them, as indirect mbufs chained to it otherwise. The
// range lies in the queue. False when no mbuf is left.
bool tcp_send_queue_get(struct tcp_send_queue *q, struct tcp_cursor *at, uint32_t seq, uint32_t len,
	struct rte_mbuf *m) MUST_CHECK;
