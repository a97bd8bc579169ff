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

struct seen {
	enum resp_status status;
	uint64_t size;
	char type;
};

static size_t feed(const void *stream, size_t len, size_t first, size_t chunk, struct seen *out,
	size_t out_max)
{
	struct resp_reply_parser p;
	const uint8_t *data = stream;
	size_t pos = 0;
	size_t end = first < len ? first : len;
	size_t n = 0;

	resp_reply_init(&p, BULK_MAX_TEST);
	while (pos < len && n < out_max) {
		size_t used;
		enum resp_status status = resp_reply_parse(&p, data + pos, end - pos, &used);

		assert_true(used <= end - pos);
		pos += used;
		if (status == RESP_MORE) {
			assert_int_equal(pos, end);
		} else {
			out[n] = (struct seen){.status = status};
			if (status == RESP_DONE) {
				out[n].size = p.at;
				out[n].type = p.type;
			}
			n++;
			if (status == RESP_ERROR)
				break;
		}
		if (pos == end)
			end = end + chunk < len ? end + chunk : len;
	}
	return n;
}

static void assert_same_at_every_cut(
	const char *text, size_t len, const struct seen *want, size_t want_n)
{
	struct seen got[32];

	for (size_t at = 0; at <= len; at++) {
		size_t n = feed(text, len, at, len, got, ARRAY_LEN(got));

		assert_int_equal(n, want_n);
		for (size_t i = 0; i < n; i++) {
			assert_int_equal(got[i].status, want[i].status);
			assert_int_equal(got[i].size, want[i].size);
			assert_int_equal(got[i].type, want[i].type);
		}
	}
	assert_int_equal(feed(text, len, 1, 1, got, ARRAY_LEN(got)), want_n);
}

static void replies_are_told_apart(void **state)
{
	(void)state;
	static const char *const replies[] = {
		"+OK\r\n",
		"+\r\n",
		"-ERR no\r\n",
		":-42\r\n",
		":9223372036854775807\r\n",
		"$5\r\na\r\nbc\r\n",
		"$0\r\n\r\n",
		"$-1\r\n",
		"*0\r\n",
		"*-1\r\n",
		"*2\r\n$-1\r\n:1\r\n",
		"*3\r\n*2\r\n+a\r\n*0\r\n*-1\r\n*1\r\n*1\r\n$1\r\nx\r\n",
		"*1\r\n-ERR inside\r\n",
	};
	char stream[512] = "";
	struct seen want[ARRAY_LEN(replies)];

	for (size_t i = 0; i < ARRAY_LEN(replies); i++) {
		strcat(stream, replies[i]);
		want[i] = (struct seen){
			.status = RESP_DONE, .size = strlen(replies[i]), .type = replies[i][0]};
	}
	assert_same_at_every_cut(stream, strlen(stream), want, ARRAY_LEN(replies));
}

static void malformed_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {"x", "\r\n", "?1\r\n", "$-2\r\n", "$01\r\n", "$\r\n",
		"$1001\r\n", "$1\r\nab\r\n", "$1\r\na\rx", "*-2\r\n", "*a\r\n", ":\r\n", ":1x\r\n",
		":99999999999999999999\r\n", "+OK\rx", "*1\r\nOK\r\n", "*2\r\n:1\r\n%1\r\n",
		"_\r\n"};
	static const struct seen error = {.status = RESP_ERROR};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_same_at_every_cut(bad[i], strlen(bad[i]), &error, 1);
}

static size_t nest(char *out, unsigned depth)
{
	size_t n = 0;

	for (unsigned i = 0; i < depth; i++)
		n += (size_t)sprintf(out + n, "*1\r\n");
	return n + (size_t)sprintf(out + n, ":1\r\n");
}

static void nesting_is_bounded(void **state)
{
	(void)state;
	char text[512];
	struct seen s;
	size_t len = nest(text, RESP_DEPTH_MAX);

	assert_int_equal(feed(text, len, len, len, &s, 1), 1);
	assert_int_equal(s.status, RESP_DONE);
	assert_int_equal(s.size, len);
	len = nest(text, RESP_DEPTH_MAX + 1);
	assert_int_equal(feed(text, len, len, len, &s, 1), 1);
	assert_int_equal(s.status, RESP_ERROR);
}

