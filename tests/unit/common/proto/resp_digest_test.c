#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"
#include "common/proto/resp_digest.h"

enum { TEXT_MAX = 4096, ELEMENTS_MAX = 8, ABOUT_MS = 2000 };

static const struct siphash_key key = {{11, 12}};

static const enum resp_cmd_compare compares[] = {
	RESP_CMD_COMPARE_EXACT,
	RESP_CMD_COMPARE_SET,
	RESP_CMD_COMPARE_PAIRS,
	RESP_CMD_COMPARE_ABOUT_S,
	RESP_CMD_COMPARE_ABOUT_MS,
	RESP_CMD_COMPARE_ANY,
};

// The first `cut` bytes, then pieces of `step`.
static struct resp_digest digest_cut(enum resp_cmd_compare compare, const struct siphash_key *k,
	struct slice reply, size_t cut, size_t step)
{
	struct resp_digester d;

	resp_digest_start(&d, k, compare);
	resp_digest_feed(&d, reply.ptr, cut);
	while (cut < reply.len) {
		size_t n = step < reply.len - cut ? step : reply.len - cut;
		// A copy of its own, so that a sanitizer sees what is read beyond it.
		char *piece = malloc(n);

		memcpy(piece, reply.ptr + cut, n);
		resp_digest_feed(&d, piece, n);
		free(piece);
		cut += n;
	}
	return resp_digest_end(&d);
}

static struct resp_digest digest(enum resp_cmd_compare compare, struct slice reply)
{
	return digest_cut(compare, &key, reply, reply.len, 1);
}

static bool same(enum resp_cmd_compare compare, const char *a, const char *b)
{
	struct resp_digest da = digest(compare, slice_str(a));
	struct resp_digest db = digest(compare, slice_str(b));

	assert_true(resp_digest_same(compare, &da, &da, ABOUT_MS));
	assert_true(resp_digest_same(compare, &db, &db, ABOUT_MS));
	assert_int_equal(resp_digest_same(compare, &da, &db, ABOUT_MS),
		resp_digest_same(compare, &db, &da, ABOUT_MS));
	return resp_digest_same(compare, &da, &db, ABOUT_MS);
}

static const char *const replies[] = {
	"+OK\r\n",
	"+ok\r\n",
	"-ERR no\r\n",
	"-ERR NO\r\n",
	":0\r\n",
	":12345678\r\n",
	":-1\r\n",
	":-2\r\n",
	"$-1\r\n",
	"$0\r\n\r\n",
	"$5\r\na\r\nbc\r\n",
	"*-1\r\n",
	"*0\r\n",
	"*1\r\n$1\r\na\r\n",
	"*2\r\n$1\r\na\r\n$1\r\nb\r\n",
	"*2\r\n$1\r\na\r\n$-1\r\n",
	"*3\r\n$1\r\na\r\n$1\r\na\r\n$1\r\nb\r\n",
	"*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nb\r\n",
	"*2\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n:4\r\n",
	"*2\r\n*1\r\n$1\r\na\r\n*2\r\n$1\r\nb\r\n:4\r\n",
	"*4\r\n+a\r\n*0\r\n*-1\r\n*1\r\n*1\r\n$3\r\nxyz\r\n",
	"*1\r\n-ERR inside\r\n",
};

static void every_cut_gives_the_same(void **state)
{
	(void)state;
	for (size_t c = 0; c < ARRAY_LEN(compares); c++) {
		for (size_t i = 0; i < ARRAY_LEN(replies); i++) {
			struct slice reply = slice_str(replies[i]);
			struct resp_digest whole = digest(compares[c], reply);

			for (size_t cut = 0; cut <= reply.len; cut++) {
				for (size_t step = 1; step <= reply.len; step++) {
					struct resp_digest got =
						digest_cut(compares[c], &key, reply, cut, step);

					assert_int_equal(got.class, whole.class);
					assert_int_equal(got.number, whole.number);
					assert_memory_equal(got.sum, whole.sum, sizeof(whole.sum));
				}
			}
		}
	}
}

