#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <poll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "dataplane/idle.h"

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_SEC + (uint64_t)ts.tv_nsec;
}

static uint64_t slept(const struct idle_fd *fds, unsigned n, bool wakes, uint64_t for_ns)
{
	uint64_t before = now_ns();

	idle_sleep(fds, n, wakes, for_ns);
	return now_ns() - before;
}

// The shortest of several, since a busy machine makes any one of them long.
static uint64_t shortest_sleep(const struct idle_fd *fds, unsigned n, bool wakes, uint64_t for_ns)
{
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < 20; i++) {
		uint64_t ns = slept(fds, n, wakes, for_ns);

		least = ns < least ? ns : least;
	}
	return least;
}

static void busy_only_spins(void **state)
{
	struct idle idle;

	(void)state;
	idle_init(&idle, false);
	for (int i = 0; i < 100000; i++)
		assert_int_equal(idle_next(&idle), IDLE_SPIN);
}

// Counts the turns of each step; they come in this order only.
static void climb(struct idle *idle, unsigned turns, unsigned count[3])
{
	enum idle_step last = IDLE_SPIN;

	count[IDLE_SPIN] = count[IDLE_YIELD] = count[IDLE_SLEEP] = 0;
	for (unsigned i = 0; i < turns; i++) {
		enum idle_step step = idle_next(idle);

		assert_true(step >= last);
		last = step;
		count[step]++;
	}
}

static void adaptive_spins_then_yields_then_sleeps(void **state)
{
	struct idle idle;
	unsigned first[3];
	unsigned again[3];

	(void)state;
	idle_init(&idle, true);
	climb(&idle, 10000, first);
	assert_true(first[IDLE_SPIN] > 0);
	assert_true(first[IDLE_YIELD] > 0);
	assert_true(first[IDLE_SLEEP] > 9000);
	climb(&idle, 100, again);
	assert_int_equal(again[IDLE_SLEEP], 100);
	// One turn with something to do, and it begins anew.
	idle_busy(&idle);
	climb(&idle, 10000, again);
	assert_memory_equal(first, again, sizeof(first));
}

static void sleeps_as_long_as_there_is_time(void **state)
{
	int fd = eventfd(0, EFD_CLOEXEC);
	struct idle_fd fds[] = {{.fd = fd, .events = POLLIN}};

	(void)state;
	assert_true(slept(fds, 1, true, 3 * NS_PER_MS) >= 3 * NS_PER_MS);
	assert_true(shortest_sleep(fds, 1, true, 3 * NS_PER_MS) < IDLE_SLEEP_MAX_NS);
	assert_true(shortest_sleep(fds, 1, true, 0) < NS_PER_MS);
	close(fd);
}

static void never_longer_than_the_most(void **state)
{
	int fd = eventfd(0, EFD_CLOEXEC);
	struct idle_fd fds[] = {{.fd = fd, .events = POLLIN}};

	(void)state;
	assert_true(slept(fds, 1, true, UINT64_MAX) >= IDLE_SLEEP_MAX_NS);
	assert_true(shortest_sleep(fds, 1, true, UINT64_MAX) < 10 * IDLE_SLEEP_MAX_NS);
	close(fd);
}

// Without a descriptor of the port a packet must not wait for long.
static void sleeps_short_when_nothing_wakes_it(void **state)
{
	int fd = eventfd(0, EFD_CLOEXEC);
	struct idle_fd fds[] = {{.fd = fd, .events = POLLIN}};

	(void)state;
	assert_true(slept(fds, 1, false, UINT64_MAX) >= IDLE_SLEEP_BLIND_NS);
	assert_true(shortest_sleep(fds, 1, false, UINT64_MAX) < IDLE_SLEEP_MAX_NS / 2);
	assert_true(shortest_sleep(NULL, 0, false, UINT64_MAX) < IDLE_SLEEP_MAX_NS / 2);
	close(fd);
}

static void a_ready_descriptor_wakes_it(void **state)
{
	int in = eventfd(1, EFD_CLOEXEC);
	int out = eventfd(0, EFD_CLOEXEC);
	struct idle_fd readable[] = {{.fd = out, .events = POLLIN}, {.fd = in, .events = POLLIN}};
	struct idle_fd writable[] = {{.fd = out, .events = POLLOUT}};

	(void)state;
	assert_true(shortest_sleep(readable, 2, true, UINT64_MAX) < IDLE_SLEEP_MAX_NS / 2);
	assert_true(shortest_sleep(writable, 1, true, UINT64_MAX) < IDLE_SLEEP_MAX_NS / 2);
	assert_true(slept(readable, 1, true, UINT64_MAX) >= IDLE_SLEEP_MAX_NS);
	close(in);
	close(out);
}

// More than it can wait for: the first ones count.
static void too_many_descriptors_do_no_harm(void **state)
{
	struct idle_fd fds[IDLE_FDS_MAX + 8];
	int fd = eventfd(1, EFD_CLOEXEC);

	(void)state;
	for (unsigned i = 0; i < IDLE_FDS_MAX + 8; i++)
		fds[i] = (struct idle_fd){.fd = fd, .events = POLLIN};
	assert_true(
		shortest_sleep(fds, IDLE_FDS_MAX + 8, true, UINT64_MAX) < IDLE_SLEEP_MAX_NS / 2);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(busy_only_spins),
		cmocka_unit_test(adaptive_spins_then_yields_then_sleeps),
		cmocka_unit_test(sleeps_as_long_as_there_is_time),
		cmocka_unit_test(never_longer_than_the_most),
		cmocka_unit_test(sleeps_short_when_nothing_wakes_it),
		cmocka_unit_test(a_ready_descriptor_wakes_it),
		cmocka_unit_test(too_many_descriptors_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
