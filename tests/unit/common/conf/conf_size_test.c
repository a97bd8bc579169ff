#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/compiler.h"
#include "common/conf/conf_size.h"

static uint64_t parse(const char *text, uint64_t unit)
{
	uint64_t bytes = 0;

	assert_true(conf_size_parse(slice_str(text), unit, &bytes));
	return bytes;
}

static void test_parse(void **state)
{
	(void)state;
	assert_int_equal(parse("0", 1), 0);
	assert_int_equal(parse("16384", 1), 16384);
	assert_int_equal(parse("16KB", 1), 16384);
	assert_int_equal(parse("16kb", 1), 16384);
	assert_int_equal(parse("512MB", 1), 512 << 20);
	assert_int_equal(parse("4GB", 1), UINT64_C(4) << 30);
	assert_int_equal(parse("2TB", 1), UINT64_C(2) << 40);
	assert_int_equal(parse("7", 1 << 20), 7 << 20);
	assert_int_equal(parse("7B", 1 << 20), 7);
	assert_int_equal(parse("18446744073709551615", 1), UINT64_MAX);
}

static void test_refused(void **state)
{
	static const char *const wrong[] = {"", "KB", "-1", "1.5MB", "1 MB", "1MBB", "1K", "0x10",
		"18446744073709551616", "18446744073709551615KB", "16777216TB"};
	uint64_t bytes;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_false(conf_size_parse(slice_str(wrong[i]), 1, &bytes));
}

static void test_format(void **state)
{
	char buf[CONF_SIZE_TEXT_MAX];

	(void)state;
	assert_string_equal(conf_size_format(0, 1, buf), "0");
	assert_string_equal(conf_size_format(16384, 1, buf), "16384");
	assert_string_equal(conf_size_format(512 << 20, 1, buf), "512MB");
	assert_string_equal(conf_size_format(UINT64_C(4) << 30, 1, buf), "4GB");
	assert_string_equal(conf_size_format(1023, 1 << 20, buf), "1023B");
	assert_string_equal(conf_size_format(UINT64_MAX, 1, buf), "18446744073709551615");
}

static void test_format_parses_back(void **state)
{
	static const uint64_t sizes[] = {0, 1, 1024, 1 << 20, (1 << 20) + 1, UINT64_C(3) << 30,
		UINT64_C(5) << 40, UINT64_MAX};
	char buf[CONF_SIZE_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		for (uint64_t unit = 1; unit <= 1 << 20; unit <<= 20)
			assert_int_equal(
				parse(conf_size_format(sizes[i], unit, buf), unit), sizes[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_format_parses_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
