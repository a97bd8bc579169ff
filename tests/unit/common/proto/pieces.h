// A source whose bytes lie in pieces of a few bytes, each in memory of its own, so that a sanitizer
// sees what is read beyond one; and which insists that nobody goes back.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"
#include "common/proto/resp_range.h"

enum { PIECES_PARTS_MAX = 16 };

struct pieces {
	const struct slice *parts;
	uint32_t part_n;
	uint32_t piece_max;
	struct rng rng;
	uint64_t at[PIECES_PARTS_MAX];
	char *last;
};

static inline struct slice pieces_get(void *ctx, uint32_t part, uint64_t at)
{
	struct pieces *p = ctx;
	size_t n;

	assert_true(part < p->part_n);
	assert_true(at >= p->at[part]);
	p->at[part] = at;
	free(p->last);
	p->last = NULL;
	if (at >= p->parts[part].len)
		return (struct slice){0};
	n = 1 + rng_below(&p->rng, p->piece_max);
	n = n < p->parts[part].len - at ? n : p->parts[part].len - at;
	p->last = malloc(n);
	memcpy(p->last, p->parts[part].ptr + at, n);
	return slice_make(p->last, n);
}

// Ends with pieces_end().
static inline struct resp_source pieces_start(
	struct pieces *p, const struct slice *parts, uint32_t part_n, uint64_t seed)
{
	*p = (struct pieces){.parts = parts, .part_n = part_n};
	rng_seed(&p->rng, seed);
	p->piece_max = 1 + rng_below(&p->rng, 30);
	return (struct resp_source){.piece = pieces_get, .ctx = p};
}

static inline void pieces_end(struct pieces *p)
{
	free(p->last);
	p->last = NULL;
}
