#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "common/base/rng.h"
#include "common/proto/resp.h"

#define BULK_MAX_TEST 1000

// What one request looked like, however it was cut.
struct seen {
	enum resp_status status;
	uint64_t size;
	uint32_t argc;
	bool is_inline;
	struct resp_arg args[RESP_ARGS_MAX];
	char error[RESP_ERROR_MAX];
};

static void see(struct seen *s, const struct resp_request_parser *p, enum resp_status status)
{
	*s = (struct seen){.status = status};
	if (status == RESP_ERROR) {
		memcpy(s->error, p->error, sizeof(s->error));
		return;
	}
	s->size = p->at;
	if (status != RESP_DONE)
		return;
	s->argc = p->argc;
	s->is_inline = p->is_inline;
	for (uint32_t i = 0; i < p->args_seen && i < RESP_ARGS_MAX; i++)
		s->args[i] = p->args[i];
}

// Feeds the stream in chunks of at most `chunk` bytes, the first of at most `first`; the results.
static size_t feed(const void *stream, size_t len, size_t first, size_t chunk, struct seen *out,
	size_t out_max)
{
	struct resp_request_parser p;
	const uint8_t *data = stream;
	size_t pos = 0;
	size_t end = first < len ? first : len;
	size_t n = 0;

	resp_request_init(&p, BULK_MAX_TEST);
	while (pos < len && n < out_max) {
		size_t used;
		enum resp_status status = resp_request_parse(&p, data + pos, end - pos, &used);

		assert_true(used <= end - pos);
		pos += used;
		if (status == RESP_MORE) {
			assert_int_equal(pos, end);
		} else {
			see(&out[n++], &p, status);
			if (status == RESP_ERROR)
				break;
		}
		if (pos == end)
			end = end + chunk < len ? end + chunk : len;
	}
	return n;
}

static void assert_same_at_every_cut(const void *stream, size_t len)
{
	struct seen whole[64] = {0};
	struct seen cut[64] = {0};
	size_t n = feed(stream, len, len, len, whole, ARRAY_LEN(whole));

	for (size_t at = 0; at <= len; at++) {
		assert_int_equal(feed(stream, len, at, len, cut, ARRAY_LEN(cut)), n);
		assert_memory_equal(cut, whole, n * sizeof(whole[0]));
	}
	for (size_t chunk = 1; chunk <= 7; chunk++) {
		assert_int_equal(feed(stream, len, chunk, chunk, cut, ARRAY_LEN(cut)), n);
		assert_memory_equal(cut, whole, n * sizeof(whole[0]));
	}
}

static void request_tells_where_arguments_lie(void **state)
{
	(void)state;
	static const char text[] = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$10\r\n0123456789\r\n";
	struct seen s;

	assert_int_equal(feed(text, sizeof(text) - 1, 100, 100, &s, 1), 1);
	assert_int_equal(s.status, RESP_DONE);
	assert_int_equal(s.size, sizeof(text) - 1);
	assert_int_equal(s.argc, 3);
	assert_false(s.is_inline);
	assert_memory_equal(text + s.args[0].at, "SET", 3);
	assert_int_equal(s.args[0].len, 3);
	assert_memory_equal(text + s.args[1].at, "k", 1);
	assert_int_equal(s.args[1].len, 1);
	assert_memory_equal(text + s.args[2].at, "0123456789", 10);
	assert_int_equal(s.args[2].len, 10);
}

