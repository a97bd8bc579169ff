#include "tests/unit/common/conf/conf_support.h"

static char *print(const struct conf_report *report)
{
	char *text;

	CAPTURE(text, conf_report_print(report, out));
	return text;
}

static void test_forms(void **state)
{
	struct conf_report r;
	char *text;

	(void)state;
	conf_report_init(&r);
	r.file = "f.yml";
	conf_report_add(&r, CONF_ERROR, 3, "mtu", "value \"%d\": no", 7);
	conf_report_add(&r, CONF_WARNING, 4, NULL, "hm");
	conf_report_add(&r, CONF_ERROR, 0, NULL, "gone");
	text = print(&r);
	assert_string_equal(
		text, "f.yml:3: mtu: value \"7\": no\nf.yml:4: warning: hm\nf.yml: gone\n");
	assert_int_equal(r.errors, 2);
	free(text);
	conf_report_free(&r);
	assert_int_equal(r.n, 0);
}

static void test_sorted_by_line(void **state)
{
	struct conf_report r;
	char *text;

	(void)state;
	conf_report_init(&r);
	conf_report_add(&r, CONF_ERROR, 0, NULL, "whole");
	conf_report_add(&r, CONF_ERROR, 9, NULL, "a");
	conf_report_add(&r, CONF_ERROR, 2, NULL, "b");
	conf_report_add(&r, CONF_ERROR, 9, NULL, "c");
	conf_report_add(&r, CONF_ERROR, 1, NULL, "d");
	conf_report_sort(&r);
	text = print(&r);
	assert_string_equal(text, ":1: d\n:2: b\n:9: a\n:9: c\n: whole\n");
	free(text);
	conf_report_free(&r);
}

static void test_bounded(void **state)
{
	struct conf_report r;
	char big[2 * CONF_REPORT_TEXT_MAX];

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	conf_report_init(&r);
	for (int i = 0; i < CONF_REPORT_MAX + 5; i++)
		conf_report_add(&r, CONF_ERROR, 1, big, "%s", big);
	assert_int_equal(r.n, CONF_REPORT_MAX);
	assert_int_equal(r.dropped, 5);
	assert_int_equal(r.errors, CONF_REPORT_MAX + 5);
	assert_int_equal(strlen(r.message[0].text), CONF_REPORT_TEXT_MAX - 1);
	conf_report_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_sorted_by_line),
		cmocka_unit_test(test_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
