#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "dataplane/tcp/tcp_cookie.h"
#include "dataplane/tcp/tcp_opt.h"

static const struct siphash_key secret = {{11, 22}};
static const struct tcp_key key = {.remote_port = 40000, .local_port = 8102};
static const struct mono now = {.ns = 1000 * NS_PER_SEC};

static void test_made_and_checked(void **state)
{
	static const uint16_t offered[] = {100, 536, 1000, 1400, 1460, 9000, 65535};
	static const uint16_t kept[] = {64, 536, 536, 1360, 1460, 8940, 8940};
	uint16_t mss;

	(void)state;
	for (unsigned i = 0; i < 7; i++) {
		uint32_t cookie = tcp_cookie_make(&secret, &key, 7, offered[i], now);

		assert_true(tcp_cookie_check(&secret, &key, 7, cookie, now, &mss));
		assert_int_equal(mss, kept[i]);
	}
}

static void test_anything_else_is_refused(void **state)
{
	uint32_t cookie = tcp_cookie_make(&secret, &key, 7, 1460, now);
	struct siphash_key other_secret = {{11, 23}};
	struct tcp_key other = key;
	uint16_t mss;

	(void)state;
	other.remote_port++;
	assert_false(tcp_cookie_check(&secret, &other, 7, cookie, now, &mss));
	assert_false(tcp_cookie_check(&secret, &key, 8, cookie, now, &mss));
	assert_false(tcp_cookie_check(&other_secret, &key, 7, cookie, now, &mss));
	for (unsigned bit = 0; bit < 32; bit++)
		assert_false(tcp_cookie_check(&secret, &key, 7, cookie ^ (1u << bit), now, &mss));
}

static void test_it_ages(void **state)
{
	uint32_t cookie = tcp_cookie_make(&secret, &key, 7, 1460, now);
	uint16_t mss;

	(void)state;
	assert_true(
		tcp_cookie_check(&secret, &key, 7, cookie, mono_add(now, 60 * NS_PER_SEC), &mss));
	for (uint64_t s = 128; s < 5000; s += 64)
		assert_false(tcp_cookie_check(
			&secret, &key, 7, cookie, mono_add(now, s * NS_PER_SEC), &mss));
}

static void test_options_in_the_timestamp(void **state)
{
	(void)state;
	for (uint32_t ts = 0; ts < 300; ts += 7)
		for (unsigned i = 0; i < 64; i++) {
			struct tcp_cookie_opts in = {
				.wscale = i % 16 == 15 ? TCP_WSCALE_NONE : (uint8_t)(i % 16),
				.sack = (i & 16) != 0,
				.ecn = (i & 32) != 0,
			};
			uint32_t coded = tcp_cookie_ts(ts, &in);
			struct tcp_cookie_opts out = tcp_cookie_ts_read(coded);

			assert_true((int32_t)(ts - coded) >= 0 && ts - coded < 64);
			assert_int_equal(out.wscale, in.wscale);
			assert_int_equal(out.sack, in.sack);
			assert_int_equal(out.ecn, in.ecn);
			assert_true(tcp_cookie_ts_plausible(coded, ts));
			assert_true(tcp_cookie_ts_plausible(coded, ts + 128 * 1000));
			assert_false(tcp_cookie_ts_plausible(coded, ts + 129 * 1000));
			assert_false(tcp_cookie_ts_plausible(ts + 1, ts));
		}
}

// Of random numbers one in 2^28 for each MSS and each of the two periods is right.
static void test_guessing(void **state)
{
	uint16_t mss;
	uint32_t guess = 1;

	(void)state;
	for (unsigned i = 0; i < 1000000; i++) {
		guess = guess * 1664525u + 1013904223u;
		assert_false(tcp_cookie_check(&secret, &key, 7, guess, now, &mss));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_made_and_checked),
		cmocka_unit_test(test_anything_else_is_refused),
		cmocka_unit_test(test_it_ages),
		cmocka_unit_test(test_options_in_the_timestamp),
		cmocka_unit_test(test_guessing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
