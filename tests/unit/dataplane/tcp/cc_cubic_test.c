// CUBIC beside a model of it: the formulas of RFC 9438 in floating point, in segments and seconds,
// with time by the clock. Both are given the same ACKs.
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "dataplane/tcp/cc.h"
#include "tests/unit/dataplane/tcp/cc_random.h"

#define LIMIT CC_RANDOM_LIMIT
#define C 0.4
#define BETA 0.7
#define ALPHA (3 * (1 - BETA) / (1 + BETA))

static const struct mono start = {.ns = NS_PER_SEC};

struct model {
	double t_epoch;
	double w_max;
	double k;
	double w_est;
	double prior;
	double cwnd;
};

static double seconds(struct mono now)
{
	return (double)now.ns / NS_PER_SEC;
}

// A sender with endless data on a path of constant round-trip time.
struct flow {
	struct tcp_cc cc;
	struct model m;
	struct mono now;
	double rtt;  // s
	double most; // by which cwnd was off the model
	bool friendly, concave, convex;
};

static double segments(const struct flow *f)
{
	return (double)f->cc.cwnd / f->cc.mss;
}

static double model_w(const struct model *m, double t)
{
	return C * pow(t - m->k, 3) + m->w_max;
}

static void model_begin(struct flow *f, double w_max, double cwnd)
{
	f->m = (struct model){
		.t_epoch = seconds(f->now),
		.w_max = w_max > cwnd ? w_max : cwnd,
		.w_est = cwnd,
		.prior = f->m.prior,
		.cwnd = cwnd,
	};
	f->m.k = cbrt((f->m.w_max - cwnd) / C);
}

static void model_ack(struct flow *f, double acked)
{
	struct model *m = &f->m;
	double t = seconds(f->now) - m->t_epoch;
	double w = model_w(m, t);
	double target = model_w(m, t + f->rtt);

	m->w_est += (m->w_est < m->prior ? ALPHA : 1) * acked / m->cwnd;
	if (w < m->w_est) {
		f->friendly = true;
		m->cwnd = fmax(m->cwnd, m->w_est);
		return;
	}
	*(m->cwnd < m->w_max ? &f->concave : &f->convex) = true;
	target = fmax(m->cwnd, fmin(target, 1.5 * m->cwnd));
	m->cwnd += (target - m->cwnd) / m->cwnd * acked;
}

static struct cc_ack ack_of(const struct flow *f, uint32_t acked)
{
	return (struct cc_ack){
		.acked = acked,
		.in_flight = f->cc.cwnd - (acked < f->cc.cwnd ? acked : f->cc.cwnd),
		.srtt = (uint32_t)(f->rtt * 1e6),
		.cwnd_limited = true,
		.now = f->now,
	};
}

// In slow start with no samples of times, thus without HyStart++.
static void flow_init(struct flow *f, uint32_t mss, uint32_t cwnd, double rtt)
{
	struct cc_ack ack;

	*f = (struct flow){.now = start, .rtt = rtt};
	cc_cubic.init(&f->cc, mss, true);
	ack = ack_of(f, cwnd * mss - f->cc.cwnd);
	cc_cubic.on_ack(&f->cc, &ack);
	assert_int_equal(f->cc.cwnd, cwnd * mss);
}

static void flow_round(struct flow *f)
{
	uint32_t n = f->cc.cwnd / f->cc.mss;

	for (uint32_t i = 0; i < n; i++) {
		struct cc_ack ack;

		f->now = mono_add(f->now, (uint64_t)(f->rtt * 1e9 / n));
		ack = ack_of(f, f->cc.mss);
		cc_cubic.on_ack(&f->cc, &ack);
		if (f->m.cwnd > 0)
			model_ack(f, 1);
	}
}

static void flow_run(struct flow *f, double span)
{
	struct mono end = mono_add(f->now, (uint64_t)(span * 1e9));

	while (mono_before(f->now, end)) {
		flow_round(f);
		f->most = fmax(f->most, fabs(segments(f) / f->m.cwnd - 1));
	}
}

static void flow_lose(struct flow *f)
{
	double w = segments(f);

	cc_cubic.on_congestion(&f->cc, f->cc.cwnd, f->now);
	assert_float_equal(segments(f), BETA * w, 0.01 * w);
	f->now = mono_add(f->now, (uint64_t)(f->rtt * 1e9));
	cc_cubic.on_recovered(&f->cc, f->now);
	// Fast convergence.
	f->m.prior = w;
	model_begin(f, w < f->m.w_max ? w * (1 + BETA) / 2 : w, BETA * w);
}

