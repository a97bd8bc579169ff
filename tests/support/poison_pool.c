#include "tests/support/poison_pool.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>
#include <rte_spinlock.h>

#include "tests/support/alloc_fail.h"

#if defined(__SANITIZE_ADDRESS__)
#define POISON_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POISON_ASAN 1
#endif
#endif

#ifdef POISON_ASAN
#include <sanitizer/asan_interface.h>
#endif

#define POISON_BYTE 0xdd

struct poison_pool {
	struct poison_pool *next;
	rte_spinlock_t lock;
	bool armed;
	unsigned size;
	unsigned head; // index of the oldest free object
	unsigned count;
	void *obj[];
};

// The mempool that points to it lies in memory that LeakSanitizer does not search: a program that
// exits with its pools is no leak.
static struct poison_pool *pools;

static size_t object_size(const struct rte_mempool *mp)
{
	return mp->elt_size;
}

#ifdef POISON_ASAN
static void poison(const struct rte_mempool *mp, void *obj)
{
	__asan_poison_memory_region(obj, object_size(mp));
}

static void unpoison(const struct rte_mempool *mp, void *obj)
{
	__asan_unpoison_memory_region(obj, object_size(mp));
}
#else
// The header stays: rte_pktmbuf_alloc relies on what the free left in it.
static unsigned char *data_of(void *obj, size_t *skip)
{
	*skip = sizeof(struct rte_mbuf);
	return (unsigned char *)obj + *skip;
}

static void poison(const struct rte_mempool *mp, void *obj)
{
	size_t skip;
	unsigned char *data = data_of(obj, &skip);

	memset(data, POISON_BYTE, object_size(mp) - skip);
}

static void unpoison(const struct rte_mempool *mp, void *obj)
{
	size_t skip;
	const unsigned char *data = data_of(obj, &skip);
	size_t len = object_size(mp) - skip;

	if (data[0] == POISON_BYTE && memcmp(data, data + 1, len - 1) == 0)
		return;
	fprintf(stderr, "poison_pool: mbuf %p of pool %s was written to while it was free\n", obj,
		mp->name);
	abort();
}
#endif

static int poison_alloc(struct rte_mempool *mp)
{
	struct poison_pool *p = calloc(1, sizeof(*p) + mp->size * sizeof(p->obj[0]));

	if (p == NULL)
		return -ENOMEM;
	rte_spinlock_init(&p->lock);
	p->size = mp->size;
	p->next = pools;
	pools = p;
	mp->pool_data = p;
	return 0;
}

static void poison_free(struct rte_mempool *mp)
{
	struct poison_pool *p = mp->pool_data;
	struct poison_pool **link = &pools;

	while (*link != p)
		link = &(*link)->next;
	*link = p->next;
	for (unsigned i = 0; p->armed && i < p->count; i++)
		unpoison(mp, p->obj[(p->head + i) % p->size]);
	free(p);
}

static int poison_enqueue(struct rte_mempool *mp, void *const *objs, unsigned n)
{
	struct poison_pool *p = mp->pool_data;
	int rc = -ENOBUFS;

	rte_spinlock_lock(&p->lock);
	if (n <= p->size - p->count) {
		for (unsigned i = 0; i < n; i++) {
			p->obj[(p->head + p->count) % p->size] = objs[i];
			p->count++;
			if (p->armed)
				poison(mp, objs[i]);
		}
		rc = 0;
	}
	rte_spinlock_unlock(&p->lock);
	return rc;
}

static int poison_dequeue(struct rte_mempool *mp, void **objs, unsigned n)
{
	struct poison_pool *p = mp->pool_data;
	int rc = -ENOBUFS;

	if (alloc_fail_now())
		return rc;
	rte_spinlock_lock(&p->lock);
	if (n <= p->count) {
		for (unsigned i = 0; i < n; i++) {
			objs[i] = p->obj[p->head];
			p->head = (p->head + 1) % p->size;
			p->count--;
			if (p->armed)
				unpoison(mp, objs[i]);
		}
		rc = 0;
	}
	rte_spinlock_unlock(&p->lock);
	return rc;
}

static unsigned poison_count(const struct rte_mempool *mp)
{
	const struct poison_pool *p = mp->pool_data;

	return p->count;
}

void poison_pool_arm(struct rte_mempool *pool)
{
	struct poison_pool *p = pool->pool_data;

	rte_spinlock_lock(&p->lock);
	p->armed = true;
	for (unsigned i = 0; i < p->count; i++)
		poison(pool, p->obj[(p->head + i) % p->size]);
	rte_spinlock_unlock(&p->lock);
}

static const struct rte_mempool_ops poison_ops = {
	.name = POISON_POOL_OPS,
	.alloc = poison_alloc,
	.free = poison_free,
	.enqueue = poison_enqueue,
	.dequeue = poison_dequeue,
	.get_count = poison_count,
};

RTE_MEMPOOL_REGISTER_OPS(poison_ops);
