#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "common/proto/resp_cmd.h"

enum { WORDS_MAX = 16 };

static uint32_t split(const char *text, struct slice *args)
{
	uint32_t n = 0;

	while (*text) {
		size_t len = strcspn(text, " ");

		assert_true(n < WORDS_MAX);
		args[n++] = slice_make(text, len);
		text += len + (text[len] == ' ');
	}
	return n;
}

// The keys of a request, of which the first args_n arguments are known.
static int find(const char *request, uint32_t args_n, struct resp_cmd_keys *out)
{
	struct slice args[WORDS_MAX];
	uint32_t argc = split(request, args);
	const struct resp_cmd *row;

	assert_int_equal(resp_cmd_resolve(args, argc, &row), RESP_CMD_OK);
	return resp_cmd_keys(row, argc, args, args_n < argc ? args_n : argc, out);
}

static void keys_are_where_the_row_says(void **state)
{
	(void)state;
	static const struct {
		const char *request;
		uint32_t first, last, step, extra;
	} cases[] = {
		{"PING", 0, 0, 0, 0},
		{"SCAN 0", 0, 0, 0, 0},
		{"GET k", 1, 1, 1, 0},
		{"SET k v PX 5", 1, 1, 1, 0},
		{"OBJECT ENCODING k", 2, 2, 1, 0},
		{"RENAME a b", 1, 2, 1, 0},
		{"DEL a b c", 1, 3, 1, 0},
		{"MSET a 1 b 2", 1, 3, 2, 0},
		{"MSET a 1 b", 1, 3, 2, 0},
		{"BITOP AND d a b", 2, 4, 1, 0},
		{"ZUNION 2 a b WITHSCORES", 2, 3, 1, 0},
		{"ZUNION 1 a b c", 2, 2, 1, 0},
		{"ZUNIONSTORE d 2 a b WEIGHTS 1 2", 3, 4, 1, 1},
		{"SORT l", 1, 1, 1, 0},
		{"SORT l STORE d", 1, 1, 1, 3},
		{"SORT l store d STORE e", 1, 1, 1, 5},
		{"SORT l BY store LIMIT 0 1 STORE d", 1, 1, 1, 8},
		{"SORT l LIMIT store store GET store", 1, 1, 1, 0},
		{"SORT l STORE", 1, 1, 1, 0},
		{"SORT l STORE store LIMIT 0 1", 1, 1, 1, 3},
		{"GEORADIUS k 1 2 3 km STOREDIST d", 1, 1, 1, 7},
		{"GEORADIUS store 1 2 3 km", 1, 1, 1, 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct resp_cmd_keys keys;

		assert_int_equal(find(cases[i].request, WORDS_MAX, &keys), 0);
		assert_int_equal(keys.first, cases[i].first);
		assert_int_equal(keys.last, cases[i].last);
		assert_int_equal(keys.step, cases[i].step);
		assert_int_equal(keys.extra, cases[i].extra);
	}
}

static void counts_that_do_not_fit_are_refused(void **state)
{
	(void)state;
	static const char *const requests[] = {"ZUNION 0 a", "ZUNION -1 a", "ZUNION x a",
		"ZUNION 01 a", "ZUNION 2 a", "ZUNION 9223372036854775807 a",
		"ZUNION 18446744073709551617 a", "ZUNION 4294967297 a", "ZUNIONSTORE d 3 a b"};
	struct resp_cmd_keys keys;

	for (size_t i = 0; i < ARRAY_LEN(requests); i++)
		assert_int_equal(find(requests[i], WORDS_MAX, &keys), -EINVAL);
}

static void what_is_not_known_yet_is_said(void **state)
{
	(void)state;
	struct resp_cmd_keys keys;

	assert_int_equal(find("ZUNION 2 a b", 1, &keys), -ENODATA);
	assert_int_equal(find("ZUNION 2 a b", 2, &keys), 0);
	assert_int_equal(find("ZUNIONSTORE d 2 a b", 2, &keys), -ENODATA);
	assert_int_equal(find("SORT l ALPHA STORE d", 3, &keys), -ENODATA);
	assert_int_equal(find("SORT l ALPHA STORE d", 4, &keys), 0);
	assert_int_equal(keys.extra, 4);
	assert_int_equal(find("DEL a b c", 1, &keys), 0);
	assert_int_equal(keys.last, 3);
}

static void keys_are_within_the_request(void **state)
{
	(void)state;
	for (enum resp_cmd_id id = 0; id < CMD_COUNT; id++) {
		const struct resp_cmd *row = resp_cmd_row(id);
		struct slice args[WORDS_MAX];

		for (size_t i = 0; i < ARRAY_LEN(args); i++)
			args[i] = SLICE_LIT("2");
		for (uint32_t argc = 1; argc <= WORDS_MAX; argc++) {
			struct resp_cmd_keys keys;

			if (!resp_cmd_check_arity(row, argc) ||
				resp_cmd_keys(row, argc, args, argc, &keys) < 0)
				continue;
			assert_true(keys.first <= keys.last && keys.last < argc);
			assert_true(keys.extra < argc);
			assert_int_equal(keys.first > 0, row->keys.kind != RESP_CMD_KEYS_NONE);
			if (row->keys.kind != RESP_CMD_KEYS_DEST_NUMKEYS)
				assert_int_equal(keys.first, resp_cmd_first_key(row));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_where_the_row_says),
		cmocka_unit_test(counts_that_do_not_fit_are_refused),
		cmocka_unit_test(what_is_not_known_yet_is_said),
		cmocka_unit_test(keys_are_within_the_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
