// Requests of Memcached's text protocol: what each line is taken for, whole and cut at every place.
// The answers are those of memcached 1.6.18.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/proto/memcache.h"

#define VALUE_MAX 100
#define K50 "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
#define K250 K50 K50 K50 K50 K50
#define BAD "CLIENT_ERROR bad command line format\r\n"
#define BAD_TIME "CLIENT_ERROR invalid exptime argument\r\n"
#define BAD_DELTA "CLIENT_ERROR invalid numeric delta argument\r\n"
#define NO_SUCH "ERROR\r\n"

struct one {
	const char *bytes;
	size_t len; // 0: up to the NUL
	enum memcache_outcome outcome;
	const char *answer;
	bool quiet;
	const char *line; // of one that runs: what it is written as
};

// The text up to the end of the request; what lies behind belongs to the next one.
#define RUN(text, line_)                                              \
	{                                                             \
		.bytes = text, .outcome = MEMCACHE_RUN, .line = line_ \
	}
#define SILENT(text, line_)                                                          \
	{                                                                            \
		.bytes = text, .outcome = MEMCACHE_RUN, .quiet = true, .line = line_ \
	}
#define FAIL(text, answer_)                                                  \
	{                                                                    \
		.bytes = text, .outcome = MEMCACHE_FAILED, .answer = answer_ \
	}
#define SILENT_FAIL(text, answer_)                                                          \
	{                                                                                   \
		.bytes = text, .outcome = MEMCACHE_FAILED, .answer = answer_, .quiet = true \
	}

static const struct one ones[] = {
	RUN("get a\r\n", "get a\r\n"),
	RUN("get a\n", "get a\r\n"),
	RUN("get  a   b \r\n", "get a b\r\n"),
	RUN("  version\r\n", "version\r\n"),
	RUN("version junk\r\n", "version\r\n"),
	RUN("get " K250 "\r\n", "get " K250 "\r\n"),
	RUN("gets a noreply\r\n", "gets a noreply\r\n"),
	RUN("gat -1 a b\r\n", "gat -1 a b\r\n"),
	RUN("gat 0\r\n", "gat 0\r\n"),
	RUN("set a 0 0 3\r\n\r\n\xff\r\n", "set a 0 0 3\r\n"),
	RUN("set a +1 -1 0\r\n\r\n", "set a +1 -1 0\r\n"),
	RUN("set a 0 0 1 junk\r\nx\r\n", "set a 0 0 1\r\n"),
	RUN("set noreply 0 0 1\r\nx\r\n", "set noreply 0 0 1\r\n"),
	SILENT("set a 0 0 1 noreply\r\nx\r\n", "set a 0 0 1\r\n"),
	SILENT("cas a 0 0 1 7 noreply\r\nx\r\n", "cas a 0 0 1 7\r\n"),
	RUN("cas a 0 0 1 18446744073709551615\r\nx\r\n", "cas a 0 0 1 18446744073709551615\r\n"),
	RUN("incr a 1\r\n", "incr a 1\r\n"),
	SILENT("incr a 1 noreply\r\n", "incr a 1\r\n"),
	RUN("touch a -1 junk\r\n", "touch a -1\r\n"),
	RUN("delete a 0\r\n", "delete a\r\n"),
	RUN("delete noreply\r\n", "delete noreply\r\n"),
	SILENT("delete a 0 noreply\r\n", "delete a\r\n"),
	FAIL("\r\n", NO_SUCH),
	FAIL("\n", NO_SUCH),
	FAIL("x\r\n", NO_SUCH),
	FAIL("GET a\r\n", NO_SUCH),
	FAIL("get\r\n", NO_SUCH),
	FAIL("set a 0 0\r\n", NO_SUCH),
	FAIL("set a 0 0 1 noreply junk\r\n", NO_SUCH),
	FAIL("delete a b c d\r\n", NO_SUCH),
	FAIL("version\r\r\n", NO_SUCH),
	FAIL("get " K250 "k\r\n", BAD),
	FAIL("set " K250 "k 0 0 1\r\n", BAD),
	FAIL("get a\tb\r\n", BAD),
	FAIL("get a\rb\r\n", BAD),
	FAIL("set a x 0 1\r\n", BAD),
	FAIL("set a -1 0 1\r\n", BAD),
	FAIL("set a 0 0 -1\r\n", BAD),
	FAIL("set a 0 0 2147483646\r\n", BAD),
	FAIL("set a 0 0 4294967297\r\n", BAD),
	FAIL("set a 0 18446744073709551615 1\r\n", BAD),
	SILENT_FAIL("set a b c d noreply\r\n", BAD),
	SILENT_FAIL("set a 0 0 noreply\r\n", BAD),
	FAIL("gat x a\r\n", BAD_TIME),
	FAIL("touch a x\r\n", BAD_TIME),
	FAIL("incr a -1\r\n", BAD_DELTA),
	FAIL("incr a 18446744073709551616\r\n", BAD_DELTA),
	SILENT_FAIL("incr a x noreply\r\n", BAD_DELTA),
	FAIL("delete a 1\r\n",
		"CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]\r\n"),
	FAIL("set a 0 0 1\r\nxyz", "CLIENT_ERROR bad data chunk\r\n"),
	SILENT_FAIL("set a 0 0 1 noreply\r\nxyz", "CLIENT_ERROR bad data chunk\r\n"),
	FAIL("set a 0 0 101\r\n" K50 K50 "k\r\n", "SERVER_ERROR object too large for cache\r\n"),
	{.bytes = "get a\0b\r\n", .len = 9, .outcome = MEMCACHE_FAILED, .answer = BAD},
	{.bytes = "quit now\r\n", .outcome = MEMCACHE_ENDS},
	{.bytes = "GET / HTTP/1.1\r\n", .outcome = MEMCACHE_IS_HTTP},
	{.bytes = "verbosity 1\r\n", .outcome = MEMCACHE_ANSWERED, .answer = "OK\r\n"},
	FAIL("verbosity x\r\n", BAD),
	FAIL("ms a 2\r\nxx\r\n",
		"SERVER_ERROR Dynomite: meta commands (ms) are not supported yet\r\n"),
	FAIL("mn\r\n", "SERVER_ERROR Dynomite: meta commands (mn) are not supported yet\r\n"),
	{.bytes = "\x80\1\0\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\0\0\0\0\0xx",
		.len = 26,
		.outcome = MEMCACHE_FAILED,
		.answer =
			"SERVER_ERROR Dynomite: the binary protocol is not supported yet; use the "
			"text protocol\r\n"},
};

