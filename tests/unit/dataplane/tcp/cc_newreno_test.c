#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "dataplane/tcp/cc.h"
#include "tests/unit/dataplane/tcp/cc_random.h"

#define LIMIT CC_RANDOM_LIMIT

static const struct mono start = {.ns = NS_PER_SEC};

static struct mono at_ms(uint64_t ms)
{
	return mono_add(start, ms * NS_PER_MS);
}

// Sender with as much to send as cwnd allows.
static void ack(struct tcp_cc *cc, uint32_t acked)
{
	cc_newreno.on_ack(cc,
		&(struct cc_ack){.acked = acked,
			.in_flight = cc->cwnd > acked ? cc->cwnd - acked : 0,
			.cwnd_limited = true,
			.now = start});
}

static void test_initial_window(void **state)
{
	static const uint32_t mss[] = {64, 536, 1460, 8960};
	static const uint32_t cwnd[] = {640, 5360, 14600, 17920};
	struct tcp_cc cc;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		cc_newreno.init(&cc, mss[i], false);
		assert_int_equal(cc.cwnd, cwnd[i]);
		assert_int_equal(cc.ssthresh, UINT32_MAX);
	}
	cc_newreno.init(&cc, 1460, true);
	assert_int_equal(cc.cwnd, 1460);
}

static void test_slow_start_then_avoidance(void **state)
{
	struct tcp_cc cc;

	(void)state;
	cc_newreno.init(&cc, 1000, false);
	ack(&cc, 10000);
	assert_int_equal(cc.cwnd, 20000);
	cc_newreno.on_congestion(&cc, 20000, start);
	assert_int_equal(cc.cwnd, 10000);
	assert_int_equal(cc.ssthresh, 10000);
	for (int i = 0; i < 9; i++)
		ack(&cc, 1000);
	assert_int_equal(cc.cwnd, 10000);
	ack(&cc, 1000);
	assert_int_equal(cc.cwnd, 11000); // one segment a round trip
}

static void test_slow_start_ends_at_ssthresh(void **state)
{
	struct tcp_cc cc;

	(void)state;
	cc_newreno.init(&cc, 1000, false);
	cc_newreno.on_rto(&cc, 10000, true, start);
	ack(&cc, 3000);
	assert_int_equal(cc.cwnd, 4000);
	ack(&cc, 4000); // 1000 are slow start's, 3000 count for avoidance
	assert_int_equal(cc.cwnd, 5000);
	ack(&cc, 2000);
	assert_int_equal(cc.cwnd, 6000);
}

static void test_no_growth_of_what_is_not_used(void **state)
{
	struct tcp_cc cc;
	struct cc_ack a = {.acked = 1000, .now = start};

	(void)state;
	cc_newreno.init(&cc, 1000, false);
	for (int i = 0; i < 100; i++)
		cc_newreno.on_ack(&cc, &a);
	assert_int_equal(cc.cwnd, 10000);
}

static void test_unused_window_is_halved(void **state)
{
	struct tcp_cc cc;
	struct cc_ack a = {.acked = 1000, .in_flight = 1000};

	(void)state;
	cc_newreno.init(&cc, 1000, false);
	ack(&cc, 90000);
	assert_int_equal(cc.cwnd, 100000);
	for (uint64_t ms = 0; ms < 299900; ms += 100) {
		a.now = at_ms(ms);
		cc_newreno.on_ack(&cc, &a);
		assert_int_equal(cc.cwnd, 100000);
	}
	for (uint64_t ms = 299900; ms < 301000; ms += 100) {
		a.now = at_ms(ms);
		cc_newreno.on_ack(&cc, &a);
	}
	assert_int_equal(cc.cwnd, 50000);
	// Used by half or more, it stays.
	a.in_flight = 40000;
	for (uint64_t ms = 301000; ms < 1000000; ms += 100) {
		a.now = at_ms(ms);
		cc_newreno.on_ack(&cc, &a);
	}
	assert_int_equal(cc.cwnd, 50000);
	// Never below what a new connection has.
	a.in_flight = 0;
	for (uint64_t ms = 1000000; ms < 5000000; ms += 100) {
		a.now = at_ms(ms);
		cc_newreno.on_ack(&cc, &a);
	}
	assert_int_equal(cc.cwnd, 10000);
}