static void pipeline_is_the_same_at_every_cut(void **state)
{
	(void)state;
	static const char text[] = "*1\r\n$4\r\nPING\r\n"
				   "\r\n"
				   "*0\r\n"
				   "PING hello\r\n"
				   "*2\r\n$3\r\nGET\r\n$0\r\n\r\n"
				   "*-1\r\n"
				   "*2\r\n$3\r\nGET\r\n$12\r\n\r\n*1\r\n$4\r\n\r\n\r\n"
				   "  \t \n"
				   "get \"a b\"\n"
				   "*1\r\n$3\r\nabc\r\n*x\r\n";
	struct seen s[16];

	assert_int_equal(feed(text, sizeof(text) - 1, 1000, 1000, s, ARRAY_LEN(s)), 11);
	assert_int_equal(s[0].status, RESP_DONE);
	assert_int_equal(s[1].status, RESP_EMPTY);
	assert_int_equal(s[2].status, RESP_EMPTY);
	assert_true(s[3].is_inline);
	assert_int_equal(s[3].size, 12);
	assert_int_equal(s[4].args[1].len, 0);
	assert_int_equal(s[5].status, RESP_EMPTY);
	assert_int_equal(s[6].args[1].len, 12);
	assert_int_equal(s[7].status, RESP_EMPTY);
	assert_int_equal(s[8].status, RESP_DONE);
	assert_int_equal(s[9].status, RESP_DONE);
	assert_int_equal(s[10].status, RESP_ERROR);
	assert_same_at_every_cut(text, sizeof(text) - 1);
}

static void errors_have_the_words_of_redis(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		const char *error;
	} cases[] = {
		{"*x\r\n", "Protocol error: invalid multibulk length"},
		{"*\r\n", "Protocol error: invalid multibulk length"},
		{"*01\r\n", "Protocol error: invalid multibulk length"},
		{"*2147483648\r\n", "Protocol error: invalid multibulk length"},
		{"*99999999999999999999\r\n", "Protocol error: invalid multibulk length"},
		{"*999999999999999999999999999999\r\n", "Protocol error: invalid multibulk length"},
		{"*1\rx", "Protocol error: invalid multibulk length"},
		{"*1\r\n+OK\r\n", "Protocol error: expected '$', got '+'"},
		{"*1\r\n\r\n", "Protocol error: expected '$', got ' '"},
		{"*1\r\nab$1\r\na\r\n", "Protocol error: expected '$', got 'a'"},
		{"*1\r\n$1$1\r\na\r\n", "Protocol error: invalid bulk length"},
		{"*1\r\n\nx\r\n", "Protocol error: expected '$', got ' '"},
		{"*1\r\n$\r\n", "Protocol error: invalid bulk length"},
		{"*1\r\n$-1\r\n", "Protocol error: invalid bulk length"},
		{"*1\r\n$01\r\n", "Protocol error: invalid bulk length"},
		{"*1\r\n$1x\r\n", "Protocol error: invalid bulk length"},
		{"*1\r\n$1001\r\n", "Protocol error: invalid bulk length"},
		{"*1\r\n$12345678901\r\n", "Protocol error: invalid bulk length"},
		{"*1\r\n$1\rx", "Protocol error: invalid bulk length"},
		{"*1\r\n$1\r\naXX", "Protocol error: expected CRLF behind a bulk string"},
		{"*1\r\n$1\r\na\rX", "Protocol error: expected CRLF behind a bulk string"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		size_t len = strlen(cases[i].text);
		struct seen s;

		assert_int_equal(feed(cases[i].text, len, len, len, &s, 1), 1);
		assert_int_equal(s.status, RESP_ERROR);
		assert_string_equal(s.error, cases[i].error);
		assert_same_at_every_cut(cases[i].text, len);
	}
}

static void error_stays(void **state)
{
	(void)state;
	struct resp_request_parser p;
	size_t used;

	resp_request_init(&p, BULK_MAX_TEST);
	assert_int_equal(resp_request_parse(&p, (const uint8_t *)"*x\r\n", 4, &used), RESP_ERROR);
	assert_int_equal(resp_request_parse(&p, (const uint8_t *)"PING\r\n", 6, &used), RESP_ERROR);
	assert_int_equal(used, 0);
	assert_string_equal(p.error, "Protocol error: invalid multibulk length");
}

