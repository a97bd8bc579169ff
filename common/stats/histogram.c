#include "common/stats/histogram.h"

void histogram_merge(struct histogram *into, const struct histogram *from)
{
	into->count += from->count;
	into->sum += from->sum;
	if (from->max > into->max)
		into->max = from->max;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		into->bucket[i] += from->bucket[i];
}

static uint64_t bucket_middle(unsigned bucket)
{
	unsigned octave = bucket / HISTOGRAM_SUB;
	uint64_t low;
	uint64_t width;

	if (octave == 0)
		return bucket;
	width = UINT64_C(1) << (octave - 1);
	low = (HISTOGRAM_SUB + bucket % HISTOGRAM_SUB) * width;
	return low + width / 2;
}

uint64_t histogram_quantile(const struct histogram *h, unsigned per_mille)
{
	uint64_t rank = (h->count * per_mille + 999) / 1000;
	uint64_t seen = 0;

	if (h->count == 0)
		return 0;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += h->bucket[i];
		if (seen >= rank)
			return bucket_middle(i) < h->max ? bucket_middle(i) : h->max;
	}
	return h->max;
}

uint64_t histogram_mean(const struct histogram *h)
{
	return h->count != 0 ? h->sum / h->count : 0;
}