static void test_timeout(void **state)
{
	struct tcp_cc cc;

	(void)state;
	cc_newreno.init(&cc, 1000, false);
	cc_newreno.on_rto(&cc, 8000, true, start);
	assert_int_equal(cc.cwnd, 1000);
	assert_int_equal(cc.ssthresh, 4000);
	cc_newreno.on_rto(&cc, 1000, false, start);
	assert_int_equal(cc.ssthresh, 4000); // §3.1: not again for the same data
	cc_newreno.on_rto(&cc, 1000, true, start);
	assert_int_equal(cc.ssthresh, 2000);
}

static void test_recovery(void **state)
{
	struct tcp_cc cc;

	(void)state;
	cc_newreno.init(&cc, 1000, false);
	ack(&cc, 30000);
	cc_newreno.on_congestion(&cc, 40000, start);
	assert_int_equal(cc.ssthresh, 20000);
	cc.cwnd = 3000; // PRR, late in a recovery
	cc_newreno.on_recovered(&cc, start);
	assert_int_equal(cc.cwnd, 20000);
}

static void test_loss_never_raises_cwnd(void **state)
{
	struct tcp_cc cc;

	(void)state;
	cc_newreno.init(&cc, 1000, false);
	cc_newreno.on_congestion(&cc, 80000, start);
	assert_int_equal(cc.cwnd, 5000);
}

static void test_undo(void **state)
{
	struct tcp_cc cc;

	(void)state;
	cc_newreno.init(&cc, 1000, false);
	ack(&cc, 30000);
	cc_newreno.on_congestion(&cc, 40000, start);
	cc_newreno.on_undo(&cc, start);
	assert_int_equal(cc.cwnd, 40000);
	assert_int_equal(cc.ssthresh, UINT32_MAX);
	// Its recovery ends later, and there is no ssthresh to go to.
	cc_newreno.on_recovered(&cc, start);
	assert_int_equal(cc.cwnd, 40000);

	cc_newreno.on_rto(&cc, 40000, true, start);
	cc_newreno.on_rto(&cc, 1000, false, start);
	cc_newreno.on_undo(&cc, start);
	assert_int_equal(cc.cwnd, 40000);
	assert_int_equal(cc.ssthresh, UINT32_MAX);

	// Once only.
	cc_newreno.on_idle(&cc, NS_PER_SEC, start);
	cc_newreno.on_undo(&cc, start);
	assert_int_equal(cc.cwnd, 10000);
}

static void test_idle(void **state)
{
	struct tcp_cc cc;

	(void)state;
	cc_newreno.init(&cc, 1000, false);
	ack(&cc, 50000);
	cc_newreno.on_congestion(&cc, 60000, start);
	ack(&cc, 30000);
	cc_newreno.on_recovered(&cc, start);
	cc_newreno.on_idle(&cc, NS_PER_SEC, at_ms(1000));
	assert_int_equal(cc.cwnd, 10000);
	assert_int_equal(cc.ssthresh, 30000); // quickly back to where it was
	cc_newreno.on_rto(&cc, 10000, true, start);
	cc_newreno.on_idle(&cc, NS_PER_SEC, at_ms(1000));
	assert_int_equal(cc.cwnd, 1000); // a pause gives nothing
}

static void test_limit(void **state)
{
	struct tcp_cc cc;

	(void)state;
	cc_newreno.init(&cc, 9000, false);
	for (int i = 0; i < 100; i++)
		ack(&cc, UINT32_MAX);
	assert_int_equal(cc.cwnd, LIMIT);
	cc_newreno.on_congestion(&cc, UINT32_MAX, start);
	assert_int_equal(cc.cwnd, LIMIT / 2);
	for (int i = 0; i < 200000; i++)
		ack(&cc, UINT32_MAX);
	assert_int_equal(cc.cwnd, LIMIT);
}

static void test_properties(void **state)
{
	(void)state;
	cc_random(&cc_newreno, 300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_initial_window),
		cmocka_unit_test(test_slow_start_then_avoidance),
		cmocka_unit_test(test_slow_start_ends_at_ssthresh),
		cmocka_unit_test(test_no_growth_of_what_is_not_used),
		cmocka_unit_test(test_unused_window_is_halved),
		cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_recovery),
		cmocka_unit_test(test_loss_never_raises_cwnd),
		cmocka_unit_test(test_undo),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_properties),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
