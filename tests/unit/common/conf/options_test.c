#include "tests/unit/common/conf/conf_support.h"

#include <fcntl.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/conf/options.h"

#define FILE_OK "tests/golden/conf/original_minimal.yml"
#define FILE_WRONG "tests/golden/conf/required.yml"

static void describe(FILE *out)
{
	fputs("figures of all kinds\n", out);
}

static const struct options_program program = {
	.name = "dynomite-test",
	.version = "1.2-3",
	.purpose = "is tested",
	.role = CONF_ROLE_CONTROLPLANE,
	.describe_stats = describe,
};

// One run, with what it wrote.
struct run {
	bool go;
	int exit_code;
	struct options options;
	char out[65536];
	char err[65536];
};

static struct run run;

// Lets a descriptor write into a file meanwhile; the one that it was before is in `saved`.
static FILE *divert(int fd, int *saved)
{
	FILE *to = tmpfile();

	assert_non_null(to);
	fflush(NULL);
	*saved = dup(fd);
	assert_true(dup2(fileno(to), fd) >= 0);
	return to;
}

static void restore(int fd, int saved, FILE *from, char *text, size_t size)
{
	fflush(NULL);
	assert_true(dup2(saved, fd) >= 0);
	close(saved);
	rewind(from);
	text[fread(text, 1, size - 1, from)] = '\0';
	fclose(from);
}

static void options(char *const argv[])
{
	char *copy[16] = {NULL};
	int argc = 0;
	int saved[2];
	FILE *to[2];

	for (; argv[argc] != NULL; argc++)
		copy[argc] = argv[argc]; // getopt_long sorts them
	to[0] = divert(STDOUT_FILENO, &saved[0]);
	to[1] = divert(STDERR_FILENO, &saved[1]);
	run.go = options_run(&program, argc, copy, &run.options, &run.exit_code);
	restore(STDERR_FILENO, saved[1], to[1], run.err, sizeof(run.err));
	restore(STDOUT_FILENO, saved[0], to[0], run.out, sizeof(run.out));
}

#define OPTIONS(...) options((char *[]){(char *)(uintptr_t) "dynomite-test", __VA_ARGS__, NULL})
#define ARG(text) ((char *)(uintptr_t)(text))

static void assert_done(int exit_code, const char *out, const char *err)
{
	assert_false(run.go);
	assert_int_equal(run.exit_code, exit_code);
	if (strstr(run.out, out) == NULL)
		fail_msg("expected \"%s\" on standard output:\n%s", out, run.out);
	if (strstr(run.err, err) == NULL)
		fail_msg("expected \"%s\" on standard error:\n%s", err, run.err);
	assert_null(run.options.conf);
}

static void test_help(void **state)
{
	(void)state;
	OPTIONS(ARG("-h"));
	assert_done(0, "dynomite-test: is tested\n\nUsage: dynomite-test [-c FILE]", "");
	assert_non_null(strstr(run.out, "  -c, --conf-file FILE     read this configuration"));
	assert_non_null(strstr(run.out, "      --print-conf "));
	assert_non_null(strstr(run.out, "Exit codes: 0 "));
	assert_null(strstr(run.out, "admin-operation"));
	OPTIONS(ARG("--help"));
	assert_done(0, "Usage", "");
}

static void test_version(void **state)
{
	(void)state;
	OPTIONS(ARG("-V"));
	assert_done(0, "This is dynomite-test-1.2-3\n", "");
	OPTIONS(ARG("--version"), ARG("-c"), ARG("/proc/nonexistent"));
	assert_done(0, "This is dynomite-test-1.2-3\n", "");
}

static void test_describe_stats(void **state)
{
	(void)state;
	OPTIONS(ARG("-D"));
	assert_done(0, "figures of all kinds\n", "");
}

static void test_test_conf(void **state)
{
	(void)state;
	OPTIONS(ARG("-t"), ARG("-c"), ARG(FILE_OK));
	assert_done(0, "", "dynomite-test: configuration file '" FILE_OK "' syntax is valid\n");
	OPTIONS(ARG("-tc" FILE_WRONG));
	assert_done(
		1, "", "dynomite-test: configuration file '" FILE_WRONG "' syntax is invalid\n");
	assert_non_null(strstr(run.err, FILE_WRONG ": listen: is missing"));
	OPTIONS(ARG("--test-conf"), ARG("--conf-file=/proc/nonexistent"));
	assert_done(1, "", "/proc/nonexistent: can't be opened: No such file");
}

