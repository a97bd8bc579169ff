#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <unistd.h>

#include "common/ipc/ipc_nng.h"
#include "common/ipc/ipc_threads.h"

#define WAIT_MS 10000

// As the data plane does it: first off the worker cores, then nng.
static void threads_stay_where_their_parent_was_pinned(void **state)
{
	char path[] = "/tmp/dyn-threads-XXXXXX";
	cpu_set_t home;
	cpu_set_t rest;
	struct ipc_nng *ipc;
	int total = 0;
	int on_home;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(rest), &rest), 0);
	if (CPU_COUNT(&rest) < 2)
		skip();
	CPU_ZERO(&home);
	for (int cpu = 0; CPU_COUNT(&home) == 0; cpu++)
		if (CPU_ISSET(cpu, &rest))
			CPU_SET(cpu, &home);
	CPU_XOR(&rest, &rest, &home);
	assert_int_equal(sched_setaffinity(0, sizeof(home), &home), 0);

	assert_int_equal(ipc_threads_on(&home, &total), 0);
	assert_int_equal(total, 0);
	close(mkstemp(path));
	unlink(path);
	assert_int_equal(ipc_nng_listen(&ipc, path), 0);
	// A thread has nng's name once it has begun to run.
	for (int ms = 0; ms < WAIT_MS && total < 2; ms += 10) {
		usleep(10 * 1000);
		assert_int_equal(ipc_threads_on(&rest, &total), 0);
	}
	assert_true(total >= 2);
	// The check sees them where they are, so it would see them elsewhere.
	on_home = ipc_threads_on(&home, &total);
	assert_true(total >= 2);
	assert_int_equal(on_home, total);
	ipc_nng_free(ipc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads_stay_where_their_parent_was_pinned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