// A line of n bytes x behind `start`.
static void assert_line_limit(const char *start, const char *error)
{
	size_t head = strlen(start);
	char *text = malloc(head + RESP_LINE_MAX + 16);
	struct seen s = {0};

	memcpy(text, start, head);
	memset(text + head, '1', RESP_LINE_MAX + 16);
	assert_int_equal(feed(text, head + RESP_LINE_MAX - 1, 1000, 777, &s, 1), 0);
	assert_int_equal(feed(text, head + RESP_LINE_MAX + 16, 1000, 777, &s, 1), 1);
	assert_int_equal(s.status, RESP_ERROR);
	assert_string_equal(s.error, error);
	assert_int_equal(
		feed(text, head + RESP_LINE_MAX + 16, SIZE_MAX / 2, SIZE_MAX / 2, &s, 1), 1);
	assert_string_equal(s.error, error);
	free(text);
}

static void lines_are_bounded(void **state)
{
	(void)state;
	assert_line_limit("", "Protocol error: too big inline request");
	assert_line_limit("*", "Protocol error: too big mbulk count string");
	assert_line_limit("*1\r\n", "Protocol error: too big bulk count string");
}

static void inline_of_full_length_passes(void **state)
{
	(void)state;
	char *text = malloc(RESP_LINE_MAX + 1);
	struct seen s;

	memset(text, 'x', RESP_LINE_MAX);
	text[RESP_LINE_MAX] = '\n';
	assert_int_equal(feed(text, RESP_LINE_MAX + 1, 5, 1000, &s, 1), 1);
	assert_int_equal(s.status, RESP_DONE);
	assert_int_equal(s.size, RESP_LINE_MAX + 1);
	free(text);
}

static void payload_left_counts_down(void **state)
{
	(void)state;
	static const char head[] = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\nabc";
	static uint8_t zeros[65536];
	struct resp_request_parser p;
	uint64_t left = RESP_BULK_MAX - 3;
	size_t used;

	resp_request_init(&p, RESP_BULK_MAX);
	assert_int_equal(
		resp_request_parse(&p, (const uint8_t *)head, sizeof(head) - 1, &used), RESP_MORE);
	assert_true(resp_request_in_payload(&p));
	assert_int_equal(p.argc, 3);
	assert_int_equal(p.args_seen, 3);
	assert_int_equal(p.args[2].len, RESP_BULK_MAX);
	while (left > 0) {
		size_t n = left < sizeof(zeros) ? left : sizeof(zeros);

		assert_int_equal(p.payload_left, left);
		assert_int_equal(resp_request_parse(&p, zeros, n, &used), RESP_MORE);
		assert_int_equal(used, n);
		left -= n;
	}
	assert_false(resp_request_in_payload(&p));
	assert_int_equal(resp_request_parse(&p, (const uint8_t *)"\r\nPI", 4, &used), RESP_DONE);
	assert_int_equal(used, 2);
	assert_int_equal(p.at, sizeof(head) - 1 - 3 + RESP_BULK_MAX + 2);
}

static void many_arguments_are_counted_not_kept(void **state)
{
	(void)state;
	char text[4096];
	int n = snprintf(text, sizeof(text), "*%d\r\n", RESP_ARGS_MAX + 50);
	struct seen s;

	for (int i = 0; i < RESP_ARGS_MAX + 50; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "$2\r\n%02d\r\n", i);
	assert_int_equal(feed(text, (size_t)n, 10, 11, &s, 1), 1);
	assert_int_equal(s.status, RESP_DONE);
	assert_int_equal(s.argc, RESP_ARGS_MAX + 50);
	assert_memory_equal(text + s.args[RESP_ARGS_MAX - 1].at, "15", 2);
	assert_same_at_every_cut(text, (size_t)n);
}

// The grammar written down once more as plainly as can be, over a whole stream in memory.
static enum resp_status naive(const char *s, size_t len, struct seen *out)
{
	char *end;
	long argc;
	size_t pos;

