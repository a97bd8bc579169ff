// The rows of conf.def by themselves.
#include "tests/unit/common/conf/conf_support.h"

#include "common/conf/conf_row.h"
#include "common/conf/conf_value.h"

static struct conf blank;

static const char *parse(struct conf_arena *arena, const struct conf_row *row, const char *text)
{
	const struct conf_value value = {
		.arena = arena,
		.row = row,
		.text = conf_arena_copy(arena, slice_str(text)),
		.member = (char *)&blank + row->offset,
	};

	return conf_value_parse(&value);
}

// Loading ends the program when a default is no value of its own key.
static void test_defaults_and_examples_are_values(void **state)
{
	struct conf_arena *arena = conf_arena_new();

	(void)state;
	for (size_t i = 0; i < CONF_KEY_N; i++) {
		const struct conf_row *row = &conf_rows[i];

		if (row->standard != NULL && parse(arena, row, row->standard) != NULL)
			fail_msg("the default of %s is no value for it", row->name);
		if (row->example != NULL && parse(arena, row, row->example) != NULL)
			fail_msg("the example of %s is no value for it", row->name);
	}
	conf_arena_free(arena);
}

static void test_rows_are_whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < CONF_KEY_N; i++) {
		const struct conf_row *row = &conf_rows[i];
		bool gone = (row->flags & CONF_DEPRECATED) != 0;

		if (!gone && row->standard == NULL && row->example == NULL)
			fail_msg("%s has neither a default nor an example", row->name);
		if (conf_row_is_list(row) && row->limits.items == 0)
			fail_msg("the list %s has no ITEMS", row->name);
		if ((row->type == CONF_TYPE_CHOICE) != (row->limits.choices != NULL))
			fail_msg("%s: a CHOICE has a ONE_OF, and nothing else has", row->name);
		if ((row->type == CONF_TYPE_SIZE) != (row->limits.unit != 0))
			fail_msg("%s: a SIZE has SIZES, and nothing else has", row->name);
		if ((row->type == CONF_TYPE_UINT || row->type == CONF_TYPE_MS) &&
			(row->limits.max == 0 || row->limits.max > UINT32_MAX))
			fail_msg("%s: the range must fit 32 bits", row->name);
		if ((row->flags & CONF_ZERO) != 0 && row->standard == NULL)
			fail_msg("%s: ZERO needs a default", row->name);
		assert_int_equal(conf_row_key(row), i);
		assert_ptr_equal(conf_row_find(row->section, row->name), row);
	}
}

// A message names the key only, and cross checks look for it by name.
static void test_names_are_unique_over_all_sections(void **state)
{
	(void)state;
	for (size_t i = 0; i < CONF_KEY_N; i++)
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(conf_rows[i].name, conf_rows[j].name);
}

static void test_find(void **state)
{
	(void)state;
	assert_null(conf_row_find(CONF_SECTION_pool, "mtu"));
	assert_non_null(conf_row_find(CONF_SECTION_dataplane, "mtu"));
	assert_null(conf_row_find(CONF_SECTION_pool, ""));
}

static void test_allowed(void **state)
{
	char buf[CONF_ALLOWED_MAX];

	(void)state;
	assert_string_equal(
		conf_row_allowed(&conf_rows[CONF_dataplane_poll], buf), "busy or adaptive");
	assert_string_equal(conf_row_allowed(&conf_rows[CONF_dataplane_vlan], buf),
		"a whole number from 0 to 4094");
	assert_string_equal(conf_row_allowed(&conf_rows[CONF_pool_backlog], buf),
		"a whole number from 0 to 2147483647; 0 stands for the default");
	for (size_t i = 0; i < CONF_KEY_N; i++)
		assert_in_range(
			strlen(conf_row_allowed(&conf_rows[i], buf)), 4, CONF_ALLOWED_MAX - 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults_and_examples_are_values),
		cmocka_unit_test(test_rows_are_whole),
		cmocka_unit_test(test_names_are_unique_over_all_sections),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_allowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