static size_t size_of(const struct one *one)
{
	return one->len ? one->len : strlen(one->bytes);
}

static void check(const struct memcache_request_parser *p, const struct one *want)
{
	char line[2 * MEMCACHE_KEY_MAX];
	size_t n;

	assert_int_equal(p->at, size_of(want));
	assert_int_equal(p->outcome, want->outcome);
	assert_int_equal(p->quiet, want->quiet);
	if (want->answer) {
		assert_int_equal(p->answer.len, strlen(want->answer));
		assert_memory_equal(p->answer.ptr, want->answer, p->answer.len);
	} else {
		assert_int_equal(p->answer.len, 0);
	}
	if (!want->line)
		return;
	n = memcache_rewrite(slice_make(want->bytes, p->line_len), p->keep, line, sizeof(line));
	assert_int_equal(n, strlen(want->line));
	assert_memory_equal(line, want->line, n);
	assert_int_equal(p->as_is, n == p->line_len && memcmp(line, want->bytes, p->line_len) == 0);
}

// Feeds a chunk of memory of its own, so that a sanitizer sees what is read beyond it.
static enum resp_status feed(
	struct memcache_request_parser *p, const char *bytes, size_t len, size_t *used)
{
	uint8_t *own = malloc(len ? len : 1);
	enum resp_status status;

	memcpy(own, bytes, len);
	status = memcache_request_parse(p, own, len, used);
	free(own);
	return status;
}

static void each_request_at_every_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ones) / sizeof(ones[0]); i++) {
		const struct one *one = &ones[i];
		size_t len = size_of(one);

		for (size_t cut = 0; cut < len; cut++) {
			struct memcache_request_parser p;
			size_t used = 0;

			memcache_request_init(&p, VALUE_MAX);
			assert_int_equal(feed(&p, one->bytes, cut, &used), RESP_MORE);
			assert_int_equal(used, cut);
			assert_int_equal(feed(&p, one->bytes + cut, len - cut, &used), RESP_DONE);
			assert_int_equal(used, len - cut);
			check(&p, one);
		}
	}
}