static void test_growth_is_that_of_the_formulas(void **state)
{
	static const struct {
		uint32_t mss, cwnd;
		double rtt, span;
		bool friendly, concave, convex;
	} cases[] = {
		{1460, 1000, 0.1, 30, false, true, true},
		{1460, 100, 0.1, 30, true, true, true},
		{1460, 100, 0.005, 10, true, false, false},
		{1460, 20, 0.3, 20, true, true, true},
		{8960, 5000, 0.05, 30, false, true, true},
		{64, 50000, 0.2, 20, false, true, false},
		{536, 4, 0.2, 20, true, true, true},
		{1460, 40, 0.0002, 0.2, true, false, false},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct flow f;

		flow_init(&f, cases[i].mss, cases[i].cwnd, cases[i].rtt);
		flow_lose(&f);
		f.friendly = f.concave = f.convex = false;
		flow_run(&f, cases[i].span);
		if (f.most > 0.02)
			fail_msg("case %u: off by %.4f, cwnd %.1f, model %.1f", i, f.most,
				segments(&f), f.m.cwnd);
		if (f.friendly != cases[i].friendly || f.concave != cases[i].concave ||
			f.convex != cases[i].convex)
			fail_msg("case %u: friendly %d concave %d convex %d", i, f.friendly,
				f.concave, f.convex);
	}
}

// The same by closed formulas, not by steps.
static void test_plateau_is_at_w_max_after_k(void **state)
{
	struct flow f;
	double k = cbrt(1000 * (1 - BETA) / C);

	(void)state;
	flow_init(&f, 1460, 1000, 0.1);
	flow_lose(&f);
	flow_run(&f, k / 2);
	assert_float_equal(segments(&f), 1000 - C * pow(k / 2, 3), 20);
	flow_run(&f, k / 2);
	assert_float_equal(segments(&f), 1000, 20);
	flow_run(&f, k);
	assert_float_equal(segments(&f), 1300, 26);
}

static void test_fast_convergence(void **state)
{
	struct flow f;

	(void)state;
	flow_init(&f, 1460, 1000, 0.05);
	flow_lose(&f);
	flow_run(&f, 4);
	assert_in_range(f.cc.cwnd, 800 * 1460, 999 * 1460);
	flow_lose(&f); // below W_max: gives up more
	assert_float_equal(f.m.w_max, f.m.prior * 0.85, 1e-6);
	flow_run(&f, 15);
	assert_true(f.most < 0.02);
	flow_lose(&f); // beyond it
	assert_float_equal(f.m.w_max, f.m.prior, 1e-6);
	flow_run(&f, 15);
	assert_true(f.most < 0.02);
}

// RFC 5681's one segment a round trip, or 3 (1 - beta) / (1 + beta) of it below the last maximum.
static void test_friendly_region(void **state)
{
	struct flow f;

	(void)state;
	flow_init(&f, 1000, 20, 0.001);
	flow_lose(&f);
	assert_int_equal(f.cc.cwnd, 14000);
	for (int i = 0; i < 10; i++)
		flow_round(&f);
	assert_float_equal(segments(&f), 14 + 10 * ALPHA, 0.4);
	for (int i = 0; i < 10; i++)
		flow_round(&f);
	assert_float_equal(segments(&f), 20 + (20 - 6 / ALPHA), 0.8);
}

static void test_timeout(void **state)
{
	struct flow f;
	struct cc_ack ack;

	(void)state;
	flow_init(&f, 1000, 1000, 0.1);
	flow_lose(&f);
	cc_cubic.on_rto(&f.cc, 700000, true, f.now);
	assert_int_equal(f.cc.cwnd, 1000);
	assert_int_equal(f.cc.ssthresh, 490000);
	cc_cubic.on_rto(&f.cc, 1000, false, f.now);
	assert_int_equal(f.cc.ssthresh, 490000);
	for (int i = 0; i < 9; i++) {
		assert_true(f.cc.cwnd == 1000u << i);
		f.now = mono_add(f.now, 100 * NS_PER_MS);
		ack = ack_of(&f, f.cc.cwnd);
		cc_cubic.on_ack(&f.cc, &ack);
	}
	assert_in_range(f.cc.cwnd, 490000, 491000);
	// §4.8: from here with K = 0, though W_max was more.
	f.m.prior = 700;
	model_begin(&f, 0, segments(&f));
	flow_run(&f, 15);
	assert_true(f.m.cwnd > 1500);
	assert_true(f.most < 0.02);
}

