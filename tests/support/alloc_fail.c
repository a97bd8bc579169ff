#include "tests/support/alloc_fail.h"

#include <stddef.h>

#include "dataplane/tcp/tcp_types.h"

static __thread uint32_t nth;
static __thread bool repeats;
static __thread uint32_t seen;
static __thread const struct pool *spared[8];
static __thread unsigned spared_n;

void alloc_fail_at(uint32_t n, bool again)
{
	nth = n;
	repeats = again;
	seen = 0;
	spared_n = 0;
}

void alloc_fail_spare_sent(const struct tcp *tcp)
{
	spared[spared_n++ % 8] = &tcp->sents;
	spared[spared_n++ % 8] = &tcp->flights;
}

uint32_t alloc_fail_seen(void)
{
	return seen;
}

bool alloc_fail_now(void)
{
	uint32_t mixed;

	seen++;
	mixed = seen * 2654435761u;
	mixed ^= mixed >> 15;
	return nth != 0 && (repeats ? mixed % nth == 0 : seen == nth);
}

void *__wrap_pool_get(struct pool *pool)
{
	for (unsigned i = 0; i < spared_n; i++)
		if (spared[i] == pool)
			return __real_pool_get(pool);
	return alloc_fail_now() ? NULL : __real_pool_get(pool);
}
