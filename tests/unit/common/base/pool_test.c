#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "common/base/pool.h"
#include "common/base/rng.h"

#define CAPACITY 100

static void hands_out_its_capacity_and_no_more(void **state)
{
	struct pool pool;
	unsigned char *item[CAPACITY];

	(void)state;
	assert_int_equal(pool_init(&pool, 24, CAPACITY), 0);
	for (unsigned i = 0; i < CAPACITY; i++) {
		item[i] = pool_get(&pool);
		assert_non_null(item[i]);
		assert_int_equal((uintptr_t)item[i] % 8, 0);
		assert_int_equal(pool_index(&pool, item[i]), i);
		assert_ptr_equal(pool_at(&pool, i), item[i]);
		memset(item[i], (int)i, 24); // apart from each other
	}
	assert_null(pool_get(&pool));
	assert_int_equal(pool.used, CAPACITY);
	for (unsigned i = 0; i < CAPACITY; i++)
		assert_int_equal(item[i][23], i);
	pool_put(&pool, item[42]);
	assert_ptr_equal(pool_get(&pool), item[42]);
	assert_null(pool_get(&pool));
	pool_fini(&pool);
}

static void large_items_begin_on_cache_lines(void **state)
{
	struct pool pool;

	(void)state;
	assert_int_equal(pool_init(&pool, 65, 3), 0);
	assert_int_equal(pool.item_size, 128);
	for (int i = 0; i < 3; i++)
		assert_int_equal((uintptr_t)pool_get(&pool) % CACHE_LINE, 0);
	pool_fini(&pool);
}

static void no_item_is_out_twice(void **state)
{
	struct pool pool;
	struct rng rng;
	void *out[CAPACITY + 1];
	unsigned n = 0;
	bool is_out[CAPACITY] = {false};

	(void)state;
	rng_seed(&rng, 9);
	assert_int_equal(pool_init(&pool, 8, CAPACITY), 0);
	for (int i = 0; i < 100000; i++) {
		if (rng_below(&rng, 2) == 0 && n > 0) {
			unsigned at = rng_below(&rng, n);

			is_out[pool_index(&pool, out[at])] = false;
			pool_put(&pool, out[at]);
			out[at] = out[--n];
		} else if ((out[n] = pool_get(&pool)) != NULL) {
			assert_false(is_out[pool_index(&pool, out[n])]);
			is_out[pool_index(&pool, out[n++])] = true;
		} else {
			assert_int_equal(n, CAPACITY);
		}
		assert_int_equal(pool.used, n);
	}
	pool_fini(&pool);
}

static void an_empty_pool_and_an_impossible_one(void **state)
{
	struct pool pool;

	(void)state;
	assert_int_equal(pool_init(&pool, 8, 0), 0);
	assert_null(pool_get(&pool));
	pool_fini(&pool);
	assert_int_equal(pool_init(&pool, UINT32_MAX - 64, UINT32_MAX), -ENOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hands_out_its_capacity_and_no_more),
		cmocka_unit_test(large_items_begin_on_cache_lines),
		cmocka_unit_test(no_item_is_out_twice),
		cmocka_unit_test(an_empty_pool_and_an_impossible_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
