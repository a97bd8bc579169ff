#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "dataplane/tcp/tcp_opt.h"

static void test_what_is_written_is_read(void **state)
{
	uint8_t buf[TCP_OPT_MAX];

	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		struct tcp_opts in = {
			.mss = i & 1 ? 1460 : 0,
			.wscale = i & 2 ? 7 : TCP_WSCALE_NONE,
			.ts = i & 4,
			.sack_ok = i & 8,
		};
		struct tcp_opts out;
		unsigned len;

		if (in.ts) {
			in.tsval = 0x12345678;
			in.tsecr = 0x9abcdef0;
		}
		len = tcp_opt_write(buf, &in);
		assert_int_equal(len % 4, 0);
		assert_in_range(len, 0, TCP_OPT_MAX);
		assert_true(tcp_opt_parse(buf, len, &out));
		assert_int_equal(out.mss, in.mss);
		assert_int_equal(out.wscale, in.wscale);
		assert_int_equal(out.ts, in.ts);
		assert_int_equal(out.tsval, in.tsval);
		assert_int_equal(out.tsecr, in.tsecr);
		assert_int_equal(out.sack_ok, in.sack_ok);
	}
}

static void test_unknown_options_are_skipped(void **state)
{
	static const uint8_t raw[] = {1, 254, 4, 9, 9, 1, 2, 4, 0x05, 0xb4, 0, 3, 3, 1};
	struct tcp_opts opts;

	(void)state;
	assert_true(tcp_opt_parse(raw, sizeof(raw), &opts));
	assert_int_equal(opts.mss, 1460);
	assert_int_equal(opts.wscale, TCP_WSCALE_NONE); // behind the end of the list
}

static void test_impossible_lengths(void **state)
{
	static const uint8_t zero[] = {8, 0, 0, 0};
	static const uint8_t one[] = {2, 1, 0, 0};
	static const uint8_t beyond[] = {1, 2, 4, 5};
	static const uint8_t cut[] = {1, 1, 1, 2};
	struct tcp_opts opts;

	(void)state;
	assert_false(tcp_opt_parse(zero, 4, &opts));
	assert_false(tcp_opt_parse(one, 4, &opts));
	assert_false(tcp_opt_parse(beyond, 4, &opts));
	assert_false(tcp_opt_parse(cut, 4, &opts));
}

static void test_scale_is_capped(void **state)
{
	static const uint8_t raw[] = {3, 3, 200, 0};
	struct tcp_opts opts;

	(void)state;
	assert_true(tcp_opt_parse(raw, sizeof(raw), &opts));
	assert_int_equal(opts.wscale, TCP_WSCALE_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_written_is_read),
		cmocka_unit_test(test_unknown_options_are_skipped),
		cmocka_unit_test(test_impossible_lengths),
		cmocka_unit_test(test_scale_is_capped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
