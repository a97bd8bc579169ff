#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/base/daemon.h"

static char folder[] = "/tmp/daemon_test.XXXXXX";
static char pid_file[64];

static int make_folder(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(pid_file, sizeof(pid_file), "%s/pid", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

// 0 when there is none.
static pid_t pid_in_file(void)
{
	FILE *f = fopen(pid_file, "r");
	long pid = 0;

	if (f == NULL)
		return 0;
	if (fscanf(f, "%ld", &pid) != 1)
		pid = 0;
	fclose(f);
	return (pid_t)pid;
}

static bool file_is_there(void)
{
	struct stat st;

	return stat(pid_file, &st) == 0;
}

// The error texts are expected: they would only confuse here.
static void silence(void)
{
	int null = open("/dev/null", O_WRONLY);

	dup2(null, STDERR_FILENO);
}

// A daemon becomes our child only when the process between has ended, which takes its time.
static int exit_of(pid_t pid)
{
	static const struct timespec pause = {.tv_nsec = 5 * 1000 * 1000};
	int status;
	pid_t ended = waitpid(pid, &status, 0);

	for (int i = 0; i < 2000 && ended < 0 && errno == ECHILD; i++) {
		nanosleep(&pause, NULL);
		ended = waitpid(pid, &status, 0);
	}
	assert_int_equal(ended, pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static bool comes_true(bool (*what)(void))
{
	static const struct timespec pause = {.tv_nsec = 5 * 1000 * 1000};

	for (int i = 0; i < 1000; i++) {
		if (what())
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

static void test_foreground(void **state)
{
	struct daemon daemon;

	(void)state;
	assert_true(daemon_start(&daemon, false, NULL));
	daemon_ready(&daemon);
	daemon_stop(&daemon);
	assert_true(daemon_start(&daemon, false, pid_file));
	assert_int_equal(pid_in_file(), getpid());
	daemon_stop(&daemon);
	assert_false(file_is_there());
	daemon_stop(&daemon);
}

static int start_second(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct daemon second;

		silence();
		_exit(daemon_start(&second, false, pid_file) ? 0 : 1);
	}
	return exit_of(pid);
}

static void test_only_one(void **state)
{
	struct daemon daemon;

	(void)state;
	assert_true(daemon_start(&daemon, false, pid_file));
	assert_int_equal(start_second(), 1);
	assert_int_equal(pid_in_file(), getpid()); // untouched by the second
	daemon_stop(&daemon);
	assert_int_equal(start_second(), 0); // which leaves its file, like after a crash
	assert_true(file_is_there());
	assert_true(daemon_start(&daemon, false, pid_file));
	assert_int_equal(pid_in_file(), getpid());
	daemon_stop(&daemon);
}

static void test_file_that_cannot_be_made(void **state)
{
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		struct daemon daemon;

		silence();
		_exit(daemon_start(&daemon, false, "/proc/nonexistent/pid") ? 0 : 1);
	}
	assert_int_equal(exit_of(pid), 1);
}

// The pipe tells what the daemon saw of the world.
struct seen {
	pid_t pid;
	pid_t session;
	bool null_error; // standard error leads nowhere
};

static void serve(int report, bool fails)
{
	struct seen seen = {.pid = getpid(), .session = getsid(0)};
	struct daemon daemon;
	struct stat st;

	if (!daemon_start(&daemon, true, pid_file) || fails)
		_exit(1);
	daemon_ready(&daemon);
	seen.pid = getpid();
	seen.session = getsid(0);
	seen.null_error = fstat(STDERR_FILENO, &st) == 0 && S_ISCHR(st.st_mode) &&
		st.st_rdev == makedev(1, 3);
	if (write(report, &seen, sizeof(seen)) != sizeof(seen))
		_exit(1);
	pause();
	_exit(0);
}

static bool file_has_pid(void)
{
	return pid_in_file() != 0;
}

static void test_background(void **state)
{
	struct seen seen;
	int fds[2];
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0)
		serve(fds[1], false);
	assert_int_equal(exit_of(pid), 0);
	assert_int_equal(read(fds[0], &seen, sizeof(seen)), sizeof(seen));
	assert_true(comes_true(file_has_pid));
	assert_int_equal(pid_in_file(), seen.pid);
	assert_int_not_equal(seen.pid, pid);
	assert_int_not_equal(seen.session, seen.pid); // no leader: it can't get a terminal
	assert_int_not_equal(seen.session, getsid(0));
	assert_true(seen.null_error);
	assert_int_equal(kill(seen.pid, SIGKILL), 0);
	assert_int_equal(waitpid(seen.pid, NULL, 0), seen.pid); // it is ours: see main
	unlink(pid_file);
	close(fds[0]);
	close(fds[1]);
}

static void test_failed_start_is_seen(void **state)
{
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		serve(-1, true);
	assert_int_equal(exit_of(pid), 1);
	assert_true(waitpid(-1, NULL, 0) > 0);
	unlink(pid_file);
}

// Starts in the background, and is ready only when it is told so.
static void serve_when_told(int report, int told)
{
	struct daemon daemon;
	pid_t pid;
	char byte;

	if (!daemon_start(&daemon, true, NULL))
		_exit(1);
	pid = getpid();
	if (write(report, &pid, sizeof(pid)) != sizeof(pid) || read(told, &byte, 1) != 1)
		_exit(1);
	daemon_ready(&daemon);
	_exit(7);
}

// Whoever typed the command may have gone away before the daemon is ready.
static void test_nobody_waits(void **state)
{
	int report[2];
	int told[2];
	pid_t daemon;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(report), 0);
	assert_int_equal(pipe(told), 0);
	pid = fork();
	if (pid == 0)
		serve_when_told(report[1], told[0]);
	assert_int_equal(read(report[0], &daemon, sizeof(daemon)), sizeof(daemon));
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(write(told[1], "x", 1), 1);
	assert_int_equal(exit_of(daemon), 7);
	for (int i = 0; i < 2; i++) {
		close(report[i]);
		close(told[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_foreground),
		cmocka_unit_test(test_only_one),
		cmocka_unit_test(test_file_that_cannot_be_made),
		cmocka_unit_test(test_background),
		cmocka_unit_test(test_failed_start_is_seen),
		cmocka_unit_test(test_nobody_waits),
	};

	// Orphans become our children, whatever runs as process 1.
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
