#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/slice.h"

static bool number(const char *text, uint64_t want)
{
	uint64_t got = 0;

	return slice_to_u64(slice_str(text), &got) && got == want;
}

static bool no_number(const char *text)
{
	uint64_t got = 77;

	return !slice_to_u64(slice_str(text), &got) && got == 77;
}

static void compares(void **state)
{
	(void)state;
	assert_true(slice_eq(SLICE_LIT("abc"), slice_str("abc")));
	assert_false(slice_eq(SLICE_LIT("abc"), slice_str("ab")));
	assert_false(slice_eq(SLICE_LIT("abc"), slice_str("abd")));
	assert_true(slice_eq((struct slice){0}, SLICE_LIT("")));
	assert_true(slice_eq(SLICE_LIT("a\0b"), slice_make("a\0b", 3)));
	assert_false(slice_eq(SLICE_LIT("a\0b"), slice_make("a\0c", 3)));
	assert_true(slice_eq_nocase(SLICE_LIT("GeT"), slice_str("gEt")));
	assert_false(slice_eq_nocase(SLICE_LIT("GET"), slice_str("GETS")));
	// Only letters fold: '[' and '{' differ by the same bit as 'A' and 'a'.
	assert_false(slice_eq_nocase(SLICE_LIT("["), slice_str("{")));
	assert_false(slice_eq_nocase(SLICE_LIT("\xc4"), slice_str("\xe4")));
}

static void reads_plain_decimal_numbers_only(void **state)
{
	(void)state;
	assert_true(number("0", 0));
	assert_true(number("007", 7));
	assert_true(number("18446744073709551615", UINT64_MAX));
	assert_true(no_number("18446744073709551616"));
	assert_true(no_number("99999999999999999999"));
	assert_true(no_number(""));
	assert_true(no_number("-1"));
	assert_true(no_number("+1"));
	assert_true(no_number("1 "));
	assert_true(no_number("0x1"));
	assert_true(no_number("1.5"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(compares),
		cmocka_unit_test(reads_plain_decimal_numbers_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
