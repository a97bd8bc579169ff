#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "dataplane/tcp/tcp_rate.h"

static uint32_t take_all(struct tcp_rate *rate, struct rng *rng, struct mono now)
{
	uint32_t n = 0;

	while (n < 100000 && tcp_rate_take(rate, rng, now))
		n++;
	assert_false(tcp_rate_left(rate, rng, now));
	return n;
}

// CVE-2016-5696: from half to one and a half of the rate, another number each second.
static void test_rate_is_bounded_and_varies(void **state)
{
	struct tcp_rate rate = {.per_second = 1000};
	struct mono now = {.ns = 5 * NS_PER_SEC};
	uint64_t sum = 0;
	uint32_t last = 0;
	uint32_t same = 0;
	struct rng rng;

	(void)state;
	rng_seed(&rng, 3);
	for (unsigned s = 0; s < 100; s++) {
		uint32_t n = take_all(&rate, &rng, now);

		assert_in_range(n, 500, 1499);
		assert_int_equal(take_all(&rate, &rng, mono_add(now, NS_PER_SEC - 1)), 0);
		sum += n;
		same += n == last;
		last = n;
		now = mono_add(now, NS_PER_SEC);
	}
	assert_in_range(sum, 90000, 110000);
	assert_in_range(same, 0, 3);
}

static void test_looking_takes_nothing(void **state)
{
	struct tcp_rate rate = {.per_second = 2};
	struct mono now = {.ns = NS_PER_SEC};
	struct rng rng;
	uint32_t left;

	(void)state;
	rng_seed(&rng, 3);
	assert_true(tcp_rate_left(&rate, &rng, now));
	left = rate.left;
	for (unsigned i = 0; i < 10; i++)
		assert_true(tcp_rate_left(&rate, &rng, now));
	assert_int_equal(rate.left, left);
}

// What is there at the start, then a trickle, then what was earned; never more than the most.
static void test_credit(void **state)
{
	struct mono now = {.ns = NS_PER_SEC};
	struct tcp_credit credit = {.since = now, .left = TCP_CREDIT_MAX};

	(void)state;
	for (unsigned i = 0; i < TCP_CREDIT_MAX; i++)
		assert_true(tcp_credit_take(&credit, now));
	assert_false(tcp_credit_take(&credit, now));
	now = mono_add(now, TCP_CREDIT_TRICKLE_NS - 1);
	assert_false(tcp_credit_take(&credit, now));
	now = mono_add(now, 1);
	assert_true(tcp_credit_take(&credit, now));
	assert_false(tcp_credit_take(&credit, now));
	tcp_credit_earn(&credit);
	assert_true(tcp_credit_take(&credit, now));
	assert_false(tcp_credit_take(&credit, now));
	now = mono_add(now, 3600 * NS_PER_SEC);
	for (unsigned i = 0; i < TCP_CREDIT_MAX; i++)
		assert_true(tcp_credit_take(&credit, now));
	assert_false(tcp_credit_take(&credit, now));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rate_is_bounded_and_varies),
		cmocka_unit_test(test_looking_takes_nothing),
		cmocka_unit_test(test_credit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