static void exactly_is_every_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(replies); i++)
		for (size_t k = 0; k < ARRAY_LEN(replies); k++)
			assert_int_equal(
				same(RESP_CMD_COMPARE_EXACT, replies[i], replies[k]), i == k);
}

static void errors_are_exact_whatever_the_command(void **state)
{
	(void)state;
	for (size_t c = 0; c < ARRAY_LEN(compares); c++) {
		assert_true(same(compares[c], "-ERR no\r\n", "-ERR no\r\n"));
		assert_false(same(compares[c], "-ERR no\r\n", "-ERR No\r\n"));
		for (size_t i = 0; i < ARRAY_LEN(replies); i++)
			if (replies[i][0] != '-')
				assert_false(same(compares[c], "-ERR no\r\n", replies[i]));
	}
}

static void sets_know_how_often_and_where_an_element_ends(void **state)
{
	static const struct {
		const char *a, *b;
		bool set, pairs;
	} rows[] = {
		{"*2\r\n$1\r\na\r\n$1\r\nb\r\n", "*2\r\n$1\r\nb\r\n$1\r\na\r\n", true, false},
		{"*4\r\n+a\r\n+b\r\n+c\r\n+d\r\n", "*4\r\n+c\r\n+d\r\n+a\r\n+b\r\n", true, true},
		{"*4\r\n+a\r\n+b\r\n+c\r\n+d\r\n", "*4\r\n+a\r\n+d\r\n+c\r\n+b\r\n", true, false},
		{"*3\r\n+a\r\n+a\r\n+b\r\n", "*3\r\n+a\r\n+b\r\n+b\r\n", false, false},
		{"*4\r\n+a\r\n+a\r\n+b\r\n+b\r\n", "*4\r\n+c\r\n+c\r\n+b\r\n+b\r\n", false, false},
		{"*4\r\n+a\r\n+b\r\n+a\r\n+b\r\n", "*4\r\n+c\r\n+d\r\n+c\r\n+d\r\n", false, false},
		{"*1\r\n+a\r\n", "*2\r\n+a\r\n+a\r\n", false, false},
		{"*1\r\n$1\r\n1\r\n", "*1\r\n:1\r\n", false, false},
		{"*2\r\n*2\r\n+a\r\n+b\r\n+c\r\n", "*2\r\n+c\r\n*2\r\n+a\r\n+b\r\n", true, false},
		{"*2\r\n*2\r\n+a\r\n+b\r\n+c\r\n", "*2\r\n*2\r\n+b\r\n+a\r\n+c\r\n", false, false},
		{"*2\r\n*1\r\n+a\r\n*1\r\n+b\r\n", "*2\r\n*2\r\n+a\r\n+b\r\n*0\r\n", false, false},
		{"*0\r\n", "*-1\r\n", false, false},
		{"$1\r\na\r\n", "$1\r\nA\r\n", false, false},
		{"*1\r\n$1\r\na\r\n", "*1\r\n$1\r\nA\r\n", false, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(same(RESP_CMD_COMPARE_SET, rows[i].a, rows[i].b), rows[i].set);
		assert_int_equal(same(RESP_CMD_COMPARE_PAIRS, rows[i].a, rows[i].b), rows[i].pairs);
	}
}

static void times_may_differ_by_what_has_passed(void **state)
{
	static const struct {
		const char *a, *b;
		bool s, ms;
	} rows[] = {
		{":100\r\n", ":100\r\n", true, true},
		{":100\r\n", ":103\r\n", true, true}, // 2000 ms are 2 s, and 1 s of rounding
		{":100\r\n", ":104\r\n", false, true},
		{":5000\r\n", ":3000\r\n", false, true},
		{":5000\r\n", ":2999\r\n", false, false},
		{":0\r\n", ":-1\r\n", false, false},
		{":1\r\n", ":-2\r\n", false, false},
		{":-1\r\n", ":-2\r\n", false, false},
		{":-1\r\n", ":-1\r\n", true, true},
		{":9223372036854775807\r\n", ":0\r\n", false, false},
		{":9223372036854775807\r\n", ":-9223372036854775808\r\n", false, false},
		{":9223372036854775807\r\n", ":9223372036854775805\r\n", true, true},
		{":1\r\n", "$1\r\n1\r\n", false, false},
		{"$-1\r\n", "$-1\r\n", true, true},
		{"$1\r\n1\r\n", "$1\r\n2\r\n", false, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(same(RESP_CMD_COMPARE_ABOUT_S, rows[i].a, rows[i].b), rows[i].s);
		assert_int_equal(same(RESP_CMD_COMPARE_ABOUT_MS, rows[i].a, rows[i].b), rows[i].ms);
	}
}

static void chance_is_compared_by_whether_there_is_anything(void **state)
{
	static const char *const some[] = {
		"$1\r\na\r\n", "$0\r\n\r\n", ":0\r\n", ":-1\r\n", "*1\r\n$-1\r\n", "+OK\r\n"};
	static const char *const none[] = {"$-1\r\n", "*-1\r\n", "*0\r\n"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(some); i++) {
		assert_true(same(RESP_CMD_COMPARE_ANY, some[i], some[0]));
		for (size_t k = 0; k < ARRAY_LEN(none); k++)
			assert_false(same(RESP_CMD_COMPARE_ANY, some[i], none[k]));
	}
	for (size_t k = 0; k < ARRAY_LEN(none); k++)
		assert_true(same(RESP_CMD_COMPARE_ANY, none[k], none[0]));
}

static void another_key_gives_another_digest(void **state)
{
	static const struct siphash_key other = {{11, 13}};
	const struct slice reply = SLICE_LIT("*2\r\n+a\r\n+b\r\n");

	(void)state;
	for (size_t c = 0; c < 3; c++) {
		struct resp_digest a = digest(compares[c], reply);
		struct resp_digest b = digest_cut(compares[c], &other, reply, 3, 2);

		assert_true(a.sum[0] != b.sum[0] && a.sum[1] != b.sum[1]);
		assert_true(a.sum[0] != a.sum[1]);
	}
}

// Arrays of few different elements, so that two of them are often the same.
struct array {
	int element[ELEMENTS_MAX];
	int n;
};

static const char *const elements[] = {"$1\r\na\r\n", "$1\r\nb\r\n", "$-1\r\n", ":1\r\n",
	"*2\r\n$1\r\na\r\n$1\r\nb\r\n", "*0\r\n"};

static struct slice array_put(const struct array *a, char *out)
{
	int n = sprintf(out, "*%d\r\n", a->n);

	for (int i = 0; i < a->n; i++)
		n += sprintf(out + n, "%s", elements[a->element[i]]);
	return slice_make(out, (size_t)n);
}

static struct array array_draw(struct rng *rng)
{
	struct array a = {.n = 1 + (int)rng_below(rng, ELEMENTS_MAX)};

	for (int i = 0; i < a.n; i++)
		a.element[i] = (int)rng_below(rng, ARRAY_LEN(elements));
	return a;
}

static struct array shuffled(struct rng *rng, struct array a, int step)
{
	for (int i = a.n / step - 1; i > 0; i--) {
		int k = (int)rng_below(rng, (uint32_t)i + 1);

		for (int j = 0; j < step; j++) {
			int e = a.element[i * step + j];

			a.element[i * step + j] = a.element[k * step + j];
			a.element[k * step + j] = e;
		}
	}
	return a;
}

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

// Units of one element, or of two; a last one without a neighbour is a unit too.
static bool model_same(struct array a, struct array b, int step)
{
	int ua[ELEMENTS_MAX], ub[ELEMENTS_MAX];
	int n = 0;

	if (a.n != b.n)
		return false;
	for (int i = 0; i < a.n; i += step, n++) {
		bool two = step == 2 && i + 1 < a.n;

		ua[n] = (a.element[i] + 1) * 100 + (two ? a.element[i + 1] + 1 : 0);
		ub[n] = (b.element[i] + 1) * 100 + (two ? b.element[i + 1] + 1 : 0);
	}
	qsort(ua, (size_t)n, sizeof(int), by_number);
	qsort(ub, (size_t)n, sizeof(int), by_number);
	return memcmp(ua, ub, (size_t)n * sizeof(int)) == 0;
}

static void random_arrays_are_the_same_when_sorting_says_so(void **state)
{
	int equal[2] = {0};
	struct rng rng;

	(void)state;
	rng_seed(&rng, 3);
	for (int run = 0; run < 40000; run++) {
		char ta[TEXT_MAX], tb[TEXT_MAX];
		struct array a = array_draw(&rng);
		struct array b = array_draw(&rng);

		if (rng_below(&rng, 2))
			b = shuffled(&rng, a, 1 + (int)rng_below(&rng, 2));
		if (rng_below(&rng, 3) == 0)
			b.element[rng_below(&rng, (uint32_t)b.n)] =
				(int)rng_below(&rng, ARRAY_LEN(elements));
		(void)array_put(&a, ta);
		(void)array_put(&b, tb);
		for (int step = 1; step <= 2; step++) {
			bool want = model_same(a, b, step);

			assert_int_equal(
				same(step == 1 ? RESP_CMD_COMPARE_SET : RESP_CMD_COMPARE_PAIRS, ta,
					tb),
				want);
			equal[step - 1] += want;
		}
	}
	assert_true(equal[0] > 5000 && equal[0] < 35000);
	assert_true(equal[1] > 5000 && equal[1] < 35000);
}

static bool is_whole(struct slice text)
{
	struct resp_reply_parser p;
	size_t used;

	resp_reply_init(&p, UINT64_MAX);
	return resp_reply_parse(&p, (const uint8_t *)text.ptr, text.len, &used) == RESP_DONE &&
		used == text.len;
}

// What is not well formed does no harm; what still is, gives the same however it is cut.
static void mutated_replies_do_no_harm(void **state)
{
	static const char spice[] = "*$:+-\r\n0129-a";
	int whole = 0;
	struct rng rng;

	(void)state;
	rng_seed(&rng, 4);
	for (int run = 0; run < 40000; run++) {
		char text[TEXT_MAX];
		struct array a = array_draw(&rng);
		struct slice reply = array_put(&a, text);
		size_t step = 1 + rng_below(&rng, 7);

		for (uint32_t i = rng_below(&rng, 4); i > 0; i--)
			text[rng_below(&rng, (uint32_t)reply.len)] =
				spice[rng_below(&rng, sizeof(spice) - 1)];
		if (rng_below(&rng, 4) == 0)
			reply.len = rng_below(&rng, (uint32_t)reply.len + 1);
		for (size_t c = 0; c < ARRAY_LEN(compares); c++) {
			struct resp_digest one = digest(compares[c], reply);
			struct resp_digest two = digest_cut(compares[c], &key, reply, 0, step);

			if (is_whole(reply))
				assert_true(resp_digest_same(compares[c], &one, &two, 0));
		}
		whole += is_whole(reply);
	}
	assert_true(whole > 5000);
}

static void deep_and_endless_replies_are_bounded(void **state)
{
	struct resp_digester d;

	(void)state;
	resp_digest_start(&d, &key, RESP_CMD_COMPARE_SET);
	for (int i = 0; i < 100000; i++)
		resp_digest_feed(&d, "*9223372036854775807\r\n", 22);
	assert_int_equal(resp_digest_end(&d).class, RESP_DIGEST_BYTES);

	resp_digest_start(&d, &key, RESP_CMD_COMPARE_ABOUT_S);
	for (int i = 0; i < 100000; i++)
		resp_digest_feed(&d, ":1", 2);
	assert_int_equal(resp_digest_end(&d).class, RESP_DIGEST_BYTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cut_gives_the_same),
		cmocka_unit_test(exactly_is_every_byte),
		cmocka_unit_test(errors_are_exact_whatever_the_command),
		cmocka_unit_test(sets_know_how_often_and_where_an_element_ends),
		cmocka_unit_test(times_may_differ_by_what_has_passed),
		cmocka_unit_test(chance_is_compared_by_whether_there_is_anything),
		cmocka_unit_test(another_key_gives_another_digest),
		cmocka_unit_test(random_arrays_are_the_same_when_sorting_says_so),
		cmocka_unit_test(mutated_replies_do_no_harm),
		cmocka_unit_test(deep_and_endless_replies_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
