#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/stats/conn_info.h"
#include "common/stats/describe.h"
#include "common/stats/peer_info.h"
#include "common/stats/stats.h"

static void assert_described(const char *text, const struct stat_row *rows, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		char line[256];

		snprintf(line, sizeof(line), "\n  %-24s %s", rows[i].name, rows[i].help);
		if (strstr(text, line) == NULL)
			fail_msg("%s is not described", rows[i].name);
	}
}

static void test_every_row_is_there(void **state)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	stats_describe(out);
	fclose(out);
	assert_described(text, stat_rows, STAT_N);
	assert_described(text, drop_rows, DROP_N);
	assert_described(text, hist_rows, HIST_N);
	assert_described(text, peer_num_rows, PEER_NUM_N);
	for (unsigned i = 0; i < CONN_NUM_N; i++) {
		struct stat_row row = {
			.name = conn_num_rows[i].name, .help = conn_num_rows[i].help};

		assert_described(text, &row, 1);
	}
	assert_non_null(strstr(text, "\n  DROP                     a segment was dropped\n"));
	assert_non_null(strstr(text, "\n  MSS                      "));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_row_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