static void test_undo_goes_on_as_if_nothing_had_been(void **state)
{
	struct flow f, g;

	(void)state;
	flow_init(&f, 1460, 500, 0.05);
	flow_lose(&f);
	flow_run(&f, 3);
	g = f;
	cc_cubic.on_congestion(&f.cc, f.cc.cwnd, f.now);
	cc_cubic.on_undo(&f.cc, f.now);
	cc_cubic.on_recovered(&f.cc, f.now);
	assert_int_equal(f.cc.cwnd, g.cc.cwnd);
	assert_true(f.cc.ssthresh >= g.cc.ssthresh);
	flow_run(&f, 10);
	assert_true(f.most < 0.02);

	g = f;
	cc_cubic.on_rto(&f.cc, f.cc.cwnd, true, f.now);
	cc_cubic.on_rto(&f.cc, f.cc.mss, false, f.now);
	cc_cubic.on_undo(&f.cc, f.now);
	assert_int_equal(f.cc.cwnd, g.cc.cwnd);
	assert_true(f.cc.ssthresh >= g.cc.ssthresh);
	flow_run(&f, 10);
	assert_true(f.most < 0.02);

	// A second time in a row, nothing.
	g = f;
	cc_cubic.on_undo(&f.cc, f.now);
	assert_memory_equal(&f.cc, &g.cc, sizeof(f.cc));
}

static void test_undo_in_slow_start(void **state)
{
	struct flow f;

	(void)state;
	flow_init(&f, 1000, 100, 0.05);
	cc_cubic.on_congestion(&f.cc, 100000, f.now);
	assert_int_equal(f.cc.cwnd, 70000);
	f.cc.cwnd = 5000; // PRR
	cc_cubic.on_undo(&f.cc, f.now);
	assert_int_equal(f.cc.cwnd, 100000);
	assert_int_equal(f.cc.ssthresh, UINT32_MAX);
	cc_cubic.on_recovered(&f.cc, f.now);
	assert_int_equal(f.cc.cwnd, 100000);
	flow_round(&f);
	assert_int_equal(f.cc.cwnd, 200000);
}

// --- users with nothing to send

static void test_curve_stands_still_without_data(void **state)
{
	struct flow f, g;

	(void)state;
	flow_init(&f, 1460, 1000, 0.05);
	flow_lose(&f);
	flow_run(&f, 3);
	g = f;
	for (int i = 0; i < 1000; i++) {
		struct cc_ack ack;

		f.now = mono_add(f.now, 50 * NS_PER_MS);
		ack = ack_of(&f, f.cc.mss);
		ack.cwnd_limited = false;
		cc_cubic.on_ack(&f.cc, &ack);
		assert_int_equal(f.cc.cwnd, g.cc.cwnd);
	}
	// The model did not see the pause.
	f.m.t_epoch += 50;
	flow_run(&f, 10);
	flow_run(&g, 10);
	assert_float_equal(segments(&f), segments(&g), 1);
	assert_true(f.most < 0.02);
}

// Not told of by on_idle: shorter than a time-out of 60 s, say.
static void test_silence_is_no_time_to_grow(void **state)
{
	struct flow f, g;

	(void)state;
	flow_init(&f, 1460, 1000, 0.05);
	flow_lose(&f);
	flow_run(&f, 3);
	g = f;
	f.now = mono_add(f.now, 50 * NS_PER_SEC);
	flow_run(&f, 0.05);
	flow_run(&g, 0.2);
	assert_true(f.cc.cwnd <= g.cc.cwnd);
}

static void test_idle(void **state)
{
	struct flow f;
	uint32_t before;

	(void)state;
	flow_init(&f, 1000, 1000, 0.05);
	flow_lose(&f);
	flow_run(&f, 12);
	before = f.cc.cwnd;
	assert_true(before > 1000000);
	f.now = mono_add(f.now, 10 * NS_PER_SEC);
	cc_cubic.on_idle(&f.cc, 10 * NS_PER_SEC, f.now);
	cc_cubic.on_idle(&f.cc, 10 * NS_PER_SEC, f.now);
	assert_int_equal(f.cc.cwnd, 10000);
	assert_int_equal(f.cc.ssthresh, before - before / 4);
	while (f.cc.cwnd < f.cc.ssthresh)
		flow_round(&f);
	assert_in_range(f.cc.cwnd, f.cc.ssthresh, f.cc.ssthresh + 5000);
	model_begin(&f, 1000, segments(&f));
	f.most = 0;
	flow_run(&f, 10); // to the same plateau as before the pause
	assert_true(f.most < 0.02);

	flow_init(&f, 1000, 1000, 0.05);
	cc_cubic.on_idle(&f.cc, NS_PER_SEC, f.now);
	assert_int_equal(f.cc.cwnd, 10000);
	assert_int_equal(f.cc.ssthresh, UINT32_MAX);
}

