// Runs every tests/script/*.script; the language is in README.md beside them. With arguments: these
// files only.
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <glob.h>
#include <stdlib.h>

#include "tests/support/tcp_script.h"

static void test_script(void **state)
{
	char error[600];

	if (!tcp_script_run(*state, error, sizeof(error)))
		fail_msg("%s", error);
}

int main(int argc, char **argv)
{
	glob_t found = {0};
	struct CMUnitTest *tests;
	size_t n = 0;
	int rc;

	glob("tests/script/*.script", 0, NULL, &found);
	if (argc > 1) {
		globfree(&found);
		found = (glob_t){.gl_pathc = (size_t)argc - 1, .gl_pathv = argv + 1};
	}
	if (found.gl_pathc == 0)
		return 1; // not run from the root of the repository
	tests = calloc(found.gl_pathc, sizeof(*tests));
	for (; n < found.gl_pathc; n++)
		tests[n] = (struct CMUnitTest){.name = found.gl_pathv[n],
			.test_func = test_script,
			.initial_state = found.gl_pathv[n]};
	rc = _cmocka_run_group_tests("tests/script", tests, n, NULL, NULL);
	free(tests);
	if (argc <= 1)
		globfree(&found);
	return rc;
}
