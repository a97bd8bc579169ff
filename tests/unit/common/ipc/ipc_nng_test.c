#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/ipc/ipc_nng.h"
#include "common/ipc/ipc_path.h"

#define WAIT_MS 10000

static char dir[64];
static char path[128];

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/dyn-ipc-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/run/deep/ipc.sock", dir);
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command);
}

// The next event; fails the test when none comes.
static struct ipc_nng_event next(struct ipc_nng *ipc)
{
	struct ipc_nng_event event = {0};

	for (int ms = 0; ms < WAIT_MS; ms += 100) {
		struct pollfd fd = {.fd = ipc_nng_fd(ipc), .events = POLLIN};

		if (ipc_nng_next(ipc, &event))
			return event;
		poll(&fd, 1, 100);
	}
	fail_msg("no event");
	return event;
}

static void expect(struct ipc_nng *ipc, enum ipc_nng_what what)
{
	assert_int_equal(next(ipc).what, what);
}

static void expect_text(struct ipc_nng *ipc, const char *text)
{
	struct ipc_nng_event event = next(ipc);

	assert_int_equal(event.what, IPC_NNG_MSG);
	assert_int_equal(event.len, strlen(text));
	assert_memory_equal(event.bytes, text, event.len);
}

// The next message, whatever comes before. A process that is being killed may still accept
// connections for a moment after it lost the one before: those come and go without a word.
static void expect_text_at_last(struct ipc_nng *ipc, const char *text)
{
	struct ipc_nng_event event;

	do
		event = next(ipc);
	while (event.what != IPC_NNG_MSG);
	assert_int_equal(event.len, strlen(text));
	assert_memory_equal(event.bytes, text, event.len);
}

static bool send_text(struct ipc_nng *ipc, unsigned kind, const char *text)
{
	return ipc_nng_send(ipc, kind, text, 1, text + 1, strlen(text) - 1, NULL);
}

