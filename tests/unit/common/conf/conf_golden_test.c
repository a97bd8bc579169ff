// Each tests/golden/conf/X.yml gives the messages of X.expected and a last line "valid" or
// "invalid". Files named dp_* are read as the data plane does. UPDATE=1 writes what is said now.
#include "tests/unit/common/conf/conf_support.h"

#include <glob.h>

#define FOLDER "tests/golden/conf/"

static char *messages(const char *yml)
{
	enum conf_role role =
		strncmp(yml + strlen(FOLDER), "dp_", 3) == 0 ? CONF_ROLE_DATAPLANE : CONF_ROLE_ANY;
	struct conf_report report;
	struct conf *conf;
	char *text;

	conf_report_init(&report);
	conf = conf_load(yml, role, &report);
	assert_int_equal(conf == NULL, report.errors > 0);
	CAPTURE(text, conf_report_print(&report, out);
		fputs(conf != NULL ? "valid\n" : "invalid\n", out));
	conf_free(conf);
	conf_report_free(&report);
	return text;
}

static void update(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void test_golden(void **state)
{
	const char *yml = *state;
	char path[256];
	char *said = messages(yml);
	char *expected;

	snprintf(path, sizeof(path), "%.*s.expected", (int)strlen(yml) - 4, yml);
	if (getenv("UPDATE") != NULL)
		update(path, said);
	expected = slurp(path);
	if (expected == NULL)
		fail_msg("%s is missing; UPDATE=1 makes it", path);
	assert_string_equal(said, expected);
	free(expected);
	free(said);
}

int main(void)
{
	struct CMUnitTest tests[128] = {{0}};
	glob_t found;
	size_t n;
	int failed;

	if (glob(FOLDER "*.yml", 0, NULL, &found) != 0) {
		fputs("no " FOLDER "*.yml: run this in the root of the project\n", stderr);
		return 1;
	}
	n = found.gl_pathc < ARRAY_LEN(tests) ? found.gl_pathc : ARRAY_LEN(tests);
	for (size_t i = 0; i < n; i++)
		tests[i] = (struct CMUnitTest){.name = found.gl_pathv[i],
			.test_func = test_golden,
			.initial_state = found.gl_pathv[i]};
	failed = _cmocka_run_group_tests("golden", tests, n, NULL, NULL);
	globfree(&found);
	return failed;
}