// All of them in one stream, in chunks of every size.
static void all_in_one_stream(void **state)
{
	char stream[16384];
	size_t len = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(ones) / sizeof(ones[0]); i++) {
		memcpy(stream + len, ones[i].bytes, size_of(&ones[i]));
		len += size_of(&ones[i]);
	}
	for (size_t chunk = 1; chunk < 80; chunk++) {
		struct memcache_request_parser p;
		size_t at = 0;
		size_t seen = 0;

		memcache_request_init(&p, VALUE_MAX);
		while (at < len) {
			size_t n = chunk < len - at ? chunk : len - at;
			size_t used;

			if (feed(&p, stream + at, n, &used) == RESP_DONE)
				check(&p, &ones[seen++]);
			at += used;
		}
		assert_int_equal(seen, sizeof(ones) / sizeof(ones[0]));
	}
}

static void lines_have_an_end(void **state)
{
	struct memcache_request_parser p;
	char line[MEMCACHE_LINE_MAX + 16];
	size_t used;

	(void)state;
	memset(line, 'a', sizeof(line));
	memcpy(line, "get ", 4);
	memcache_request_init(&p, VALUE_MAX);
	assert_int_equal(feed(&p, line, sizeof(line), &used), RESP_ERROR);
	assert_int_equal(feed(&p, line, 1, &used), RESP_ERROR);

	// A line of keys may be long; any other is refused where memcached would end the
	// connection.
	for (size_t i = 5; i < 4000; i += 2)
		line[i] = ' ';
	memcpy(line + 4000, "\r\n", 2);
	memcache_request_init(&p, VALUE_MAX);
	assert_int_equal(feed(&p, line, 4002, &used), RESP_DONE);
	assert_int_equal(p.outcome, MEMCACHE_RUN);
	memcpy(line, "gat 0", 5);
	assert_int_equal(feed(&p, line, 4002, &used), RESP_DONE);
	assert_int_equal(p.outcome, MEMCACHE_FAILED);
	assert_int_equal(p.answer.len, strlen(MEMCACHE_LINE_TOO_LONG));
}

static void the_head_of_a_large_one_is_known_before_its_data(void **state)
{
	struct memcache_request_parser p;
	size_t used;

	(void)state;
	memcache_request_init(&p, 1000000);
	assert_int_equal(feed(&p, "set a 0 0 900000 noreply\r\nxx", 28, &used), RESP_MORE);
	assert_true(memcache_request_in_data(&p));
	assert_int_equal(p.outcome, MEMCACHE_RUN);
	assert_true(p.quiet);
	assert_int_equal(p.line_len, 26);
	assert_int_equal(p.payload_left, 899998);
}

// Every row of the table can be found, and stands in the documentation with what it does.
static void rows_are_documented(void **state)
{
	static char text[64 * 1024];
	FILE *f = fopen("docs/memcached.md", "r");

	(void)state;
	assert_non_null(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	for (uint32_t id = MEMCACHE_BEFORE_FIRST + 1; id < MEMCACHE_END; id++) {
		const struct memcache_cmd *row = memcache_row((enum memcache_cmd_id)id);
		char want[256];

		assert_int_equal(row->row.id, id);
		assert_ptr_equal(memcache_lookup(row->row.name), row);
		assert_true(memcache_is(&row->row));
		snprintf(want, sizeof(want), "| `%.*s` | %.*s |", SLICE_ARG(row->row.name),
			SLICE_ARG(row->row.summary));
		if (!strstr(text, want))
			fail_msg("docs/memcached.md lacks: %s", want);
	}
	assert_false(memcache_is(resp_cmd_row(CMD_GET)));
	assert_null(memcache_lookup(SLICE_LIT("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_request_at_every_cut),
		cmocka_unit_test(all_in_one_stream),
		cmocka_unit_test(lines_have_an_end),
		cmocka_unit_test(the_head_of_a_large_one_is_known_before_its_data),
		cmocka_unit_test(rows_are_documented),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
