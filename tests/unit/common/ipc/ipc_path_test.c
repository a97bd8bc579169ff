#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/ipc/ipc_path.h"

#define CLAIMS 20000
#define TAKEN 500 // times that the other was met

static char dir[64];
static char path[96];

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/dyn-path-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/sock", dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	(void)unlink(path);
	return rmdir(dir);
}

// Somebody who listens there, as long as the descriptor is open.
static int occupy(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(addr.sun_path, path);
	if (fd >= 0 && bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		(void)listen(fd, 8);
	return fd;
}

static void what_is_free_dead_or_taken_is_told_apart(void **state)
{
	FILE *file;
	int fd;

	(void)state;
	assert_int_equal(ipc_path_claim(path), 0);
	fd = occupy();
	assert_int_equal(ipc_path_claim(path), -EADDRINUSE);
	close(fd);
	assert_int_equal(ipc_path_claim(path), 0);
	assert_int_not_equal(access(path, F_OK), 0); // it removed what the dead one left
	file = fopen(path, "w");
	assert_non_null(file);
	fclose(file);
	assert_int_equal(ipc_path_claim(path), -EEXIST);
	assert_int_equal(access(path, F_OK), 0);
}

static bool over; // atomic

static void *come_and_go(void *arg)
{
	while (!__atomic_load_n(&over, __ATOMIC_RELAXED)) {
		int fd = occupy();

		(void)unlink(path);
		close(fd);
	}
	return arg;
}

// Whatever stage of its end the other is in, it is seen as there or as gone.
static void one_that_goes_meanwhile_is_no_error(void **state)
{
	unsigned taken = 0;
	unsigned other = 0;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, come_and_go, NULL), 0);
	// The other may be long in coming.
	for (unsigned i = 0; i < CLAIMS || taken < TAKEN; i++) {
		int rc = ipc_path_claim(path);

		taken += rc == -EADDRINUSE;
		other += rc != -EADDRINUSE && rc != 0;
	}
	__atomic_store_n(&over, true, __ATOMIC_RELAXED);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(other, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			what_is_free_dead_or_taken_is_told_apart, setup, teardown),
		cmocka_unit_test_setup_teardown(
			one_that_goes_meanwhile_is_no_error, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