	*out = (struct seen){0};
	if (len == 0)
		return RESP_MORE;
	if (s[0] != '*') {
		const char *lf = memchr(s, '\n', len);
		bool blank = true;

		if (!lf)
			return RESP_MORE;
		for (const char *c = s; c < lf; c++)
			blank = blank && strchr(" \t\r\v\f", *c) && *c != '\0';
		out->size = (size_t)(lf + 1 - s);
		out->is_inline = !blank;
		return out->status = blank ? RESP_EMPTY : RESP_DONE;
	}
	if (len < 4 || !memchr(s, '\n', len))
		return RESP_MORE;
	argc = strtol(s + 1, &end, 10);
	if (end[0] != '\r' || end[1] != '\n')
		return RESP_ERROR;
	pos = (size_t)(end + 2 - s);
	for (long i = 0; i < argc; i++) {
		long n;

		if (!memchr(s + pos, '\n', len - pos))
			return RESP_MORE;
		n = strtol(s + pos + 1, &end, 10);
		if (s[pos] != '$' || n < 0 || end[0] != '\r' || end[1] != '\n')
			return RESP_ERROR;
		pos = (size_t)(end + 2 - s);
		if (i < RESP_ARGS_MAX)
			out->args[i] = (struct resp_arg){.at = pos, .len = (uint64_t)n};
		if (pos + (size_t)n + 2 > len)
			return RESP_MORE;
		if (memcmp(s + pos + n, "\r\n", 2) != 0)
			return RESP_ERROR;
		pos += (size_t)n + 2;
	}
	out->size = pos;
	out->argc = argc > 0 ? (uint32_t)argc : 0;
	return out->status = argc > 0 ? RESP_DONE : RESP_EMPTY;
}

static size_t random_request(struct rng *rng, char *out)
{
	size_t n = 0;
	unsigned argc = (unsigned)rng_below(rng, 20);

	if (rng_below(rng, 6) == 0) {
		unsigned words = (unsigned)rng_below(rng, 5);

		for (unsigned i = 0; i < words; i++)
			n += (size_t)sprintf(out + n, "w%u%s", i, i % 2 ? "  " : " \t");
		return n + (size_t)sprintf(out + n, "%s\n", rng_below(rng, 2) ? "\r" : "");
	}
	n = (size_t)sprintf(out, "*%u\r\n", argc);
	for (unsigned i = 0; i < argc; i++) {
		unsigned len = (unsigned)rng_below(rng, 40);

		n += (size_t)sprintf(out + n, "$%u\r\n", len);
		for (unsigned b = 0; b < len; b++)
			out[n++] = "\r\n$*0a-1"[rng_below(rng, 8)];
		n += (size_t)sprintf(out + n, "\r\n");
	}
	return n;
}

static void random_pipelines_agree_with_a_naive_reading(void **state)
{
	(void)state;
	static char stream[65536];
	struct rng rng;
	struct seen got[32];
	unsigned requests = 0;

	rng_seed(&rng, 20260101);
	for (unsigned round = 0; round < 3000; round++) {
		size_t len = 0;
		size_t pos = 0;
		size_t n;

		for (unsigned i = 0; i < 20; i++)
			len += random_request(&rng, stream + len);
		stream[len] = '\0';
		n = feed(stream, len, rng_below(&rng, len), 1 + rng_below(&rng, 200), got, 32);
		for (size_t i = 0; i < n; i++, requests++) {
			struct seen want;

			assert_int_not_equal(naive(stream + pos, len - pos, &want), RESP_ERROR);
			assert_memory_equal(&got[i], &want, sizeof(want));
			pos += want.size;
		}
		assert_int_equal(n, 20);
		assert_int_equal(pos, len);
	}
	assert_int_equal(requests, 60000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_tells_where_arguments_lie),
		cmocka_unit_test(pipeline_is_the_same_at_every_cut),
		cmocka_unit_test(errors_have_the_words_of_redis),
		cmocka_unit_test(error_stays),
		cmocka_unit_test(lines_are_bounded),
		cmocka_unit_test(inline_of_full_length_passes),
		cmocka_unit_test(payload_left_counts_down),
		cmocka_unit_test(many_arguments_are_counted_not_kept),
		cmocka_unit_test(random_pipelines_agree_with_a_naive_reading),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
