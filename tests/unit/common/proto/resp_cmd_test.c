#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ctype.h>
#include <stdlib.h>

#include "common/base/rng.h"
#include "common/proto/resp_cmd.h"

static struct slice copy_name(const struct resp_cmd *row, char *to)
{
	memcpy(to, row->name.ptr, row->name.len);
	return slice_make(to, row->name.len);
}

static void every_row_is_found_whatever_the_case(void **state)
{
	(void)state;
	struct rng rng;

	rng_seed(&rng, 1);
	for (enum resp_cmd_id id = 0; id < CMD_COUNT; id++) {
		const struct resp_cmd *row = resp_cmd_row(id);
		const struct resp_cmd *by_name = resp_cmd_is_sub(row) ? NULL : row;
		char text[RESP_CMD_NAME_MAX];
		struct slice name = copy_name(row, text);

		assert_int_equal(row->id, id);
		assert_ptr_equal(resp_cmd_lookup_full(name), row);
		assert_ptr_equal(resp_cmd_lookup(name), by_name);
		for (unsigned round = 0; round < 20; round++) {
			for (size_t i = 0; i < name.len; i++)
				text[i] = (char)(rng_below(&rng, 2) ? toupper(row->name.ptr[i])
								    : row->name.ptr[i]);
			assert_ptr_equal(resp_cmd_lookup_full(name), row);
			assert_ptr_equal(resp_cmd_lookup(name), by_name);
		}
	}
}

// Any other name within one changed, added or missing byte is found only where a row has it.
static void neighbours_of_a_name_are_not_mistaken(void **state)
{
	(void)state;
	for (enum resp_cmd_id id = 0; id < CMD_COUNT; id++) {
		char text[RESP_CMD_NAME_MAX + 1] = "";
		struct slice name = copy_name(resp_cmd_row(id), text);

		for (size_t i = 0; i < name.len; i++) {
			char was = text[i];

			for (unsigned c = 0; c < 256; c++) {
				const struct resp_cmd *row;

				text[i] = (char)c;
				row = resp_cmd_lookup_full(name);
				if (row)
					assert_true(slice_eq_nocase(row->name, name));
			}
			text[i] = was;
		}
		for (unsigned c = 0; c < 256 && name.len < RESP_CMD_NAME_MAX; c++) {
			struct slice longer = slice_make(text, name.len + 1);
			const struct resp_cmd *row;

			text[name.len] = (char)c;
			row = resp_cmd_lookup_full(longer);
			if (row)
				assert_true(slice_eq_nocase(row->name, longer));
		}
		for (size_t n = 0; n < name.len; n++) {
			const struct resp_cmd *row = resp_cmd_lookup_full(slice_make(text, n));

			if (row)
				assert_int_equal(row->name.len, n);
		}
	}
}

static void what_is_no_name_is_not_found(void **state)
{
	(void)state;
	static const struct slice names[] = {SLICE_LIT(""), SLICE_LIT(" get"), SLICE_LIT("get "),
		SLICE_LIT("get\0"), SLICE_LIT("\0"), SLICE_LIT("\0get"), SLICE_LIT("ge\0t"),
		SLICE_LIT("\0\0\0\0\0\0\0\0"), SLICE_LIT("\0\0\0\0\0\0\0\0get"),
		SLICE_LIT("georadiusbymember_ro_and_more"), SLICE_LIT("nosuch"),
		SLICE_LIT("g\xc5t"), SLICE_LIT("object|"), SLICE_LIT("|encoding"),
		SLICE_LIT("zincrby\0"), SLICE_LIT("zincrbyzincrbyzincrbyzin")};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		assert_null(resp_cmd_lookup(names[i]));
		assert_null(resp_cmd_lookup_full(names[i]));
	}
	assert_null(resp_cmd_lookup((struct slice){0}));
	assert_null(resp_cmd_lookup(SLICE_LIT("object|encoding")));
}

static void random_bytes_are_found_only_when_a_name(void **state)
{
	(void)state;
	struct rng rng;

	rng_seed(&rng, 2);
	for (unsigned round = 0; round < 200000; round++) {
		char text[RESP_CMD_NAME_MAX + 8];
		struct slice name = slice_make(text,
			rng_below(&rng, 8) ? rng_below(&rng, 6) : rng_below(&rng, sizeof(text)));
		const struct resp_cmd *row;
		const struct resp_cmd *want = NULL;

		for (size_t i = 0; i < name.len; i++)
			text[i] = "getsdlincrmphTES|\0"[rng_below(&rng, 19)];
		row = resp_cmd_lookup_full(name);
		for (enum resp_cmd_id id = 0; id < CMD_COUNT; id++)
			if (slice_eq_nocase(resp_cmd_row(id)->name, name))
				want = resp_cmd_row(id);
		assert_ptr_equal(row, want);
	}
}

