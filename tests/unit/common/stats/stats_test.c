#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"
#include "common/stats/histogram.h"
#include "common/stats/stats.h"

static struct histogram h;

static int setup(void **state)
{
	(void)state;
	memset(&h, 0, sizeof(h));
	return 0;
}

static void buckets_grow_with_values_and_cover_all(void **state)
{
	unsigned last = 0;

	(void)state;
	for (unsigned bits = 2; bits < 64; bits++) {
		uint64_t edge = UINT64_C(1) << bits;
		const uint64_t near[] = {edge - 1, edge, edge + 1, edge + edge / 3};

		for (unsigned i = 0; i < 4; i++) {
			unsigned bucket = histogram_bucket(near[i]);

			assert_true(bucket >= last && bucket < HISTOGRAM_BUCKETS);
			last = bucket;
		}
	}
	assert_int_equal(last, HISTOGRAM_BUCKETS - 1);
}

// One value at a time, over the whole range: what comes back is within 1.6 % of it.
static void a_single_value_comes_back_accurately(void **state)
{
	struct rng rng;

	(void)state;
	rng_seed(&rng, 2);
	for (int i = 0; i < 20000; i++) {
		uint64_t v = rng_u64(&rng) >> (24 + rng_below(&rng, 40));
		uint64_t got;

		h = (struct histogram){0};
		histogram_add(&h, v);
		h.max = UINT64_MAX; // or it would cap what is tested
		got = histogram_quantile(&h, 500);
		assert_true((got > v ? got - v : v - got) * 1000 <= v * 16);
	}
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a;
	const uint64_t *y = b;

	return (*x > *y) - (*x < *y);
}

static void quantiles_agree_with_sorting(void **state)
{
	static uint64_t v[10000];
	static const unsigned per_mille[] = {1, 10, 250, 500, 950, 990, 999, 1000};
	struct rng rng;
	uint64_t sum = 0;

	(void)state;
	rng_seed(&rng, 3);
	for (unsigned i = 0; i < 10000; i++) {
		v[i] = rng_u64(&rng) >> (30 + rng_below(&rng, 30));
		sum += v[i];
		histogram_add(&h, v[i]);
	}
	qsort(v, 10000, sizeof(v[0]), compare);
	for (unsigned i = 0; i < 8; i++) {
		uint64_t want = v[per_mille[i] * 10 - 1];
		uint64_t got = histogram_quantile(&h, per_mille[i]);

		assert_true((got > want ? got - want : want - got) * 1000 <= want * 16 + 500);
	}
	assert_int_equal(h.max, v[9999]);
	assert_int_equal(histogram_mean(&h), sum / 10000);
	assert_int_equal(h.count, 10000);
}

static void empty_huge_and_zero(void **state)
{
	(void)state;
	assert_int_equal(histogram_quantile(&h, 990), 0);
	assert_int_equal(histogram_mean(&h), 0);
	histogram_add(&h, 0);
	assert_int_equal(histogram_quantile(&h, 1000), 0);
	histogram_add(&h, UINT64_C(1) << 50);
	assert_int_equal(h.bucket[HISTOGRAM_BUCKETS - 1], 1);
	assert_int_equal(h.max, UINT64_C(1) << 50);
}

static void merging_is_adding_all(void **state)
{
	static struct histogram a;
	static struct histogram b;

	(void)state;
	for (uint64_t i = 0; i < 1000; i++) {
		histogram_add(i % 2 == 0 ? &a : &b, i * i);
		histogram_add(&h, i * i);
	}
	histogram_merge(&a, &b);
	assert_memory_equal(&a, &h, sizeof(h));
}

// Rows are in the order of their enums, and every one says what it is.
static void every_row_has_its_name_and_help(void **state)
{
	(void)state;
	assert_string_equal(stat_rows[STAT_client_eof].name, "client_eof");
	assert_string_equal(stat_rows[STAT_epoch].name, "epoch");
	assert_int_equal(stat_rows[STAT_epoch].kind, STAT_GAUGE);
	assert_string_equal(drop_rows[DROP_TCP_PAWS].name, "TCP_PAWS");
	assert_string_equal(hist_rows[HIST_server_batch].name, "server_batch");
	for (unsigned i = 0; i < STAT_N; i++)
		assert_true(strlen(stat_rows[i].name) > 0 && strlen(stat_rows[i].help) > 0);
	for (unsigned i = 0; i < DROP_N; i++)
		assert_true(strlen(drop_rows[i].name) > 0 && strlen(drop_rows[i].help) > 0);
	for (unsigned i = 0; i < HIST_N; i++)
		assert_true(strlen(hist_rows[i].name) > 0 && strlen(hist_rows[i].help) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(buckets_grow_with_values_and_cover_all, setup),
		cmocka_unit_test_setup(a_single_value_comes_back_accurately, setup),
		cmocka_unit_test_setup(quantiles_agree_with_sorting, setup),
		cmocka_unit_test_setup(empty_huge_and_zero, setup),
		cmocka_unit_test_setup(merging_is_adding_all, setup),
		cmocka_unit_test_setup(every_row_has_its_name_and_help, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
