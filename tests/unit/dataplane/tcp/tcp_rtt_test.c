#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "dataplane/tcp/tcp_rtt.h"

static void test_first_and_later_samples(void **state)
{
	struct tcp_rtt rtt;

	(void)state;
	tcp_rtt_init(&rtt);
	assert_int_equal(rtt.rto, 1000000);
	tcp_rtt_sample(&rtt, 100 * NS_PER_MS);
	assert_int_equal(rtt.srtt, 100000);
	assert_int_equal(rtt.rttvar, 50000);
	assert_int_equal(rtt.rto, 300000);
	tcp_rtt_sample(&rtt, 200 * NS_PER_MS);
	assert_int_equal(rtt.srtt, 112500);
	assert_int_equal(rtt.rttvar, 62500);
	assert_int_equal(rtt.rto, 362500);
}

static void test_steady_path_keeps_a_margin(void **state)
{
	struct tcp_rtt rtt;

	(void)state;
	tcp_rtt_init(&rtt);
	for (int i = 0; i < 200; i++)
		tcp_rtt_sample(&rtt, 50 * NS_PER_US);
	assert_in_range(rtt.srtt, 43, 57);
	assert_in_range(rtt.rto, rtt.srtt + 50000, rtt.srtt + 50100);
}

static void test_bounds_and_backoff(void **state)
{
	struct tcp_rtt rtt;

	(void)state;
	tcp_rtt_init(&rtt);
	tcp_rtt_sample(&rtt, 0);
	assert_int_equal(tcp_rtt_timeout(&rtt, 0, 200 * NS_PER_MS, NS_PER_SEC), 200 * NS_PER_MS);
	assert_int_equal(tcp_rtt_timeout(&rtt, 2, 200 * NS_PER_MS, NS_PER_SEC), 800 * NS_PER_MS);
	assert_int_equal(tcp_rtt_timeout(&rtt, 3, 200 * NS_PER_MS, NS_PER_SEC), NS_PER_SEC);
	assert_int_equal(tcp_rtt_timeout(&rtt, 255, 200 * NS_PER_MS, NS_PER_SEC), NS_PER_SEC);
	tcp_rtt_sample(&rtt, UINT64_MAX);
	assert_in_range(tcp_rtt_timeout(&rtt, 16, 1, UINT64_MAX), NS_PER_SEC, UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_and_later_samples),
		cmocka_unit_test(test_steady_path_keeps_a_margin),
		cmocka_unit_test(test_bounds_and_backoff),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
