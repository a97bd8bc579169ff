// Log-linear histogram: 32 linear steps per power of two, so a value is known within 1/32 (3.2 %;
// its midpoint within 1.6 %), over the whole range of 2^40. Recording is an increment.
#pragma once

#include <stdint.h>

#define HISTOGRAM_SUB_BITS 5
#define HISTOGRAM_SUB (1u << HISTOGRAM_SUB_BITS)
#define HISTOGRAM_MAX_BITS 40
#define HISTOGRAM_BUCKETS ((HISTOGRAM_MAX_BITS - HISTOGRAM_SUB_BITS + 1) * HISTOGRAM_SUB)

struct histogram {
	uint64_t count;
	uint64_t sum;
	uint64_t max;
	uint64_t bucket[HISTOGRAM_BUCKETS];
};

// Values of 2^40 and above count as 2^40 - 1, but for `sum` and `max`.
static inline unsigned histogram_bucket(uint64_t value)
{
	unsigned top;

	if (value < HISTOGRAM_SUB)
		return (unsigned)value;
	if (value >> HISTOGRAM_MAX_BITS != 0)
		return HISTOGRAM_BUCKETS - 1;
	top = 63u - (unsigned)__builtin_clzll(value);
	return (top - HISTOGRAM_SUB_BITS + 1) * HISTOGRAM_SUB +
		(unsigned)(value >> (top - HISTOGRAM_SUB_BITS)) % HISTOGRAM_SUB;
}

static inline void histogram_add(struct histogram *h, uint64_t value)
{
	h->count++;
	h->sum += value;
	if (value > h->max)
		h->max = value;
	h->bucket[histogram_bucket(value)]++;
}

// Adds all of `from`, to sum over cores.
void histogram_merge(struct histogram *into, const struct histogram *from);

// The middle of the bucket that holds the given share of the values (0 < per_mille <= 1000);
// 0 when there are none.
uint64_t histogram_quantile(const struct histogram *h, unsigned per_mille);

uint64_t histogram_mean(const struct histogram *h);
