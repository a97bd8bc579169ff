#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "common/cluster/token.h"

static void assert_token(const char *text, uint32_t want)
{
	uint32_t token = 1;

	if (!token_parse(slice_str(text), &token))
		fail_msg("\"%s\" is refused", text);
	if (token != want)
		fail_msg("\"%s\" is %u, not %u", text, token, want);
}

static void assert_refused(const char *text)
{
	uint32_t token = 1;

	if (token_parse(slice_str(text), &token))
		fail_msg("\"%s\" is taken as %u", text, token);
}

static void decimal_digits_modulo_2_to_the_32(void **state)
{
	(void)state;
	assert_token("0", 0);
	assert_token("101134286", 101134286);
	assert_token("4294967295", UINT32_MAX);
	assert_token("4294967296", 0);
	assert_token("4294967297", 1);
	assert_token("9999999999", 1410065407);
	assert_token("007", 7);
	assert_token("00000000000000004294967295", UINT32_MAX);
}

// The original makes a number of each of these, and none is the one that was meant.
static void whatever_else_is_refused(void **state)
{
	(void)state;
	assert_refused("");
	assert_refused("10000000000");
	assert_refused("42949672951");
	assert_refused("12345678901234567890");
	assert_refused("340282366920938463463374607431768211456");
	assert_refused("-1");
	assert_refused("+1");
	assert_refused("1e9");
	assert_refused("0x10");
	assert_refused("12a");
	assert_refused(" 1");
	assert_refused("1 ");
	assert_refused("1.");
}

static void a_list_is_separated_by_commas(void **state)
{
	uint32_t t[4] = {9, 9, 9, 9};

	(void)state;
	assert_int_equal(token_list_parse(SLICE_LIT("7"), t, 4), 1);
	assert_int_equal(t[0], 7);
	assert_int_equal(token_list_parse(SLICE_LIT("3, 1 ,2,4294967296"), t, 4), 4);
	assert_int_equal(t[0], 3);
	assert_int_equal(t[1], 1);
	assert_int_equal(t[2], 2);
	assert_int_equal(t[3], 0);
	// Only what the slice has, whatever lies behind it.
	assert_int_equal(token_list_parse(slice_make("12,34", 4), t, 4), 2);
	assert_int_equal(t[1], 3);
}

static void a_bad_list_is_refused(void **state)
{
	uint32_t t[2];

	(void)state;
	assert_int_equal(token_list_parse(SLICE_LIT(""), t, 2), -EINVAL);
	assert_int_equal(token_list_parse(slice_make(NULL, 0), t, 2), -EINVAL);
	assert_int_equal(token_list_parse(SLICE_LIT(" "), t, 2), -EINVAL);
	assert_int_equal(token_list_parse(SLICE_LIT(","), t, 2), -EINVAL);
	assert_int_equal(token_list_parse(SLICE_LIT("1,"), t, 2), -EINVAL);
	assert_int_equal(token_list_parse(SLICE_LIT(",1"), t, 2), -EINVAL);
	assert_int_equal(token_list_parse(SLICE_LIT("1,,2"), t, 2), -EINVAL);
	assert_int_equal(token_list_parse(SLICE_LIT("1 2"), t, 2), -EINVAL);
	assert_int_equal(token_list_parse(SLICE_LIT("1;2"), t, 2), -EINVAL);
	assert_int_equal(token_list_parse(SLICE_LIT("1,2,3"), t, 2), -E2BIG);
	assert_int_equal(token_list_parse(SLICE_LIT("1"), t, 0), -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decimal_digits_modulo_2_to_the_32),
		cmocka_unit_test(whatever_else_is_refused),
		cmocka_unit_test(a_list_is_separated_by_commas),
		cmocka_unit_test(a_bad_list_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
