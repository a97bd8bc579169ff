#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "common/base/rng.h"
#include "common/proto/resp.h"

// From memory that ends where the line does, so that a sanitizer sees a byte read too many.
static long encode(const char *line, size_t len, char *out, size_t cap)
{
	char *exact = malloc(len > 0 ? len : 1);
	long n;

	memcpy(exact, line, len);
	n = resp_inline_encode(exact, len, out, cap);
	free(exact);
	return n;
}

static void lines_become_arrays(void **state)
{
	(void)state;
	static const struct {
		struct slice line;
		struct slice array;
	} cases[] = {
		{SLICE_LIT("PING\r\n"), SLICE_LIT("*1\r\n$4\r\nPING\r\n")},
		{SLICE_LIT("PING"), SLICE_LIT("*1\r\n$4\r\nPING\r\n")},
		{SLICE_LIT("  set\tk  v \n"),
			SLICE_LIT("*3\r\n$3\r\nset\r\n$1\r\nk\r\n$1\r\nv\r\n")},
		{SLICE_LIT(" \t\v\f\r\n"), SLICE_LIT("*0\r\n")},
		{SLICE_LIT(""), SLICE_LIT("*0\r\n")},
		{SLICE_LIT("e \"a b\""), SLICE_LIT("*2\r\n$1\r\ne\r\n$3\r\na b\r\n")},
		{SLICE_LIT("e \"\" ''"), SLICE_LIT("*3\r\n$1\r\ne\r\n$0\r\n\r\n$0\r\n\r\n")},
		{SLICE_LIT("\"\\n\\r\\t\\b\\a\\q\\\\\\\"\""),
			SLICE_LIT("*1\r\n$8\r\n\n\r\t\b\aq\\\"\r\n")},
		{SLICE_LIT("\"\\x00\\xfF\\x4\\xg0\""), SLICE_LIT("*1\r\n$7\r\n\0\xffx4xg0\r\n")},
		{SLICE_LIT("'a\\'b\\n\"'"), SLICE_LIT("*1\r\n$6\r\na'b\\n\"\r\n")},
		{SLICE_LIT("ab\"c d\" e"), SLICE_LIT("*2\r\n$5\r\nabc d\r\n$1\r\ne\r\n")},
		{SLICE_LIT("a\vb \xff\\x41"), SLICE_LIT("*2\r\n$3\r\na\vb\r\n$5\r\n\xff\\x41\r\n")},
		{SLICE_LIT("a\0b"), SLICE_LIT("*1\r\n$3\r\na\0b\r\n")},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char out[128];
		long n = encode(cases[i].line.ptr, cases[i].line.len, out, sizeof(out));

		assert_int_equal(n, cases[i].array.len);
		assert_memory_equal(out, cases[i].array.ptr, cases[i].array.len);
	}
}

static void bad_quotes_are_refused(void **state)
{
	(void)state;
	static const char *const lines[] = {"\"", "'", "\"abc", "a 'b", "\"a\"b", "'a'b", "\"a\\\"",
		"'a\\'", "\"a\"\"b\"", "get \"\\", "ok \"fine\" 'not", "\"\\x", "\"\\x4", "'\\"};
	char out[256];

	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		assert_int_equal(encode(lines[i], strlen(lines[i]), out, sizeof(out)), -EINVAL);
}

static void what_does_not_fit_is_refused(void **state)
{
	(void)state;
	static const char line[] = "set \"a b\" '' c\r\n";
	char whole[128];
	long len = encode(line, sizeof(line) - 1, whole, sizeof(whole));

	assert_true(len > 0);
	for (size_t cap = 0; cap <= (size_t)len; cap++) {
		char *out = malloc(cap + 1);

		out[cap] = '#';
		assert_int_equal(encode(line, sizeof(line) - 1, out, cap),
			cap < (size_t)len ? -ENOSPC : len);
		assert_int_equal(out[cap], '#');
		free(out);
	}
}

// Any line either has bad quotes or becomes one whole request within the promised size.
static void random_lines_become_one_request(void **state)
{
	(void)state;
	static char line[512];
	static char out[RESP_INLINE_OUT(sizeof(line))];
	struct rng rng;
	unsigned good = 0;

	rng_seed(&rng, 3);
	for (unsigned round = 0; round < 30000; round++) {
		size_t len = rng_below(&rng, rng_below(&rng, 2) ? 12 : sizeof(line));
		unsigned letters = rng_below(&rng, 2) ? 3 : 11;
		struct resp_request_parser p;
		size_t used;
		long n;

		for (size_t i = 0; i < len; i++)
			line[i] = "a b\t'\"\\x4\r\n"[rng_below(&rng, letters)];
		n = encode(line, len, out, RESP_INLINE_OUT(len));
		if (n == -EINVAL)
			continue;
		assert_true(n > 0);
		resp_request_init(&p, RESP_BULK_MAX);
		assert_int_equal(resp_request_parse(&p, (const uint8_t *)out, (size_t)n, &used),
			memcmp(out, "*0", 2) == 0 ? RESP_EMPTY : RESP_DONE);
		assert_int_equal(used, n);
		good++;
	}
	assert_in_range(good, 10000, 30000);
}

static void the_longest_line_fits_the_promised_size(void **state)
{
	(void)state;
	char *line = malloc(RESP_LINE_MAX);
	char *out = malloc(RESP_INLINE_OUT(RESP_LINE_MAX));

	for (size_t i = 0; i < RESP_LINE_MAX; i++)
		line[i] = i % 2 ? ' ' : 'x';
	assert_true(encode(line, RESP_LINE_MAX, out, RESP_INLINE_OUT(RESP_LINE_MAX)) >
		RESP_LINE_MAX * 3);
	for (size_t i = 0; i < RESP_LINE_MAX; i++)
		line[i] = "\"\" "[i % 3];
	line[RESP_LINE_MAX - 1] = ' ';
	assert_true(
		encode(line, RESP_LINE_MAX, out, RESP_INLINE_OUT(RESP_LINE_MAX)) > RESP_LINE_MAX);
	free(line);
	free(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_become_arrays),
		cmocka_unit_test(bad_quotes_are_refused),
		cmocka_unit_test(what_does_not_fit_is_refused),
		cmocka_unit_test(random_lines_become_one_request),
		cmocka_unit_test(the_longest_line_fits_the_promised_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
