#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "dataplane/tcp/cc.h"

static const struct mono now = {.ns = 1};

static void test_initial_window(void **state)
{
	static const uint32_t mss[] = {536, 1460, 8960};
	static const uint32_t cwnd[] = {5360, 14600, 17920};
	struct tcp_cc cc;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		cc_newreno.init(&cc, mss[i], false);
		assert_int_equal(cc.cwnd, cwnd[i]);
	}
	cc_newreno.init(&cc, 1460, true);
	assert_int_equal(cc.cwnd, 1460);
}

static void test_slow_start_then_avoidance(void **state)
{
	struct tcp_cc cc;

	(void)state;
	cc_newreno.init(&cc, 1000, false);
	cc_newreno.on_ack(&cc, 10000, now);
	assert_int_equal(cc.cwnd, 20000);
	cc_newreno.on_loss(&cc, 20000, now);
	assert_int_equal(cc.cwnd, 10000);
	assert_int_equal(cc.ssthresh, 10000);
	for (int i = 0; i < 9; i++)
		cc_newreno.on_ack(&cc, 1000, now);
	assert_int_equal(cc.cwnd, 10000);
	cc_newreno.on_ack(&cc, 1000, now);
	assert_int_equal(cc.cwnd, 11000); // one segment a round trip
}

static void test_timeout(void **state)
{
	struct tcp_cc cc;

	(void)state;
	cc_newreno.init(&cc, 1000, false);
	cc_newreno.on_rto(&cc, 8000, true);
	assert_int_equal(cc.cwnd, 1000);
	assert_int_equal(cc.ssthresh, 4000);
	cc_newreno.on_rto(&cc, 1000, false);
	assert_int_equal(cc.ssthresh, 4000); // §3.1: not again for the same data
	cc_newreno.on_rto(&cc, 1000, true);
	assert_int_equal(cc.ssthresh, 2000);
}

static void test_no_burst_after_recovery(void **state)
{
	struct tcp_cc cc;

	(void)state;
	cc_newreno.init(&cc, 1000, false);
	cc_newreno.on_loss(&cc, 40000, now);
	cc_newreno.on_recovered(&cc, 0);
	assert_int_equal(cc.cwnd, 2000);
	assert_int_equal(cc.ssthresh, 20000);
}

static void test_idle(void **state)
{
	struct tcp_cc cc;

	(void)state;
	cc_newreno.init(&cc, 1000, false);
	cc_newreno.on_ack(&cc, 50000, now);
	cc_newreno.on_idle(&cc);
	assert_int_equal(cc.cwnd, 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_initial_window),
		cmocka_unit_test(test_slow_start_then_avoidance),
		cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_no_burst_after_recovery),
		cmocka_unit_test(test_idle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
