// Lists of small pool objects, oldest first, linked by their indices: 8 bytes an object instead of
// the 16 of struct list. The objects all lie in one pool, which each call is given; their struct
// tcp_fifo_link is where the list's `offset` says. The list owns nothing.
#pragma once

#include <stdint.h>

#include "common/base/pool.h"

// Index in the pool + 1; 0: none.
struct tcp_fifo_link {
	uint32_t prev;
	uint32_t next;
};

struct tcp_fifo {
	uint32_t first;
	uint32_t last;
	uint32_t offset; // of the link in the object
};

static inline struct tcp_fifo_link *tcp_fifo_at(
	const struct tcp_fifo *fifo, const struct pool *pool, uint32_t ref)
{
	return (void *)((unsigned char *)pool_at(pool, ref - 1) + fifo->offset);
}

// NULL when it is empty.
static inline void *tcp_fifo_first(const struct tcp_fifo *fifo, const struct pool *pool)
{
	return fifo->first != 0 ? pool_at(pool, fifo->first - 1) : NULL;
}

static inline void tcp_fifo_push(
	struct tcp_fifo *fifo, struct pool *pool, struct tcp_fifo_link *link)
{
	uint32_t ref = pool_index(pool, link) + 1;

	*link = (struct tcp_fifo_link){.prev = fifo->last};
	if (fifo->last != 0)
		tcp_fifo_at(fifo, pool, fifo->last)->next = ref;
	else
		fifo->first = ref;
	fifo->last = ref;
}

// `link` is in the list.
static inline void tcp_fifo_remove(
	struct tcp_fifo *fifo, struct pool *pool, struct tcp_fifo_link *link)
{
	if (link->prev != 0)
		tcp_fifo_at(fifo, pool, link->prev)->next = link->next;
	else
		fifo->first = link->next;
	if (link->next != 0)
		tcp_fifo_at(fifo, pool, link->next)->prev = link->prev;
	else
		fifo->last = link->prev;
}
