#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>

#include "tests/unit/common/proto/pieces.h"
#include "common/proto/resp_merge.h"

enum { KEYS_MAX = 300, PARTS_MAX = 12, TEXT_MAX = 64 * 1024 };

#define MALFORMED "-ERR Dynomite: An answer to a part of the request is not as it should be\r\n"

struct parts {
	char text[PARTS_MAX][TEXT_MAX];
	struct slice reply[PARTS_MAX];
	uint32_t part_n;
	uint16_t part_of_key[KEYS_MAX];
	uint32_t key_n;
};

struct merged {
	char text[TEXT_MAX];
	size_t len;
	unsigned ranges;
	bool broken;
	bool is_error;
};

static void part_set(struct parts *p, uint32_t part, const char *text)
{
	size_t len = strlen(text);

	memcpy(p->text[part], text, len);
	p->reply[part] = slice_make(p->text[part], len);
}

static void merge(enum resp_cmd_merge how, struct parts *p, uint64_t seed, struct merged *out)
{
	struct resp_merge_part room[PARTS_MAX];
	struct pieces pieces;
	struct resp_source source = pieces_start(&pieces, p->reply, p->part_n, seed);
	struct resp_merge_plan plan = {
		.merge = how,
		.part_of_key = p->part_of_key,
		.key_n = p->key_n,
		.parts = room,
		.part_n = p->part_n,
	};
	enum resp_merge_status status;
	struct resp_range range;
	struct resp_merge m;

	for (uint32_t i = 0; i < p->part_n; i++)
		room[i].len = p->reply[i].len;
	resp_merge_start(&m, &plan, seed % 4 ? source : resp_source_slices(p->reply));
	out->len = resp_merge_head(&m).len;
	memcpy(out->text, resp_merge_head(&m).ptr, out->len);
	out->ranges = 0;
	while ((status = resp_merge_next(&m, &range)) == RESP_MERGE_RANGE) {
		assert_true(range.len > 0);
		assert_true(range.part < p->part_n);
		assert_true(range.at + range.len <= p->reply[range.part].len);
		memcpy(out->text + out->len, p->reply[range.part].ptr + range.at, range.len);
		out->len += range.len;
		assert_true(++out->ranges <= p->key_n + 1);
	}
	out->broken = status == RESP_MERGE_BROKEN;
	out->is_error = m.is_error;
	pieces_end(&pieces);
}

static void assert_merged(enum resp_cmd_merge how, struct parts *p, const char *want)
{
	static struct merged got;

	for (uint64_t seed = 0; seed < 8; seed++) {
		merge(how, p, seed, &got);
		assert_false(got.broken);
		assert_int_equal(got.is_error, want[0] == '-');
		assert_int_equal(got.len, strlen(want));
		assert_memory_equal(got.text, want, got.len);
	}
}

static void assert_two_make(enum resp_cmd_merge how, const char *a, const char *b, const char *want)
{
	static struct parts p = {.part_n = 2, .part_of_key = {0, 1, 0}, .key_n = 3};

	part_set(&p, 0, a);
	part_set(&p, 1, b);
	assert_merged(how, &p, want);
}

static void sums_are_added_and_bounded(void **state)
{
	static const enum resp_cmd_merge sum = RESP_CMD_MERGE_SUM;

	(void)state;
	assert_two_make(sum, ":1\r\n", ":2\r\n", ":3\r\n");
	assert_two_make(sum, ":0\r\n", ":0\r\n", ":0\r\n");
	assert_two_make(sum, ":-5\r\n", ":2\r\n", ":-3\r\n");
	assert_two_make(sum, ":9223372036854775807\r\n", ":1\r\n", ":9223372036854775807\r\n");
	assert_two_make(sum, ":-9223372036854775808\r\n", ":-1\r\n", ":-9223372036854775808\r\n");
	assert_two_make(sum, ":9223372036854775807\r\n", ":-9223372036854775808\r\n", ":-1\r\n");
	assert_two_make(sum, ":1\r\n", "+1\r\n", MALFORMED);
	assert_two_make(sum, ":1\r\n", "$1\r\n1\r\n", MALFORMED);
	assert_two_make(sum, ":1\r\n", "*1\r\n:1\r\n", MALFORMED);
	assert_two_make(sum, ":1\r\n", ":9223372036854775808\r\n", MALFORMED);
	assert_two_make(sum, ":1\r\n", ":1", MALFORMED);
	assert_two_make(sum, ":1\r\n", ":1\r\n:1\r\n", MALFORMED);
	assert_two_make(sum, ":1\r\n", "", MALFORMED);
}

