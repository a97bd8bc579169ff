#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"

static char path[64];

static int setup(void **state)
{
	(void)state;
	strcpy(path, "/tmp/dyn-log-XXXXXX");
	close(mkstemp(path));
	log_set_level(LOG_NOTICE);
	return log_open(path);
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	return log_open(NULL);
}

static unsigned lines_with(const char *file, const char *text)
{
	FILE *f = fopen(file, "r");
	char line[4096];
	unsigned n = 0;

	while (fgets(line, sizeof(line), f) != NULL)
		n += strstr(line, text) != NULL;
	fclose(f);
	return n;
}

static void only_what_the_level_lets_through(void **state)
{
	(void)state;
	log_err("e%d", 1);
	log_notice("n1");
	log_info("i1");
	log_set_level(LOG_ERR);
	log_notice("n2");
	log_set_level(LOG_DEBUG);
	log_debug("d2");
	assert_int_equal(lines_with(path, "ERROR e1"), 1);
	assert_int_equal(lines_with(path, "NOTICE n1"), 1);
	assert_int_equal(lines_with(path, "DEBUG d2"), 1);
	assert_int_equal(lines_with(path, "Z "), 3);
}

static void levels_are_clamped(void **state)
{
	(void)state;
	log_set_level(99);
	assert_int_equal(log_get_level(), LOG_LEVEL_MAX);
	log_set_level(-3);
	assert_int_equal(log_get_level(), LOG_EMERG);
}

static void a_renamed_file_is_left_after_reopening(void **state)
{
	char moved[80];

	(void)state;
	snprintf(moved, sizeof(moved), "%s.1", path);
	log_err("before");
	assert_int_equal(rename(path, moved), 0);
	log_err("between");
	log_reopen();
	log_err("after");
	assert_int_equal(lines_with(moved, "before"), 1);
	assert_int_equal(lines_with(moved, "between"), 1);
	assert_int_equal(lines_with(moved, "after"), 0);
	assert_int_equal(lines_with(path, "after"), 1);
	unlink(moved);
}

static void an_unusable_file_leaves_the_old_one(void **state)
{
	(void)state;
	assert_int_equal(log_open("/no/such/directory/log"), -ENOENT);
	log_err("still here");
	assert_int_equal(lines_with(path, "still here"), 1);
}

static void too_long_a_line_is_cut_and_stays_one_line(void **state)
{
	static char text[5000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	log_err("%s", text);
	log_err("next");
	assert_int_equal(lines_with(path, "ERROR"), 2);
	assert_int_equal(lines_with(path, "next"), 1);
}

static void *write_lines(void *arg)
{
	for (int i = 0; i < 500; i++)
		log_err("thread %s %s end", (const char *)arg, (const char *)arg);
	return NULL;
}

static void lines_of_threads_are_whole(void **state)
{
	pthread_t thread[3];
	static char names[][2] = {"a", "b", "c"};

	(void)state;
	for (int i = 0; i < 3; i++)
		pthread_create(&thread[i], NULL, write_lines, names[i]);
	for (int i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(lines_with(path, "thread a a end\n"), 500);
	assert_int_equal(lines_with(path, "thread b b end\n"), 500);
	assert_int_equal(lines_with(path, "thread c c end\n"), 500);
	assert_int_equal(lines_with(path, "ERROR"), 1500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(only_what_the_level_lets_through, setup, teardown),
		cmocka_unit_test_setup_teardown(levels_are_clamped, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_renamed_file_is_left_after_reopening, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_unusable_file_leaves_the_old_one, setup, teardown),
		cmocka_unit_test_setup_teardown(
			too_long_a_line_is_cut_and_stays_one_line, setup, teardown),
		cmocka_unit_test_setup_teardown(lines_of_threads_are_whole, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
