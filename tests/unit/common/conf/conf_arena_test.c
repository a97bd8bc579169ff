#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdint.h>
#include <string.h>

#include "common/conf/conf_arena.h"

static void test_zeroed_and_aligned(void **state)
{
	struct conf_arena *arena = conf_arena_new();

	(void)state;
	for (size_t size = 0; size < 200; size++) {
		unsigned char *p = conf_arena_alloc(arena, size);

		assert_int_equal((uintptr_t)p % 16, 0);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0xff, size);
	}
	conf_arena_free(arena);
	conf_arena_free(NULL);
}

static void test_copy(void **state)
{
	struct conf_arena *arena = conf_arena_new();

	(void)state;
	assert_string_equal(conf_arena_copy(arena, slice_make("abcdef", 3)), "abc");
	assert_string_equal(conf_arena_copy(arena, slice_make(NULL, 0)), "");
	conf_arena_free(arena);
}

static void test_grow(void **state)
{
	struct conf_arena *arena = conf_arena_new();
	uint32_t *v = NULL;

	(void)state;
	for (uint32_t n = 0; n < 1000; n++) {
		v = conf_arena_grow(arena, v, n, sizeof(*v));
		v[n] = n;
	}
	for (uint32_t n = 0; n < 1000; n++)
		assert_int_equal(v[n], n);
	conf_arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zeroed_and_aligned),
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_grow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