static void containers_have_the_rows_behind_them(void **state)
{
	(void)state;
	uint32_t subs = 0;

	for (enum resp_cmd_id id = 0; id < CMD_COUNT; id++) {
		const struct resp_cmd *row = resp_cmd_row(id);
		uint32_t n = resp_cmd_sub_count(row);

		assert_int_equal(resp_cmd_is_container(row), n > 0);
		if (row->route == RESP_CMD_ROUTE_CONTAINER)
			assert_true(n > 0);
		if (resp_cmd_is_sub(row))
			assert_int_equal(n, 0);
		for (uint32_t i = 1; i <= n; i++) {
			struct slice full = row[i].name;
			size_t skip = row->name.len + 1;

			assert_true(resp_cmd_is_sub(row + i));
			assert_memory_equal(full.ptr, row->name.ptr, row->name.len);
			assert_ptr_equal(resp_cmd_lookup_sub(
						 row, slice_make(full.ptr + skip, full.len - skip)),
				row + i);
		}
		subs += n;
	}
	for (enum resp_cmd_id id = 0; id < CMD_COUNT; id++)
		subs -= resp_cmd_is_sub(resp_cmd_row(id));
	assert_int_equal(subs, 0);
}

static void subcommands_are_of_their_container_only(void **state)
{
	(void)state;
	const struct resp_cmd *object = resp_cmd_row(CMD_OBJECT);
	const struct resp_cmd *client = resp_cmd_row(CMD_CLIENT);

	assert_ptr_equal(resp_cmd_lookup_sub(object, SLICE_LIT("EnCoDiNg")),
		resp_cmd_row(CMD_OBJECT_ENCODING));
	assert_null(resp_cmd_lookup_sub(client, SLICE_LIT("encoding")));
	assert_null(resp_cmd_lookup_sub(object, SLICE_LIT("")));
	assert_null(resp_cmd_lookup_sub(object, SLICE_LIT("encoding\0")));
	assert_null(resp_cmd_lookup_sub(object, SLICE_LIT("encodingencodingencoding")));
}

static void upper_name_is_the_last_part(void **state)
{
	(void)state;
	char out[RESP_CMD_NAME_MAX + 1];

	resp_cmd_upper_name(resp_cmd_row(CMD_SORT_RO), out);
	assert_string_equal(out, "SORT_RO");
	resp_cmd_upper_name(resp_cmd_row(CMD_CLIENT_NO_EVICT), out);
	assert_string_equal(out, "NO-EVICT");
}

static void arity_is_exact_or_a_minimum(void **state)
{
	(void)state;
	const struct resp_cmd *get = resp_cmd_row(CMD_GET);
	const struct resp_cmd *set = resp_cmd_row(CMD_SET);

	assert_false(resp_cmd_check_arity(get, 1));
	assert_true(resp_cmd_check_arity(get, 2));
	assert_false(resp_cmd_check_arity(get, 3));
	assert_false(resp_cmd_check_arity(get, UINT32_MAX));
	assert_false(resp_cmd_check_arity(set, 2));
	assert_true(resp_cmd_check_arity(set, 3));
	assert_true(resp_cmd_check_arity(set, INT32_MAX));
}

// A request may be sent by its first key alone, so it must be among the places remembered, and a
// row that goes to a key's owner must have a key.
static void rows_make_sense(void **state)
{
	(void)state;
	for (enum resp_cmd_id id = 0; id < CMD_COUNT; id++) {
		const struct resp_cmd *row = resp_cmd_row(id);
		uint32_t first = resp_cmd_first_key(row);

		assert_int_not_equal(row->arity, 0);
		assert_true(row->summary.len > 0);
		assert_int_equal(row->route == RESP_CMD_ROUTE_KEY, first > 0);
		assert_true(first < RESP_ARGS_MAX);
		if (first > 0) {
			assert_true(row->access != RESP_CMD_NEITHER);
			assert_true((uint32_t)abs(row->arity) > first);
		}
		if (row->merge != RESP_CMD_MERGE_NONE)
			assert_int_equal(row->keys.last, -1);
		if (row->keys.kind == RESP_CMD_KEYS_RANGE_STORE)
			assert_true(row->arity < 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_is_found_whatever_the_case),
		cmocka_unit_test(neighbours_of_a_name_are_not_mistaken),
		cmocka_unit_test(what_is_no_name_is_not_found),
		cmocka_unit_test(random_bytes_are_found_only_when_a_name),
		cmocka_unit_test(containers_have_the_rows_behind_them),
		cmocka_unit_test(subcommands_are_of_their_container_only),
		cmocka_unit_test(upper_name_is_the_last_part),
		cmocka_unit_test(arity_is_exact_or_a_minimum),
		cmocka_unit_test(rows_make_sense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
