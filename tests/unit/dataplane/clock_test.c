#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <time.h>

#include "dataplane/clock.h"
#include "tests/support/eal.h"

#define YEAR_S UINT64_C(31557600)

static uint64_t kernel_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_SEC + (uint64_t)ts.tv_nsec;
}

static void begins_one_second_ahead_of_zero(void **state)
{
	struct clock clock = clock_make();
	uint64_t ns = clock_now(&clock).ns;

	(void)state;
	assert_in_range(ns, NS_PER_SEC, 60 * NS_PER_SEC);
}

static void never_goes_back(void **state)
{
	struct clock clock = clock_make();
	struct mono last = clock_now(&clock);

	(void)state;
	for (int i = 0; i < 100000; i++) {
		struct mono now = clock_now(&clock);

		assert_false(mono_before(now, last));
		last = now;
	}
}

static void runs_as_the_kernels_does(void **state)
{
	struct clock clock = clock_make();
	struct timespec pause = {.tv_nsec = (long)(200 * NS_PER_MS)};
	uint64_t outer = kernel_ns();
	uint64_t start = clock_now(&clock).ns;
	uint64_t inner = kernel_ns();
	uint64_t most;
	uint64_t least;
	uint64_t took;

	(void)state;
	nanosleep(&pause, NULL);
	least = kernel_ns() - inner;
	took = clock_now(&clock).ns - start;
	most = kernel_ns() - outer;
	// Whatever interrupted this is between the kernel's two readings; 1 % is for calibration.
	assert_in_range(took, least - least / 100, most + most / 100);
}

static void ten_years_do_not_overflow(void **state)
{
	struct clock clock = clock_make();
	uint64_t want = 10 * YEAR_S * NS_PER_SEC;
	uint64_t ns;

	(void)state;
	clock.start -= rte_get_tsc_hz() * 10 * YEAR_S;
	ns = clock_now(&clock).ns;
	assert_in_range(ns, want - want / 1000, want + want / 1000);
}

static int setup(void **state)
{
	(void)state;
	test_eal_start();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(begins_one_second_ahead_of_zero),
		cmocka_unit_test(never_goes_back),
		cmocka_unit_test(runs_as_the_kernels_does),
		cmocka_unit_test(ten_years_do_not_overflow),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
