// The frames that wait for net_collect, in order.
#pragma once

#include <stdbool.h>

#include <rte_mbuf.h>

#include "common/base/compiler.h"
#include "dataplane/net/net.h"

static_assert((NET_TX_MAX & (NET_TX_MAX - 1)) == 0, "the ring is indexed by a mask");

struct txq {
	uint32_t head; // next to collect; counts on for ever, as does `tail`
	uint32_t tail;
	struct rte_mbuf *frame[NET_TX_MAX];
};

static inline unsigned txq_room(const struct txq *q)
{
	return NET_TX_MAX - (q->tail - q->head);
}

// False when it is full.
static inline bool txq_push(struct txq *q, struct rte_mbuf *m)
{
	if (unlikely(txq_room(q) == 0))
		return false;
	q->frame[q->tail++ & (NET_TX_MAX - 1)] = m;
	return true;
}

static inline unsigned txq_pop(struct txq *q, struct rte_mbuf **frames, unsigned n)
{
	unsigned waiting = q->tail - q->head;

	n = n < waiting ? n : waiting;
	for (unsigned i = 0; i < n; i++)
		frames[i] = q->frame[q->head++ & (NET_TX_MAX - 1)];
	return n;
}
