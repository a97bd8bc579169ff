#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "dataplane/tcp/tcp_seq.h"

static void test_order_across_the_wrap(void **state)
{
	(void)state;
	assert_true(seq_lt(0xfffffff0u, 0x10));
	assert_true(seq_gt(0x10, 0xfffffff0u));
	assert_true(seq_leq(5, 5));
	assert_true(seq_geq(5, 5));
	assert_false(seq_lt(5, 5));
	assert_int_equal(seq_max(0xfffffff0u, 0x10), 0x10);
	assert_int_equal(seq_min(0xfffffff0u, 0x10), 0xfffffff0u);
	assert_int_equal(seq_ahead(0x10, 0xfffffff0u), 0x20);
	assert_int_equal(seq_ahead(0xfffffff0u, 0x10), 0);
}

// RFC 9293 §3.10.7.4, the table of four cases, around several places and across the wrap.
static void test_acceptability(void **state)
{
	static const uint32_t starts[] = {0, 1000, 0x7ffffff8u, 0xfffffff8u};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		uint32_t nxt = starts[i];

		assert_true(seq_acceptable(nxt, 0, nxt, 0));
		assert_false(seq_acceptable(nxt - 1, 0, nxt, 0));
		assert_false(seq_acceptable(nxt + 1, 0, nxt, 0));
		assert_false(seq_acceptable(nxt, 1, nxt, 0));
		assert_true(seq_acceptable(nxt, 0, nxt, 10));
		assert_true(seq_acceptable(nxt + 9, 0, nxt, 10));
		assert_true(seq_acceptable(nxt + 10, 0, nxt, 10));
		assert_false(seq_acceptable(nxt + 11, 0, nxt, 10));
		assert_false(seq_acceptable(nxt - 1, 0, nxt, 10));
		assert_true(seq_acceptable(nxt - 5, 6, nxt, 10));
		assert_false(seq_acceptable(nxt - 5, 5, nxt, 10));
		assert_true(seq_acceptable(nxt + 9, 100, nxt, 10));
		assert_false(seq_acceptable(nxt + 10, 100, nxt, 10));
		assert_true(seq_acceptable(nxt - 5, 100, nxt, 10));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_across_the_wrap),
		cmocka_unit_test(test_acceptability),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
