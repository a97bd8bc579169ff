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

static enum resp_line_status take(struct resp_line *line, const char *text)
{
	const uint8_t *bytes = (const uint8_t *)text;
	struct resp_cursor c = {.start = bytes, .pos = bytes, .end = bytes + strlen(text)};
	struct slice got;

	return resp_line_take(line, &c, &got);
}

static void carriage_return_needs_its_line_feed(void **state)
{
	(void)state;
	struct resp_line line = {0};

	assert_int_equal(take(&line, "$1\rx"), RESP_LINE_BAD);
	line = (struct resp_line){0};
	assert_int_equal(take(&line, "$1\r"), RESP_LINE_MORE);
	assert_int_equal(take(&line, "\r"), RESP_LINE_BAD);
}

static void long_line_is_noticed_before_its_end(void **state)
{
	(void)state;
	struct resp_line line = {0};
	static char half[RESP_LINE_MAX / 2 + 1];

	memset(half, 'x', sizeof(half) - 1);
	assert_int_equal(take(&line, half), RESP_LINE_MORE);
	assert_int_equal(take(&line, half), RESP_LINE_MORE);
	assert_int_equal(line.len, RESP_LINE_MAX);
	assert_int_equal(take(&line, "x"), RESP_LINE_LONG);
}

// A line that came in pieces is cut to what any number fits in.
static void long_line_in_pieces_is_cut(void **state)
{
	(void)state;
	struct resp_line line = {0};
	const uint8_t *end = (const uint8_t *)"89abcdef\r\n";
	struct resp_cursor c = {.start = end, .pos = end, .end = end + 10};
	struct slice got;

	assert_int_equal(take(&line, "0123456789abcdef"), RESP_LINE_MORE);
	assert_int_equal(take(&line, "01234567"), RESP_LINE_MORE);
	assert_int_equal(resp_line_take(&line, &c, &got), RESP_LINE_WHOLE);
	assert_true(slice_eq(got, SLICE_LIT("0123456789abcdef01234567")));
	assert_int_equal(got.len, RESP_DIGITS_MAX);
}

static void crlf_counts_down(void **state)
{
	(void)state;
	const uint8_t *text = (const uint8_t *)"\r\nx";
	struct resp_cursor c = {.start = text, .pos = text, .end = text + 1};

	assert_int_equal(resp_crlf_take(&c, 2), 1);
	c.end = text + 3;
	assert_int_equal(resp_crlf_take(&c, 1), 0);
	assert_ptr_equal(c.pos, text + 2);
	assert_int_equal(resp_crlf_take(&c, 2), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(number_has_one_spelling),
		cmocka_unit_test(line_joins_pieces),
		cmocka_unit_test(carriage_return_needs_its_line_feed),
		cmocka_unit_test(long_line_is_noticed_before_its_end),
		cmocka_unit_test(long_line_in_pieces_is_cut),
		cmocka_unit_test(crlf_counts_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
