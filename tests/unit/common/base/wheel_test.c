#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"
#include "common/base/wheel.h"

#define TIMERS 500

// The naive model beside the wheel: when each timer is due, in ticks; 0: not armed.
struct model {
	struct wheel wheel;
	struct rng rng;
	struct wheel_timer timer[TIMERS];
	uint64_t due[TIMERS];
	uint64_t now; // ticks
	uint64_t last_fired;
	unsigned armed;
	bool rearm; // fired timers arm and cancel others
};

static struct mono at(uint64_t ticks)
{
	return (struct mono){.ns = ticks * WHEEL_TICK_NS};
}

static uint64_t distance(struct rng *rng)
{
	// All levels, and their edges.
	static const uint64_t spans[] = {2, 256, 257, 65536, 65537, 1 << 24, UINT32_MAX / 2};

	return rng_u64(rng) % spans[rng_below(rng, 7)];
}

static void arm(struct model *m, unsigned i)
{
	uint64_t tick = m->now + distance(&m->rng);

	m->armed += m->due[i] == 0;
	wheel_arm(&m->wheel, &m->timer[i], at(tick));
	// What is due already fires at the next tick.
	m->due[i] = m->timer[i].tick;
	assert_true(m->due[i] >= tick);
	assert_true(m->due[i] <= tick + 1 || m->due[i] <= m->wheel.tick + 1);
}

static void cancel(struct model *m, unsigned i)
{
	m->armed -= m->due[i] != 0;
	m->due[i] = 0;
	wheel_cancel(&m->wheel, &m->timer[i]);
	assert_false(wheel_armed(&m->timer[i]));
}

static void fire(void *ctx, struct wheel_timer *timer)
{
	struct model *m = ctx;
	unsigned i = (unsigned)(timer - m->timer);

	assert_false(wheel_armed(timer));
	assert_true(m->due[i] != 0); // armed, and fired once
	assert_true(m->due[i] <= m->now);
	assert_true(m->due[i] >= m->last_fired); // in order
	m->last_fired = m->due[i];
	m->due[i] = 0;
	m->armed--;
	if (m->rearm && rng_below(&m->rng, 2) == 0) {
		cancel(m, rng_below(&m->rng, TIMERS));
		arm(m, rng_below(&m->rng, TIMERS));
		// One that is armed for a time gone by may fire out of order.
		m->last_fired = 0;
	}
}

static uint64_t first_due(const struct model *m)
{
	uint64_t first = UINT64_MAX;

	for (unsigned i = 0; i < TIMERS; i++)
		if (m->due[i] != 0 && m->due[i] < first)
			first = m->due[i];
	return first;
}

static void check_next(const struct model *m)
{
	uint64_t first = first_due(m);
	struct mono next = wheel_next(&m->wheel);

	assert_int_equal(m->wheel.armed, m->armed);
	if (first == UINT64_MAX)
		assert_int_equal(next.ns, MONO_NEVER.ns);
	else
		assert_true(next.ns <= at(first).ns);
}

static void agrees_with_the_model(bool rearm, uint64_t seed)
{
	struct model *m = calloc(1, sizeof(*m));

	rng_seed(&m->rng, seed);
	m->rearm = rearm;
	m->now = rng_u64(&m->rng) >> 20;
	wheel_init(&m->wheel, at(m->now));
	for (unsigned i = 0; i < TIMERS; i++)
		wheel_timer_init(&m->timer[i]);
	for (int round = 0; round < 3000; round++) {
		for (unsigned k = rng_below(&m->rng, 20); k > 0; k--)
			arm(m, rng_below(&m->rng, TIMERS));
		for (unsigned k = rng_below(&m->rng, 5); k > 0; k--)
			cancel(m, rng_below(&m->rng, TIMERS));
		check_next(m);
		m->now += rng_below(&m->rng, 8) == 0 ? distance(&m->rng) % (1 << 20)
						     : rng_below(&m->rng, 300);
		m->last_fired = 0;
		(void)wheel_advance(&m->wheel, at(m->now), UINT32_MAX, fire, m);
		assert_true(first_due(m) > m->now); // nothing was left behind
		check_next(m);
	}
	free(m);
}

static void random_runs_agree_with_a_naive_model(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 5; seed++) {
		agrees_with_the_model(false, seed);
		agrees_with_the_model(true, seed);
	}
}

static void count(void *ctx, struct wheel_timer *timer)
{
	(void)timer;
	++*(unsigned *)ctx;
}

static void never_early_and_rounded_up(void **state)
{
	struct wheel wheel;
	struct wheel_timer timer;
	unsigned fired = 0;

	(void)state;
	wheel_init(&wheel, at(1000));
	wheel_timer_init(&timer);
	wheel_arm(&wheel, &timer, (struct mono){.ns = at(1005).ns + 1});
	assert_int_equal(wheel_next(&wheel).ns, at(1006).ns);
	assert_int_equal(
		wheel_advance(&wheel, (struct mono){.ns = at(1006).ns - 1}, 10, count, &fired), 0);
	assert_int_equal(wheel_advance(&wheel, at(1006), 10, count, &fired), 1);
	assert_int_equal(wheel_advance(&wheel, at(2000), 10, count, &fired), 0);
	assert_int_equal(fired, 1);
}

static void a_limit_leaves_the_rest_for_the_next_call(void **state)
{
	struct wheel wheel;
	struct wheel_timer timer[10];
	unsigned fired = 0;

	(void)state;
	wheel_init(&wheel, at(0));
	for (int i = 0; i < 10; i++) {
		wheel_timer_init(&timer[i]);
		wheel_arm(&wheel, &timer[i], at(5));
	}
	assert_int_equal(wheel_advance(&wheel, at(100), 4, count, &fired), 4);
	assert_true(wheel_next(&wheel).ns <= at(5).ns);
	assert_int_equal(wheel_advance(&wheel, at(100), 4, count, &fired), 4);
	assert_int_equal(wheel_advance(&wheel, at(100), 4, count, &fired), 2);
	assert_int_equal(wheel.armed, 0);
}

static void far_times_are_clamped(void **state)
{
	struct wheel wheel;
	struct wheel_timer timer;
	unsigned fired = 0;

	(void)state;
	wheel_init(&wheel, at(7));
	wheel_timer_init(&timer);
	wheel_arm(&wheel, &timer, MONO_NEVER);
	assert_int_equal(timer.tick, 7 + (UINT64_C(1) << 32) - 1);
	(void)wheel_advance(&wheel, at(1 << 30), 1, count, &fired);
	assert_int_equal(fired, 0);
	wheel_cancel(&wheel, &timer);
	wheel_cancel(&wheel, &timer); // twice is harmless
	assert_int_equal(wheel.armed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_runs_agree_with_a_naive_model),
		cmocka_unit_test(never_early_and_rounded_up),
		cmocka_unit_test(a_limit_leaves_the_rest_for_the_next_call),
		cmocka_unit_test(far_times_are_clamped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
