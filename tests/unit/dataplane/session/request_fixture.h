// A request whose bytes lie in segments of chosen sizes, as TCP may have delivered them.
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>

#include "common/proto/resp_cmd.h"
#include "dataplane/session/request.h"

#define FIX_BYTES_MAX (256 * 1024)
#define FIX_LEAD 5 // bytes of the request before it, in its first segment

struct fix_bytes {
	char at[FIX_BYTES_MAX];
	size_t len;
};

// "*n\r\n", then n times fix_arg.
static inline void fix_begin(struct fix_bytes *b, uint32_t n)
{
	b->len = (size_t)snprintf(b->at, sizeof(b->at), "*%u\r\n", n);
}

static inline void fix_arg(struct fix_bytes *b, const char *arg, size_t len)
{
	assert_true(b->len + len + 16 < sizeof(b->at));
	b->len += (size_t)snprintf(b->at + b->len, 16, "$%zu\r\n", len);
	memcpy(b->at + b->len, arg, len);
	memcpy(b->at + b->len + len, "\r\n", 2);
	b->len += len + 2;
}

static inline void fix_segment(
	struct request *r, struct rte_mempool *pool, const char *bytes, size_t n)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

	assert_non_null(m);
	memcpy(rte_pktmbuf_append(m, (uint16_t)n), bytes, n);
	if (r->bytes_tail)
		r->bytes_tail->next = m;
	else
		r->bytes = m;
	r->bytes_tail = m;
}

// Cuts the bytes into segments of `size`; what comes before and behind belongs to others.
static inline struct request fix_request(
	struct rte_mempool *pool, const struct fix_bytes *b, size_t size)
{
	struct request r = {.bytes_off = FIX_LEAD, .len = (uint32_t)b->len};
	char *all = malloc(b->len + 2 * FIX_LEAD);
	size_t len = b->len + 2 * FIX_LEAD;

	assert_non_null(all);
	memset(all, '$', len);
	memcpy(all + FIX_LEAD, b->at, b->len);
	// The first holds at least one byte of the request.
	for (size_t at = 0, n; at < len; at += n) {
		n = at == 0 && size <= FIX_LEAD ? FIX_LEAD + 1 : size;
		n = n < len - at ? n : len - at;
		fix_segment(&r, pool, all + at, n);
	}
	free(all);
	return r;
}

static inline void fix_request_free(struct request *r)
{
	while (r->bytes) {
		struct rte_mbuf *next = r->bytes->next;

		r->bytes->next = NULL;
		rte_pktmbuf_free_seg(r->bytes);
		r->bytes = next;
	}
}