static void test_print(void **state)
{
	(void)state;
	OPTIONS(ARG("--print-conf"), ARG("-c"), ARG(FILE_OK));
	assert_done(0, "'redis_pool':\n  listen: '127.0.0.1:8102'\n", "");
	OPTIONS(ARG("--print-conf"), ARG("-c"), ARG(FILE_WRONG));
	assert_done(1, "", "is missing");
	OPTIONS(ARG("--print-reference"));
	assert_done(0, "dyn_o_mite:\n", "");
	OPTIONS(ARG("--print-docs"));
	assert_done(0, "# Configuration\n", "");
}

static void test_run(void **state)
{
	(void)state;
	OPTIONS(ARG("-c"), ARG(FILE_OK), ARG("-d"), ARG("-p"), ARG("/tmp/x.pid"), ARG("-v"),
		ARG("7"));
	assert_true(run.go);
	assert_non_null(run.options.conf);
	assert_string_equal(run.options.conf_file, FILE_OK);
	assert_true(run.options.daemonize);
	assert_string_equal(run.options.pid_file, "/tmp/x.pid");
	assert_null(run.options.output);
	assert_int_equal(log_get_level(), 7);
	assert_string_equal(
		run.err, "dynomite-test: warning: -d without -o FILE: the log is lost\n");
	options_free(&run.options);
	OPTIONS(ARG("-c"), ARG(FILE_OK), ARG("-v99"));
	assert_true(run.go);
	assert_string_equal(run.err, "");
	assert_int_equal(run.options.verbosity, LOG_LEVEL_MAX);
	assert_false(run.options.daemonize);
	options_free(&run.options);
	OPTIONS(ARG("-c"), ARG(FILE_OK));
	assert_true(run.go);
	assert_int_equal(log_get_level(), LOG_NOTICE);
	options_free(&run.options);
}

static void test_output(void **state)
{
	char path[] = "/tmp/options_test.XXXXXX";
	int fd = mkstemp(path);
	char *text;

	(void)state;
	assert_true(fd >= 0);
	OPTIONS(ARG("-c"), ARG(FILE_OK), ARG("-o"), path);
	assert_true(run.go);
	log_notice("hello log");
	text = slurp(path);
	assert_non_null(strstr(text, "hello log"));
	free(text);
	assert_int_equal(log_open(NULL), 0);
	options_free(&run.options);
	close(fd);
	unlink(path);
	OPTIONS(ARG("-c"), ARG(FILE_OK), ARG("-o"), ARG("/proc/nonexistent/log"));
	assert_done(1, "", "option -o/--output: /proc/nonexistent/log: No such file");
}

static void test_deprecated_sizes(void **state)
{
	(void)state;
	OPTIONS(ARG("-c"), ARG(FILE_OK), ARG("-m"), ARG("1024"), ARG("-M"), ARG("100000"));
	assert_true(run.go);
	assert_int_equal(run.options.conf->pool.mbuf_size, 1024);
	assert_int_equal(run.options.conf->pool.max_msgs, 100000);
	options_free(&run.options);
	OPTIONS(ARG("-c"), ARG(FILE_OK), ARG("-m"), ARG("100"));
	assert_done(1, "", "command line: mbuf_size: value \"100\": must be 512 to 512000");
}

static void test_bad_options(void **state)
{
	(void)state;
	OPTIONS(ARG("-z"));
	assert_done(1, "", "dynomite-test: unknown option -z\nTry \"dynomite-test --help\".\n");
	OPTIONS(ARG("-tz"));
	assert_done(1, "", "unknown option -z\n");
	OPTIONS(ARG("--bogus"));
	assert_done(1, "", "unknown option --bogus\n");
	OPTIONS(ARG("-c"));
	assert_done(1, "", "option -c needs an argument\n");
	OPTIONS(ARG("--conf-file"));
	assert_done(1, "", "option --conf-file needs an argument\n");
	OPTIONS(ARG("--help=x"));
	assert_done(1, "", "option --help=x: takes no argument\n");
	OPTIONS(ARG("-v"), ARG("high"));
	assert_done(1, "", "option -v/--verbosity: value \"high\": must be a number from 0 to 11");
	OPTIONS(ARG("conf.yml"));
	assert_done(1, "", "unexpected \"conf.yml\": the configuration is named with -c");
	OPTIONS(ARG("-x"), ARG("1"));
	assert_done(1, "", "-x/--admin-operation");
	OPTIONS(ARG("-g"));
	assert_done(1, "", "unknown option -g\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_version),
		cmocka_unit_test(test_describe_stats),
		cmocka_unit_test(test_test_conf),
		cmocka_unit_test(test_print),
		cmocka_unit_test(test_run),
		cmocka_unit_test(test_output),
		cmocka_unit_test(test_deprecated_sizes),
		cmocka_unit_test(test_bad_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
