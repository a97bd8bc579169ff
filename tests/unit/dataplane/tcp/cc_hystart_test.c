// HyStart++ as CUBIC has it, on paths whose times do what they do.
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/rng.h"
#include "dataplane/tcp/cc.h"

// A path of times in milliseconds, and a sender with endless data on it.
struct path {
	struct tcp_cc cc;
	struct mono now;
	double base;  // ms
	double queue; // ms
	double jitter;
	uint32_t una;
	struct rng rng;
};

static void path_init(struct path *p, double base, uint64_t seed)
{
	*p = (struct path){.now = {.ns = NS_PER_SEC}, .base = base, .una = UINT32_MAX - 50000};
	rng_seed(&p->rng, seed);
	cc_cubic.init(&p->cc, 1000, false);
}

// A window of ACKs, one for `every` segments.
static void path_round(struct path *p, uint32_t every)
{
	uint32_t acked = p->cc.mss * every;
	uint32_t n = p->cc.cwnd / acked;

	for (uint32_t i = 0; i < n; i++) {
		double rtt = p->base + p->queue + p->jitter * rng_below(&p->rng, 1000) / 1000;

		p->una += acked; // wraps soon
		p->now = mono_add(p->now, (uint64_t)(rtt * 1e6 / n));
		cc_cubic.on_ack(&p->cc,
			&(struct cc_ack){.acked = acked,
				.in_flight = p->cc.cwnd - acked,
				.snd_una = p->una,
				.snd_nxt = p->una + p->cc.cwnd,
				.rtt = (uint32_t)(rtt * 1000),
				.srtt = (uint32_t)(rtt * 1000),
				.cwnd_limited = true,
				.now = p->now});
	}
}

// A path of 200 segments with a buffer of thousands.
static void test_slow_start_sees_the_queue(void **state)
{
	struct path p;
	uint32_t before;
	int rounds = 0;

	(void)state;
	path_init(&p, 50, 0);
	while (p.cc.ssthresh == UINT32_MAX && rounds++ < 30) {
		p.queue = p.cc.cwnd > 200000 ? p.base * (p.cc.cwnd / 200000.0 - 1) : 0;
		path_round(&p, 1);
	}
	assert_in_range(p.cc.cwnd, 200000, 1300000);
	assert_in_range(p.cc.ssthresh, p.cc.cwnd - 2000, p.cc.cwnd);
	assert_in_range(rounds, 8, 13);
	// From there the curve rises with K = 0: 0.4 * 10³ segments in ten seconds.
	before = p.cc.cwnd;
	p.queue = 200;
	for (int i = 0; i < 40; i++)
		path_round(&p, 1);
	assert_in_range(p.cc.cwnd - before, 380000, 450000);
}

static void test_slow_start_goes_on_after_a_spike(void **state)
{
	struct path p;

	(void)state;
	path_init(&p, 50, 0);
	for (int i = 0; i < 4; i++)
		path_round(&p, 1);
	assert_int_equal(p.cc.cwnd, 160000);
	p.queue = 20;
	path_round(&p, 1);
	assert_in_range(p.cc.cwnd, 190000, 220000); // grew by a quarter
	p.queue = 0;
	path_round(&p, 1);
	path_round(&p, 1);
	assert_in_range(p.cc.cwnd, 700000, 880000); // twice in each
	assert_int_equal(p.cc.ssthresh, UINT32_MAX);
}

static void test_slow_start_bears_jitter(void **state)
{
	unsigned ended = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 200; seed++) {
		struct path p;

		path_init(&p, 50, seed);
		p.jitter = 20;
		for (int i = 0; i < 8; i++)
			path_round(&p, 1);
		if (p.cc.ssthresh != UINT32_MAX)
			ended++;
	}
	assert_int_equal(ended, 0);
}

// An eighth of the shortest time, between 4 and 16 ms, is what a round may be longer than the last.
static void test_slow_start_ends_at_the_threshold(void **state)
{
	static const struct {
		double base, more;
		bool ends;
	} cases[] = {
		{2, 3.9, false},
		{2, 4.1, true},
		{80, 9.9, false},
		{80, 10.1, true},
		{400, 15.9, false},
		{400, 16.1, true},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct path p;

		path_init(&p, cases[i].base, 0);
		path_round(&p, 1);
		for (int j = 0; j < 8; j++) {
			p.queue = cases[i].more;
			path_round(&p, 1);
		}
		if ((p.cc.ssthresh != UINT32_MAX) != cases[i].ends)
			fail_msg("case %u: ssthresh %u, cwnd %u", i, p.cc.ssthresh, p.cc.cwnd);
	}
}

// Of the last round, not of all: a path that slowly gets longer is not a queue.
static void test_slow_start_compares_with_the_last_round(void **state)
{
	struct path p;

	(void)state;
	path_init(&p, 10, 0);
	for (int i = 0; i < 9; i++) {
		p.queue = 3.0 * i;
		path_round(&p, 1);
	}
	assert_int_equal(p.cc.cwnd, 10000 << 9);
	assert_int_equal(p.cc.ssthresh, UINT32_MAX);
}

// Five samples a round are not enough to judge by.
static void test_slow_start_needs_samples(void **state)
{
	struct path p;

	(void)state;
	path_init(&p, 50, 0);
	for (int i = 0; i < 6; i++) {
		p.queue = 20.0 * i;
		path_round(&p, p.cc.cwnd / 5000);
	}
	assert_int_equal(p.cc.cwnd, 10000 * 64);
	assert_int_equal(p.cc.ssthresh, UINT32_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slow_start_sees_the_queue),
		cmocka_unit_test(test_slow_start_goes_on_after_a_spike),
		cmocka_unit_test(test_slow_start_bears_jitter),
		cmocka_unit_test(test_slow_start_ends_at_the_threshold),
		cmocka_unit_test(test_slow_start_compares_with_the_last_round),
		cmocka_unit_test(test_slow_start_needs_samples),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
