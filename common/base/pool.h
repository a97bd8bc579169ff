// Fixed-size objects from one lazily touched mapping: no malloc after start, and memory that was
// never used costs nothing. One pool belongs to one thread.
#pragma once

#include <stdint.h>

#include "common/base/compiler.h"

struct pool {
	unsigned char *base;
	void *free;         // singly linked through the first word of free objects
	uint32_t item_size; // rounded up to 8, or to 64 when the item is at least a cache line
	uint32_t capacity;
	uint32_t touched; // objects ever handed out: the high-water mark
	uint32_t used;
};

// Returns 0 or -ENOMEM.
int pool_init(struct pool *pool, uint32_t item_size, uint32_t capacity) MUST_CHECK;
void pool_fini(struct pool *pool);

// NULL when `capacity` objects are out. The contents are undefined.
void *pool_get(struct pool *pool);
void pool_put(struct pool *pool, void *item);

// Index of an object, stable for its life, and back.
static inline uint32_t pool_index(const struct pool *pool, const void *item)
{
	return (uint32_t)((size_t)((const unsigned char *)item - pool->base) / pool->item_size);
}

static inline void *pool_at(const struct pool *pool, uint32_t index)
{
	return pool->base + (size_t)index * pool->item_size;
}
