#include "common/cluster/ring_rack.h"

#include <stdlib.h>

#include "common/base/compiler.h"

// So many points are compared without a branch on any of them. There are one to two for each value
// of the upper bits: more than so many are rare, unless tokens are bunched.
#define WINDOW 8

static uint64_t point_make(uint32_t token, uint32_t node)
{
	return (uint64_t)token << 32 | node;
}

void ring_rack_count(struct ring_rack *rack, uint32_t node, uint32_t token_n)
{
	if (rack->node_n++ == 0)
		rack->first_node = node;
	rack->token_n += token_n;
}

// As many values as there are tokens, rounded down to a power of two; but two at least, since a
// shift by all 32 bits is none.
static uint32_t upper_bits(const struct ring_rack *rack)
{
	return rack->token_n < 4 ? 1 : 31 - (uint32_t)__builtin_clz(rack->token_n);
}

size_t ring_rack_point_bytes(const struct ring_rack *rack)
{
	return ((size_t)rack->token_n + WINDOW) * sizeof(rack->point[0]);
}

size_t ring_rack_start_bytes(const struct ring_rack *rack)
{
	return (((size_t)1 << upper_bits(rack)) + 1) * sizeof(rack->start[0]);
}

void ring_rack_place(struct ring_rack *rack, void *point, void *start)
{
	rack->point = point;
	rack->start = start;
	rack->shift = 32 - upper_bits(rack);
	rack->token_n = 0;
}

void ring_rack_add(struct ring_rack *rack, uint32_t node, const uint32_t *tokens, uint32_t token_n)
{
	for (uint32_t i = 0; i < token_n; i++)
		rack->point[rack->token_n++] = point_make(tokens[i], node);
}

static int point_order(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint32_t lowest_owner(const struct ring_rack *rack)
{
	if (rack->token_n > 0)
		return (uint32_t)rack->point[0];
	return rack->node_n == 1 ? rack->first_node : RING_NO_NODE;
}

void ring_rack_sort(struct ring_rack *rack)
{
	uint32_t values = 1U << (32 - rack->shift);
	uint32_t at = 0;

	qsort(rack->point, rack->token_n, sizeof(rack->point[0]), point_order);
	for (uint32_t i = 0; i < WINDOW; i++)
		rack->point[rack->token_n + i] = point_make(UINT32_MAX, lowest_owner(rack));
	for (uint32_t value = 0; value < values; value++) {
		while (at < rack->token_n && rack->point[at] >> 32 >> rack->shift < value)
			at++;
		rack->start[value] = at;
	}
	rack->start[values] = rack->token_n;
}

// The part of `n` points, of at most a window, in which the first that is not below `key` is, or
// right behind which it is.
static const uint64_t *narrow(const uint64_t *point, uint32_t n, uint64_t key)
{
	while (n > WINDOW) {
		uint32_t half = n / 2;

		// A product, since nobody can predict this branch.
		point += half * (point[half - 1] < key);
		n -= half;
	}
	return point;
}

uint32_t ring_owner(const struct ring_rack *rack, uint32_t hash)
{
	const uint32_t *start = rack->start + (hash >> rack->shift);
	const uint64_t *point = rack->point + start[0];
	uint64_t key = point_make(hash, 0);
	uint32_t below = 0;

	if (unlikely(start[1] - start[0] > WINDOW))
		point = narrow(point, start[1] - start[0], key);
	for (uint32_t i = 0; i < WINDOW; i++)
		below += point[i] < key;
	return (uint32_t)point[below];
}
