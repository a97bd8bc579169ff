// The generated files are up to date, and true. UPDATE=1 (scripts/gen-reference) writes them.
#include "tests/unit/common/conf/conf_support.h"

#include "common/conf/conf_row.h"

#define REFERENCE "conf/reference.yml"
#define MARKDOWN "docs/configuration.md"

static void assert_same_as_file(const char *path, const char *text)
{
	char *there;

	if (getenv("UPDATE") != NULL) {
		FILE *f = fopen(path, "w");

		assert_non_null(f);
		fputs(text, f);
		fclose(f);
	}
	there = slurp(path);
	if (there == NULL || strcmp(there, text) != 0)
		fail_msg("%s is not what common/conf/conf.def gives: run scripts/gen-reference",
			path);
	free(there);
}

static void test_reference_is_up_to_date(void **state)
{
	char *text;

	(void)state;
	CAPTURE(text, conf_reference(out));
	assert_same_as_file(REFERENCE, text);
	free(text);
}

static void test_markdown_is_up_to_date(void **state)
{
	char *text;

	(void)state;
	CAPTURE(text, conf_markdown(out));
	assert_same_as_file(MARKDOWN, text);
	free(text);
}

// The reference says what is so without it.
static void test_reference_holds_the_defaults(void **state)
{
	struct conf *least = load(POOL);
	struct conf *conf;
	char *reference;
	char *a;
	char *b;

	(void)state;
	CAPTURE(reference, conf_reference(out));
	conf = load(reference);
	CAPTURE(a, conf_print(conf, out));
	CAPTURE(b, conf_print(least, out));
	assert_string_equal(a, b);
	free(reference);
	free(a);
	free(b);
	conf_free(conf);
	conf_free(least);
}

// Whoever takes away the "# " before a key gets something that works.
static void test_reference_without_comment_marks(void **state)
{
	struct conf *conf;
	char *text;

	(void)state;
	CAPTURE(text, conf_reference(out));
	for (size_t i = 0; i < CONF_KEY_N; i++) {
		char line[80];
		char *at;

		snprintf(line, sizeof(line), "\n  # %s: ", conf_rows[i].name);
		at = strstr(text, line);
		// "workers" and "cores" together must agree.
		if (at != NULL && i != CONF_dataplane_cores)
			memcpy(at + 3, "  ", 2), memmove(at + 3, at + 5, strlen(at + 5) + 1);
	}
	conf = load(text);
	assert_string_equal(conf->pool.hash_tag, "{}");
	assert_string_equal(conf->dataplane.port, "net_af_packet0,iface=eth0");
	assert_int_equal(conf->dataplane.address.n, 1);
	conf_free(conf);
	free(text);
}

static void test_every_key_is_told(void **state)
{
	char *reference;
	char *markdown;

	(void)state;
	CAPTURE(reference, conf_reference(out));
	CAPTURE(markdown, conf_markdown(out));
	for (size_t i = 0; i < CONF_KEY_N; i++) {
		char name[80];

		assert_non_null(strstr(reference, conf_rows[i].name));
		snprintf(name, sizeof(name), "| `%s`", conf_rows[i].name);
		if (strstr(markdown, name) == NULL)
			fail_msg("%s is not in %s", conf_rows[i].name, MARKDOWN);
	}
	free(reference);
	free(markdown);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reference_is_up_to_date),
		cmocka_unit_test(test_markdown_is_up_to_date),
		cmocka_unit_test(test_reference_holds_the_defaults),
		cmocka_unit_test(test_reference_without_comment_marks),
		cmocka_unit_test(test_every_key_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
