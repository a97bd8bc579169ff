#include "common/base/pool.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

int pool_init(struct pool *pool, uint32_t item_size, uint32_t capacity)
{
	uint32_t align = item_size >= CACHE_LINE ? CACHE_LINE : 8;
	uint32_t rounded = (item_size + align - 1) & ~(align - 1);
	void *base = NULL;

	if (capacity > 0) {
		base = mmap(NULL, (size_t)rounded * capacity, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (base == MAP_FAILED)
			return -ENOMEM;
	}
	*pool = (struct pool){.base = base, .item_size = rounded, .capacity = capacity};
	return 0;
}

void pool_fini(struct pool *pool)
{
	if (pool->base != NULL)
		munmap(pool->base, (size_t)pool->item_size * pool->capacity);
	*pool = (struct pool){0};
}

void *pool_get(struct pool *pool)
{
	void *item = pool->free;

	if (item != NULL)
		memcpy(&pool->free, item, sizeof(pool->free));
	else if (pool->touched < pool->capacity)
		item = pool_at(pool, pool->touched++);
	else
		return NULL;
	pool->used++;
	return item;
}

void pool_put(struct pool *pool, void *item)
{
	memcpy(item, &pool->free, sizeof(pool->free));
	pool->free = item;
	pool->used--;
}
