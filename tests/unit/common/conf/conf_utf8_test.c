#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/compiler.h"
#include "common/conf/conf_utf8.h"

static void assert_code(const char *text, size_t len, uint32_t code)
{
	uint32_t got = 0;

	assert_int_equal(utf8_next(slice_str(text), &got), len);
	assert_int_equal(got, code);
}

static void test_right(void **state)
{
	(void)state;
	assert_code("a", 1, 'a');
	assert_code("\xc2\x80", 2, 0x80);
	assert_code("\xc3\xa9", 2, 0xe9);
	assert_code("\xe0\xa0\x80", 3, 0x800);
	assert_code("\xe2\x82\xac", 3, 0x20ac);
	assert_code("\xf0\x90\x80\x80", 4, 0x10000);
	assert_code("\xf4\x8f\xbf\xbf", 4, 0x10ffff);
}

static void test_wrong(void **state)
{
	static const char *const wrong[] = {
		"\x80",
		"\xbf",
		"\xff",
		"\xfe",
		"\xc0\x80",
		"\xc1\xbf", // overlong
		"\xe0\x9f\xbf",
		"\xf0\x8f\xbf\xbf",
		"\xed\xa0\x80",
		"\xed\xbf\xbf", // surrogates
		"\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80",
		"\xc3",
		"\xe2\x82",
		"\xf0\x90\x80", // cut off
		"\xc3(",
		"\xe2(\xa1",
		"\xe2\x82(",
	};
	uint32_t code;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_int_equal(utf8_next(slice_str(wrong[i]), &code), 0);
}

static void test_printable(void **state)
{
	static const char *const no[] = {"\n", "a\tb", "\x7f", "\x1b[31m", "\xc2\x85",
		"\xe2\x80\xa8", "\xe2\x80\xa9", "\xef\xbb\xbf", "\xef\xbf\xbe", "\xef\xbf\xbf",
		"a\xff"};

	(void)state;
	assert_true(utf8_printable(SLICE_LIT("")));
	assert_true(utf8_printable(SLICE_LIT("plain ~ text")));
	assert_true(utf8_printable(SLICE_LIT("caf\xc3\xa9 \xf0\x9f\x98\x80 \xc2\xa0")));
	assert_false(utf8_printable(SLICE_LIT("a\0b")));
	for (size_t i = 0; i < ARRAY_LEN(no); i++)
		assert_false(utf8_printable(slice_str(no[i])));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_right),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_printable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
