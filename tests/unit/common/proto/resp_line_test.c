#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/proto/resp_line.h"

static void number_has_one_spelling(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool ok;
		int64_t value;
	} cases[] = {
		{"0", true, 0},
		{"7", true, 7},
		{"-1", true, -1},
		{"9223372036854775807", true, INT64_MAX},
		{"-9223372036854775808", true, INT64_MIN},
		{"9223372036854775808", false, 0},
		{"-9223372036854775809", false, 0},
		{"99999999999999999999999", false, 0},
		{"", false, 0},
		{"-", false, 0},
		{"-0", false, 0},
		{"01", false, 0},
		{"-01", false, 0},
		{"+1", false, 0},
		{" 1", false, 0},
		{"1 ", false, 0},
		{"1a", false, 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t value = 0;

		assert_int_equal(resp_number(slice_str(cases[i].text), &value), cases[i].ok);
		assert_int_equal(value, cases[i].value);
	}
}

static void line_joins_pieces(void **state)
{
	(void)state;
	static const char whole[] = "$12345\r\n";

	for (size_t cut = 1; cut < sizeof(whole) - 1; cut++) {
		const uint8_t *bytes = (const uint8_t *)whole;
		struct resp_line line = {0};
		struct resp_cursor c = {.start = bytes, .pos = bytes, .end = bytes + cut};
		struct slice text;

		assert_int_equal(resp_line_take(&line, &c, &text), RESP_LINE_MORE);
		assert_ptr_equal(c.pos, c.end);
		c.end = bytes + sizeof(whole) - 1;
		assert_int_equal(resp_line_take(&line, &c, &text), RESP_LINE_WHOLE);
		assert_true(slice_eq(text, SLICE_LIT("$12345")));
		assert_int_equal(line.len, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(number_has_one_spelling),
		cmocka_unit_test(line_joins_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