static void test_unused_window_is_halved(void **state)
{
	struct flow f;
	uint32_t before;

	(void)state;
	flow_init(&f, 1000, 1000, 0.05);
	flow_lose(&f);
	before = f.cc.cwnd;
	for (int i = 0; i < 3010; i++) {
		struct cc_ack ack = ack_of(&f, 1000);

		ack.in_flight = 2000;
		ack.cwnd_limited = false;
		ack.now = f.now = mono_add(f.now, 100 * NS_PER_MS);
		cc_cubic.on_ack(&f.cc, &ack);
	}
	assert_int_equal(f.cc.cwnd, before / 2);
	assert_int_equal(f.cc.ssthresh, before);
}

static void test_loss_of_a_window_that_was_not_used(void **state)
{
	struct flow f;

	(void)state;
	flow_init(&f, 1000, 1000, 0.2);
	cc_cubic.on_congestion(&f.cc, 20000, f.now);
	cc_cubic.on_recovered(&f.cc, f.now);
	assert_int_equal(f.cc.cwnd, 14000);
	// Back to the 20 segments that were tried, not to the 1000 that were not.
	flow_run(&f, cbrt(6 / C));
	assert_in_range(f.cc.cwnd, 19000, 23000);
}

// --- limits

static void test_limits(void **state)
{
	static const uint32_t mss[] = {64, 536, 1460, 9000};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct flow f = {.now = start, .rtt = 0.1};
		struct cc_ack ack;
		double k;

		cc_cubic.init(&f.cc, mss[i], false);
		for (int j = 0; j < 10; j++) {
			ack = ack_of(&f, UINT32_MAX);
			cc_cubic.on_ack(&f.cc, &ack);
		}
		assert_int_equal(f.cc.cwnd, LIMIT);
		cc_cubic.on_congestion(&f.cc, UINT32_MAX, f.now);
		assert_true(f.cc.cwnd == (uint32_t)((uint64_t)LIMIT * 7 / 10));
		// A window per ACK, ten a second: the plateau is at the limit, in its time.
		k = cbrt(0.3 * LIMIT / mss[i] / C);
		for (double t = 0; t < k / 2; t += 0.1) {
			f.now = mono_add(f.now, 100 * NS_PER_MS);
			ack = ack_of(&f, f.cc.cwnd);
			cc_cubic.on_ack(&f.cc, &ack);
		}
		assert_float_equal(f.cc.cwnd / (LIMIT * (1 - 0.3 / 8)), 1, 0.02);
		for (double t = 0; t < k * 2; t += 0.1) {
			f.now = mono_add(f.now, 100 * NS_PER_MS);
			ack = ack_of(&f, f.cc.cwnd);
			cc_cubic.on_ack(&f.cc, &ack);
		}
		assert_int_equal(f.cc.cwnd, LIMIT);
		cc_cubic.on_congestion(&f.cc, 0, f.now);
		assert_int_equal(f.cc.cwnd, 2 * mss[i]);
	}
}

static void test_initial_window(void **state)
{
	struct tcp_cc cc;

	(void)state;
	cc_cubic.init(&cc, 1460, false);
	assert_int_equal(cc.cwnd, 14600);
	assert_int_equal(cc.ssthresh, UINT32_MAX);
	cc_cubic.init(&cc, 1460, true);
	assert_int_equal(cc.cwnd, 1460);
}

static void test_properties(void **state)
{
	(void)state;
	cc_random(&cc_cubic, 1000);
}

static void test_find(void **state)
{
	(void)state;
	assert_ptr_equal(cc_find("cubic"), &cc_cubic);
	assert_ptr_equal(cc_find("newreno"), &cc_newreno);
	assert_null(cc_find("reno"));
	assert_null(cc_find(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_growth_is_that_of_the_formulas),
		cmocka_unit_test(test_plateau_is_at_w_max_after_k),
		cmocka_unit_test(test_fast_convergence),
		cmocka_unit_test(test_friendly_region),
		cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_undo_goes_on_as_if_nothing_had_been),
		cmocka_unit_test(test_undo_in_slow_start),
		cmocka_unit_test(test_curve_stands_still_without_data),
		cmocka_unit_test(test_silence_is_no_time_to_grow),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_unused_window_is_halved),
		cmocka_unit_test(test_loss_of_a_window_that_was_not_used),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_initial_window),
		cmocka_unit_test(test_properties),
		cmocka_unit_test(test_find),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