static void simple_lines_are_bounded(void **state)
{
	(void)state;
	size_t len = RESP_LINE_MAX + 3;
	char *text = malloc(len);
	struct seen s;

	memset(text, 'x', len);
	text[0] = '-';
	memcpy(text + RESP_LINE_MAX, "\r\n", 2);
	assert_int_equal(feed(text, RESP_LINE_MAX + 2, 1000, 1000, &s, 1), 1);
	assert_int_equal(s.status, RESP_DONE);
	text[RESP_LINE_MAX] = 'x';
	assert_int_equal(feed(text, len, 1000, 1000, &s, 1), 1);
	assert_int_equal(s.status, RESP_ERROR);
	free(text);
}

static void payload_left_counts_down(void **state)
{
	(void)state;
	static const uint8_t bytes[] = "$100\r\nabc";
	static const uint8_t rest[99] = {[97] = '\r', [98] = '\n'};
	struct resp_reply_parser p;
	size_t used;

	resp_reply_init(&p, RESP_BULK_MAX);
	assert_int_equal(resp_reply_parse(&p, bytes, sizeof(bytes) - 1, &used), RESP_MORE);
	assert_int_equal(p.type, '$');
	assert_int_equal(p.payload_left, 97);
	assert_int_equal(resp_reply_parse(&p, rest, sizeof(rest), &used), RESP_DONE);
	assert_int_equal(used, sizeof(rest));
	assert_int_equal(p.payload_left, 0);
	assert_int_equal(p.at, 6 + 100 + 2);
}

static void error_stays(void **state)
{
	(void)state;
	struct resp_reply_parser p;
	size_t used;

	resp_reply_init(&p, RESP_BULK_MAX);
	assert_int_equal(resp_reply_parse(&p, (const uint8_t *)"x", 1, &used), RESP_ERROR);
	assert_int_equal(resp_reply_parse(&p, (const uint8_t *)"+OK\r\n", 5, &used), RESP_ERROR);
	assert_int_equal(used, 0);
}

// One whole reply, nested at most so deep; its size.
static size_t random_reply(struct rng *rng, char *out, unsigned depth)
{
	static const char *const simple[] = {"+OK\r\n", "+\r\n", "-ERR $5\r\n", ":0\r\n",
		":-17\r\n", ":1234567890123456789\r\n", "$-1\r\n", "*-1\r\n", "*0\r\n",
		"$0\r\n\r\n"};
	unsigned count = rng_below(rng, 5);
	size_t n;

	if (depth > 0 && rng_below(rng, 3) == 0) {
		n = (size_t)sprintf(out, "*%u\r\n", count);
		for (unsigned i = 0; i < count; i++)
			n += random_reply(rng, out + n, depth - 1);
		return n;
	}
	if (rng_below(rng, 2))
		return (size_t)sprintf(out, "%s", simple[rng_below(rng, ARRAY_LEN(simple))]);
	count = rng_below(rng, 60);
	n = (size_t)sprintf(out, "$%u\r\n", count);
	for (unsigned i = 0; i < count; i++)
		out[n++] = "\r\n$*+:-1"[rng_below(rng, 8)];
	return n + (size_t)sprintf(out + n, "\r\n");
}

static void any_chunking_of_random_replies_gives_the_same(void **state)
{
	(void)state;
	static char stream[1 << 20];
	struct seen want[20];
	struct seen got[20];
	struct rng rng;

	rng_seed(&rng, 5);
	for (unsigned round = 0; round < 3000; round++) {
		size_t len = 0;
		size_t n;

		for (size_t i = 0; i < ARRAY_LEN(want); i++) {
			size_t size = random_reply(&rng, stream + len, 4);

			want[i] = (struct seen){
				.status = RESP_DONE, .size = size, .type = stream[len]};
			len += size;
		}
		n = feed(stream, len, rng_below(&rng, (uint32_t)len), 1 + rng_below(&rng, 200), got,
			ARRAY_LEN(got));
		assert_int_equal(n, ARRAY_LEN(want));
		for (size_t i = 0; i < n; i++) {
			assert_int_equal(got[i].status, want[i].status);
			assert_int_equal(got[i].size, want[i].size);
			assert_int_equal(got[i].type, want[i].type);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replies_are_told_apart),
		cmocka_unit_test(malformed_is_refused),
		cmocka_unit_test(nesting_is_bounded),
		cmocka_unit_test(simple_lines_are_bounded),
		cmocka_unit_test(payload_left_counts_down),
		cmocka_unit_test(error_stays),
		cmocka_unit_test(any_chunking_of_random_replies_gives_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