static void talks_when_the_listener_is_first(void **state)
{
	struct ipc_nng *dp;
	struct ipc_nng *cp;
	struct stat st;

	(void)state;
	assert_int_equal(ipc_nng_listen(&dp, path), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	assert_int_equal(ipc_nng_dial(&cp, path), 0);
	expect(dp, IPC_NNG_UP);
	expect(cp, IPC_NNG_UP);
	assert_true(send_text(cp, 1, "to dp"));
	assert_true(send_text(dp, 1, "to cp"));
	expect_text(dp, "to dp");
	expect_text(cp, "to cp");
	ipc_nng_free(cp);
	expect(dp, IPC_NNG_DOWN);
	assert_false(send_text(dp, 1, "nobody"));
	ipc_nng_free(dp);
}

static void talks_when_the_dialer_is_first(void **state)
{
	struct ipc_nng *dp;
	struct ipc_nng *cp;

	(void)state;
	assert_int_equal(ipc_nng_dial(&cp, path), 0);
	usleep(300 * 1000);
	assert_false(send_text(cp, 1, "too early"));
	assert_int_equal(ipc_nng_listen(&dp, path), 0);
	expect(cp, IPC_NNG_UP);
	expect(dp, IPC_NNG_UP);
	assert_true(send_text(cp, 1, "hello"));
	expect_text(dp, "hello");
	ipc_nng_free(dp);
	expect(cp, IPC_NNG_DOWN);
	ipc_nng_free(cp);
}

static void refuses_a_second_listener(void **state)
{
	struct ipc_nng *dp;
	struct ipc_nng *other = NULL;

	(void)state;
	assert_int_equal(ipc_nng_listen(&dp, path), 0);
	assert_int_equal(ipc_nng_listen(&other, path), -EADDRINUSE);
	assert_null(other);
	ipc_nng_free(dp);
}

static void a_second_dialer_gets_its_turn_later(void **state)
{
	struct ipc_nng *dp;
	struct ipc_nng *cp;
	struct ipc_nng *second;
	struct ipc_nng_event event;

	(void)state;
	assert_int_equal(ipc_nng_listen(&dp, path), 0);
	assert_int_equal(ipc_nng_dial(&cp, path), 0);
	expect(dp, IPC_NNG_UP);
	expect(cp, IPC_NNG_UP);
	assert_int_equal(ipc_nng_dial(&second, path), 0);
	usleep(300 * 1000);
	assert_true(send_text(cp, 1, "mine"));
	expect_text(dp, "mine");
	ipc_nng_free(cp);
	expect(dp, IPC_NNG_DOWN);
	expect(dp, IPC_NNG_UP);
	assert_true(send_text(dp, 1, "yours"));
	// It saw connections that were refused come and go before.
	do
		event = next(second);
	while (event.what != IPC_NNG_MSG);
	assert_memory_equal(event.bytes, "yours", 5);
	ipc_nng_free(second);
	ipc_nng_free(dp);
}

static void removes_a_stale_socket_but_nothing_else(void **state)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct ipc_nng *dp;
	char file[128];
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/stale.sock", dir);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	close(fd); // as after a kill -9: the file stays
	assert_int_equal(ipc_nng_listen(&dp, addr.sun_path), 0);
	ipc_nng_free(dp);

	snprintf(file, sizeof(file), "%s/precious", dir);
	close(open(file, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(ipc_nng_listen(&dp, file), -EEXIST);
	assert_int_equal(access(file, F_OK), 0);
}

static void refuses_impossible_paths(void **state)
{
	struct ipc_nng *ipc;
	char longest[300];

	(void)state;
	memset(longest, 'x', sizeof(longest));
	longest[0] = '/';
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(ipc_nng_listen(&ipc, longest), -ENAMETOOLONG);
	assert_int_equal(ipc_nng_listen(&ipc, ""), -ENOENT);
	assert_int_equal(ipc_nng_listen(&ipc, "/proc/no/such"), -ENOENT);
}

// Runs this program again, as a child(). Not by fork: nng's threads are running, and what they hold
// locked at that moment would stay locked in the child.
static pid_t spawn(char *role)
{
	char name[] = "ipc_nng_test";
	char *const argv[] = {name, role, path, NULL};
	pid_t pid = 0;

	assert_int_equal(posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environ), 0);
	return pid;
}

// The listener lives in another process and is killed as hard as can be.
static void survives_kill_and_restart_of_the_listener(void **state)
{
	struct ipc_nng *cp;

	(void)state;
	assert_int_equal(ipc_nng_dial(&cp, path), 0);
	for (int round = 0; round < 3; round++) {
		pid_t pid = spawn((char[]){"listen"});
		int status;

		expect_text_at_last(cp, "from the child");
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		assert_true(WIFSIGNALED(status));
		expect(cp, IPC_NNG_DOWN);
	}
	ipc_nng_free(cp);
}

static void survives_kill_and_restart_of_the_dialer(void **state)
{
	struct ipc_nng *dp;

	(void)state;
	assert_int_equal(ipc_nng_listen(&dp, path), 0);
	for (int round = 0; round < 3; round++) {
		pid_t pid = spawn((char[]){"dial"});
		int status;

		expect(dp, IPC_NNG_UP);
		expect_text(dp, "from the child");
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		assert_true(WIFSIGNALED(status));
		expect(dp, IPC_NNG_DOWN);
	}
	ipc_nng_free(dp);
}

// A peer that does not read costs one message of each kind, and the newest one is what it gets.
static void a_flood_is_bounded_and_the_newest_survives(void **state)
{
	static char big[64 * 1024];
	struct ipc_nng *dp;
	struct ipc_nng *cp;
	struct ipc_nng_event event;
	unsigned replaced_n = 0;
	unsigned got = 0;
	uint32_t last = 0;
	const uint32_t rounds = 3000;

	(void)state;
	assert_int_equal(ipc_nng_listen(&dp, path), 0);
	assert_int_equal(ipc_nng_dial(&cp, path), 0);
	expect(dp, IPC_NNG_UP);
	expect(cp, IPC_NNG_UP);
	for (uint32_t i = 1; i <= rounds; i++) {
		bool replaced;

		assert_true(ipc_nng_send(dp, 3, &i, sizeof(i), big, sizeof(big), &replaced));
		replaced_n += replaced;
	}
	assert_true(replaced_n > rounds / 2);
	while (last != rounds) {
		event = next(cp);
		assert_int_equal(event.what, IPC_NNG_MSG);
		assert_int_equal(event.len, sizeof(last) + sizeof(big));
		assert_true(*(const uint32_t *)event.bytes > last);
		last = *(const uint32_t *)event.bytes;
		got++;
	}
	assert_int_equal(got + replaced_n, rounds);
	ipc_nng_free(dp);
	ipc_nng_free(cp);
}

static void kinds_keep_their_order(void **state)
{
	static char big[64 * 1024];
	struct ipc_nng *dp;
	struct ipc_nng *cp;
	bool replaced = false;

	(void)state;
	assert_int_equal(ipc_nng_listen(&dp, path), 0);
	assert_int_equal(ipc_nng_dial(&cp, path), 0);
	expect(dp, IPC_NNG_UP);
	expect(cp, IPC_NNG_UP);
	// Until nothing moves any more: the other side's queue and the socket are full.
	for (int still = 0; still < 5; still = replaced ? still + 1 : 0) {
		assert_true(ipc_nng_send(dp, 9, "1", 1, big, sizeof(big), &replaced));
		usleep(replaced ? 20000 : 1000);
	}
	assert_true(send_text(dp, 2, "old"));
	assert_true(send_text(dp, 1, "first"));
	assert_true(ipc_nng_send(dp, 2, "second", 6, NULL, 0, &replaced));
	assert_true(replaced);
	while (next(cp).len != 5)
		;
	expect_text(cp, "second");
	ipc_nng_free(dp);
	ipc_nng_free(cp);
}

// Dialers are killed while messages are under way in both directions: the next connection must
// always work, and its first message get through.
static void a_new_connection_always_works(void **state)
{
	static char big[64 * 1024];
	struct ipc_nng *dp;

	(void)state;
	assert_int_equal(ipc_nng_listen(&dp, path), 0);
	for (int round = 0; round < 40; round++) {
		struct ipc_nng_event event;
		pid_t pid = spawn((char[]){"echo"});
		int got = 0;

		do
			event = next(dp);
		while (event.what != IPC_NNG_UP);
		assert_true(send_text(dp, 1, "hello"));
		while (got < 1 + round % 5) {
			for (unsigned kind = 2; kind < 12; kind++)
				(void)ipc_nng_send(dp, kind, "x", 1, big, sizeof(big), NULL);
			got += next(dp).what == IPC_NNG_MSG;
		}
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	ipc_nng_free(dp);
}

static void closing_while_messages_are_under_way_ends(void **state)
{
	static char big[64 * 1024];
	struct ipc_nng *dp;

	(void)state;
	assert_int_equal(ipc_nng_listen(&dp, path), 0);
	for (int round = 0; round < 50; round++) {
		struct ipc_nng_event event;
		struct ipc_nng *cp;

		assert_int_equal(ipc_nng_dial(&cp, path), 0);
		do
			event = next(dp);
		while (event.what != IPC_NNG_UP);
		expect(cp, IPC_NNG_UP);
		for (unsigned kind = 2; kind < 12; kind++) {
			(void)ipc_nng_send(dp, kind, "x", 1, big, sizeof(big), NULL);
			(void)ipc_nng_send(cp, kind, "x", 1, big, sizeof(big), NULL);
		}
		usleep((unsigned)(round % 5) * 100);
		ipc_nng_free(cp);
	}
	ipc_nng_free(dp);
}

static void too_long_a_message_ends_the_connection(void **state)
{
	char *huge = calloc(1, IPC_NNG_MSG_MAX + 1);
	struct ipc_nng *dp;
	struct ipc_nng *cp;

	(void)state;
	assert_int_equal(ipc_nng_listen(&dp, path), 0);
	assert_int_equal(ipc_nng_dial(&cp, path), 0);
	expect(dp, IPC_NNG_UP);
	expect(cp, IPC_NNG_UP);
	assert_true(ipc_nng_send(cp, 1, "h", 1, huge, IPC_NNG_MSG_MAX + 1, NULL));
	expect(dp, IPC_NNG_DOWN);
	expect(dp, IPC_NNG_UP);
	free(huge);
	ipc_nng_free(cp);
	ipc_nng_free(dp);
}

// Talks without end once it was said hello to.
static _Noreturn void echo(struct ipc_nng *ipc)
{
	static char big[64 * 1024];

	while (next(ipc).len != 5)
		;
	for (unsigned i = 0;; i++) {
		struct ipc_nng_event event;

		(void)ipc_nng_send(ipc, i % 8, "y", 1, big, sizeof(big), NULL);
		(void)ipc_nng_next(ipc, &event);
		usleep(100);
	}
}

// A child of the kill tests: comes up, says something, waits to be killed.
static int child(const char *role, const char *at)
{
	struct ipc_nng *ipc;
	int error;

	// A test that fails leaves no child behind.
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	error = strcmp(role, "listen") == 0 ? ipc_nng_listen(&ipc, at) : ipc_nng_dial(&ipc, at);
	if (error != 0)
		return 1;
	if (strcmp(role, "echo") == 0)
		echo(ipc);
	while (!send_text(ipc, 1, "from the child"))
		usleep(1000);
	sleep(WAIT_MS / 1000);
	return 0;
}

static void *end(void *arg)
{
	ipc_nng_free(arg);
	return NULL;
}

// One who ends looks dead before its file is gone. A successor that binds in between must not lose
// its socket by it: who holds the lock, as the successor does, keeps the other from both.
static void an_end_waits_for_who_claims_the_path(void **state)
{
	struct ipc_nng *old;
	pthread_t thread;
	struct stat st;
	int lock;

	(void)state;
	assert_int_equal(ipc_nng_listen(&old, path), 0);
	lock = ipc_path_lock(path);
	assert_true(lock >= 0);
	assert_int_equal(pthread_create(&thread, NULL, end, old), 0);
	usleep(100000);
	assert_int_equal(ipc_path_claim(path), -EADDRINUSE); // neither dead nor gone
	assert_int_equal(stat(path, &st), 0);
	ipc_path_unlock(lock);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_not_equal(stat(path, &st), 0);
}

#define SUCCESSIONS 300

static void a_successor_keeps_its_socket(void **state)
{
	struct ipc_nng *old;
	struct ipc_nng *next_one;
	pthread_t thread;
	int rc;

	(void)state;
	assert_int_equal(ipc_nng_listen(&old, path), 0);
	for (unsigned i = 0; i < SUCCESSIONS; i++) {
		assert_int_equal(pthread_create(&thread, NULL, end, old), 0);
		// Each try is undone by other threads: without a pause they fall behind by
		// thousands.
		while ((rc = ipc_nng_listen(&next_one, path)) == -EADDRINUSE)
			usleep(50);
		assert_int_equal(rc, 0);
		assert_int_equal(pthread_join(thread, NULL), 0);
		assert_int_equal(access(path, F_OK), 0);
		assert_int_equal(ipc_path_claim(path), -EADDRINUSE);
		old = next_one;
	}
	ipc_nng_free(old);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(talks_when_the_listener_is_first, setup, teardown),
		cmocka_unit_test_setup_teardown(talks_when_the_dialer_is_first, setup, teardown),
		cmocka_unit_test_setup_teardown(refuses_a_second_listener, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_second_dialer_gets_its_turn_later, setup, teardown),
		cmocka_unit_test_setup_teardown(
			removes_a_stale_socket_but_nothing_else, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_end_waits_for_who_claims_the_path, setup, teardown),
		cmocka_unit_test_setup_teardown(a_successor_keeps_its_socket, setup, teardown),
		cmocka_unit_test_setup_teardown(refuses_impossible_paths, setup, teardown),
		cmocka_unit_test_setup_teardown(
			survives_kill_and_restart_of_the_listener, setup, teardown),
		cmocka_unit_test_setup_teardown(
			survives_kill_and_restart_of_the_dialer, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_flood_is_bounded_and_the_newest_survives, setup, teardown),
		cmocka_unit_test_setup_teardown(a_new_connection_always_works, setup, teardown),
		cmocka_unit_test_setup_teardown(
			closing_while_messages_are_under_way_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(kinds_keep_their_order, setup, teardown),
		cmocka_unit_test_setup_teardown(
			too_long_a_message_ends_the_connection, setup, teardown),
	};

	if (argc == 3)
		return child(argv[1], argv[2]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
