#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "dataplane/store/backoff.h"

static struct mono at_ms(uint64_t ms)
{
	return (struct mono){ms * NS_PER_MS};
}

static void test_pause_grows_to_a_second(void **state)
{
	static const uint64_t pauses[] = {100, 200, 400, 800, 1000, 1000};
	struct backoff b = {.limit = 2, .retry_timeout = 30 * NS_PER_SEC};
	uint64_t now = 1000;

	(void)state;
	assert_true(backoff_may_connect(&b, at_ms(0)));
	for (unsigned i = 0; i < 6; i++) {
		assert_false(backoff_failed(&b, at_ms(now)));
		assert_false(backoff_may_connect(&b, at_ms(now + pauses[i] - 1)));
		assert_true(backoff_may_connect(&b, at_ms(now + pauses[i])));
		assert_false(backoff_is_ejected(&b, at_ms(now)));
		now += pauses[i];
	}
	backoff_ok(&b);
	assert_false(backoff_failed(&b, at_ms(now)));
	assert_true(backoff_may_connect(&b, at_ms(now + 100)));
}

static void test_eject(void **state)
{
	struct backoff b = {.eject = true, .limit = 2, .retry_timeout = 30 * NS_PER_SEC};

	(void)state;
	assert_false(backoff_failed(&b, at_ms(1000)));
	assert_false(backoff_is_ejected(&b, at_ms(1000)));
	assert_true(backoff_failed(&b, at_ms(1100)));
	assert_true(backoff_is_ejected(&b, at_ms(31099)));
	assert_false(backoff_may_connect(&b, at_ms(31099)));
	assert_false(backoff_is_ejected(&b, at_ms(31100)));
	assert_true(backoff_may_connect(&b, at_ms(31100)));
	// One more failure, and it is out again.
	assert_true(backoff_failed(&b, at_ms(31200)));
	backoff_ok(&b);
	assert_false(backoff_is_ejected(&b, at_ms(31200)));
}

static void test_time_outs_eject_but_do_not_pause(void **state)
{
	struct backoff b = {.eject = true, .limit = 2, .retry_timeout = NS_PER_SEC};
	struct backoff patient = {.limit = 2, .retry_timeout = NS_PER_SEC};

	(void)state;
	assert_false(backoff_timed_out(&b, at_ms(1000)));
	assert_true(backoff_may_connect(&b, at_ms(1000)));
	assert_true(backoff_timed_out(&b, at_ms(1000)));
	// Counted once, however many requests were in flight.
	assert_false(backoff_timed_out(&b, at_ms(1000)));
	for (unsigned i = 0; i < 100; i++)
		assert_false(backoff_timed_out(&patient, at_ms(1000)));
	assert_true(backoff_may_connect(&patient, at_ms(1000)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pause_grows_to_a_second),
		cmocka_unit_test(test_eject),
		cmocka_unit_test(test_time_outs_eject_but_do_not_pause),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