static void all_must_say_ok(void **state)
{
	static const enum resp_cmd_merge ok = RESP_CMD_MERGE_OK;

	(void)state;
	assert_two_make(ok, "+OK\r\n", "+OK\r\n", "+OK\r\n");
	assert_two_make(ok, "+OK\r\n", "+ok\r\n", MALFORMED);
	assert_two_make(ok, "+OK\r\n", "+OK", MALFORMED);
	assert_two_make(ok, "+OK\r\n", "+OK\r\n+OK\r\n", MALFORMED);
	assert_two_make(ok, ":1\r\n", "+OK\r\n", MALFORMED);
	assert_two_make(RESP_CMD_MERGE_NONE, "+OK\r\n", "+OK\r\n", MALFORMED);
}

static void the_error_of_the_first_part_is_the_answer(void **state)
{
	static const struct {
		enum resp_cmd_merge how;
		const char *good;
	} rows[] = {
		{RESP_CMD_MERGE_SUM, ":1\r\n"},
		{RESP_CMD_MERGE_OK, "+OK\r\n"},
		{RESP_CMD_MERGE_ORDER, "*2\r\n$-1\r\n$-1\r\n"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_two_make(rows[i].how, "-OOM one\r\n", "-ERR two\r\n", "-OOM one\r\n");
		assert_two_make(rows[i].how, rows[i].good, "-ERR two\r\n", "-ERR two\r\n");
		assert_two_make(rows[i].how, "-OOM one\r\n", "junk", "-OOM one\r\n");
		assert_two_make(rows[i].how, "junk", "-ERR two\r\n", "-ERR two\r\n");
		assert_two_make(rows[i].how, "junk", rows[i].good, MALFORMED);
	}
}

static void elements_come_in_the_order_of_keys(void **state)
{
	static const enum resp_cmd_merge order = RESP_CMD_MERGE_ORDER;

	(void)state;
	assert_two_make(order, "*2\r\n$1\r\na\r\n$-1\r\n", "*1\r\n$2\r\n\r\n\r\n",
		"*3\r\n$1\r\na\r\n$2\r\n\r\n\r\n$-1\r\n");
	assert_two_make(order, "*2\r\n*2\r\n:1\r\n*1\r\n+x\r\n-ERR in\r\n", "*1\r\n*0\r\n",
		"*3\r\n*2\r\n:1\r\n*1\r\n+x\r\n*0\r\n-ERR in\r\n");
	// As many in all, but not where they belong; too many, too few, none.
	assert_two_make(order, "*1\r\n:1\r\n", "*2\r\n:1\r\n:2\r\n", MALFORMED);
	assert_two_make(order, "*3\r\n:1\r\n:1\r\n:1\r\n", "*1\r\n:1\r\n", MALFORMED);
	assert_two_make(order, "*1\r\n:1\r\n", "*1\r\n:1\r\n", MALFORMED);
	assert_two_make(order, "*2\r\n:1\r\n:1\r\n", "*0\r\n", MALFORMED);
	assert_two_make(order, "*2\r\n:1\r\n:1\r\n", "*-1\r\n", MALFORMED);
	assert_two_make(order, "*2\r\n:1\r\n:1\r\n", "$1\r\n1\r\n", MALFORMED);
	assert_two_make(order, "*2\r\n:1\r\n:1\r\n", "*9223372036854775807\r\n", MALFORMED);
}

static size_t draw_element(struct rng *rng, char *out)
{
	uint32_t len = rng_below(rng, rng_below(rng, 6) ? 5 : 150);
	int n;

	switch (rng_below(rng, 8)) {
	case 0:
		return (size_t)sprintf(out, "$-1\r\n");
	case 1:
		return (size_t)sprintf(out, ":%u\r\n", len);
	case 2:
		return (size_t)sprintf(out, "*2\r\n$1\r\n*\r\n*1\r\n:%u\r\n", len);
	default:
		n = sprintf(out, "$%u\r\n", len);
		memset(out + n, (int)('a' + len % 26), len);
		return (size_t)(n + sprintf(out + n + len, "\r\n")) + len;
	}
}

// Parts as stores would give them, and what they make together.
static void draw_parts(struct rng *rng, struct parts *p, char *want, size_t *want_len)
{
	static char element[KEYS_MAX][256];
	uint32_t count[PARTS_MAX] = {0};

	p->key_n = 1 + rng_below(rng, KEYS_MAX);
	p->part_n = 1 + rng_below(rng, p->key_n < PARTS_MAX ? p->key_n : PARTS_MAX);
	*want_len = (size_t)sprintf(want, "*%u\r\n", p->key_n);
	for (uint32_t i = 0; i < p->key_n; i++) {
		bool run = i > p->part_n && rng_below(rng, 3) > 0;
		size_t n = draw_element(rng, element[i]);

		p->part_of_key[i] = (uint16_t)(i < p->part_n ? i : rng_below(rng, p->part_n));
		if (run)
			p->part_of_key[i] = p->part_of_key[i - 1];
		count[p->part_of_key[i]]++;
		memcpy(want + *want_len, element[i], n);
		*want_len += n;
	}
	for (uint32_t part = 0; part < p->part_n; part++)
		p->reply[part] = slice_make(
			p->text[part], (size_t)sprintf(p->text[part], "*%u\r\n", count[part]));
	for (uint32_t i = 0; i < p->key_n; i++) {
		struct slice *r = &p->reply[p->part_of_key[i]];
		size_t n = strlen(element[i]);

		memcpy(p->text[p->part_of_key[i]] + r->len, element[i], n);
		r->len += n;
	}
}

// Neighbours of one part make one range, of a bounded length.
static unsigned ranges_of(const struct parts *p)
{
	unsigned ranges = 1;
	int run = 1;

	for (uint32_t i = 1; i < p->key_n; i++) {
		if (p->part_of_key[i] == p->part_of_key[i - 1] && run < RESP_MERGE_STEPS_MAX) {
			run++;
		} else {
			ranges++;
			run = 1;
		}
	}
	return ranges;
}

static void random_parts_become_what_one_store_would_have_said(void **state)
{
	static struct parts p;
	static struct merged got;
	static char want[TEXT_MAX];
	struct rng rng;

	(void)state;
	rng_seed(&rng, 1);
	for (int run = 0; run < 2000; run++) {
		size_t len;

		draw_parts(&rng, &p, want, &len);
		merge(RESP_CMD_MERGE_ORDER, &p, (uint64_t)run, &got);
		assert_false(got.broken);
		assert_false(got.is_error);
		assert_int_equal(got.len, len);
		assert_memory_equal(got.text, want, len);
		assert_int_equal(got.ranges, ranges_of(&p));
	}
}

static bool is_whole(struct slice text)
{
	struct resp_reply_parser p;
	size_t used;

	resp_reply_init(&p, UINT64_MAX);
	return resp_reply_parse(&p, (const uint8_t *)text.ptr, text.len, &used) == RESP_DONE &&
		used == text.len;
}

// Parts that the parser of replies takes never break an answer that has begun, and the answer is
// one that it takes; others do no harm.
static void mutated_parts_give_a_whole_answer_or_are_not_whole_themselves(void **state)
{
	static const enum resp_cmd_merge how[] = {
		RESP_CMD_MERGE_ORDER, RESP_CMD_MERGE_SUM, RESP_CMD_MERGE_OK};
	static struct parts p;
	static struct merged got;
	static char want[TEXT_MAX];
	int whole = 0, broken = 0, errors = 0;
	struct rng rng;

	(void)state;
	rng_seed(&rng, 2);
	for (int run = 0; run < 5000; run++) {
		bool all_whole = true;
		size_t len;

		draw_parts(&rng, &p, want, &len);
		for (uint32_t i = rng_below(&rng, 4); i > 0; i--) {
			uint32_t part = rng_below(&rng, p.part_n);
			uint32_t most = rng_below(&rng, 2) ? 8 : (uint32_t)p.reply[part].len;

			p.text[part][rng_below(&rng, most)] = "*$:+-\r\n019a"[rng_below(&rng, 11)];
			if (rng_below(&rng, 8) == 0)
				p.reply[part].len = 1 + rng_below(&rng, most);
		}
		for (uint32_t i = 0; i < p.part_n; i++)
			all_whole &= is_whole(p.reply[i]);
		for (size_t i = 0; i < ARRAY_LEN(how); i++) {
			merge(how[i], &p, (uint64_t)run, &got);
			if (all_whole) {
				assert_false(got.broken);
				assert_true(is_whole(slice_make(got.text, got.len)));
			}
			broken += got.broken;
			errors += got.is_error;
		}
		whole += all_whole;
	}
	assert_true(whole > 500 && whole < 4500);
	assert_true(broken > 100 && errors > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_are_added_and_bounded),
		cmocka_unit_test(all_must_say_ok),
		cmocka_unit_test(the_error_of_the_first_part_is_the_answer),
		cmocka_unit_test(elements_come_in_the_order_of_keys),
		cmocka_unit_test(random_parts_become_what_one_store_would_have_said),
		cmocka_unit_test(mutated_parts_give_a_whole_answer_or_are_not_whole_themselves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
