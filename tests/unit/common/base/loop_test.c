#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/base/loop.h"

struct seen {
	struct loop *loop;
	int fd;
	unsigned ticks;
	unsigned ready;
	struct mono last;
};

static void on_ready(void *ctx, struct mono now)
{
	struct seen *seen = ctx;
	eventfd_t count;

	assert_int_equal(eventfd_read(seen->fd, &count), 0);
	seen->ready++;
	seen->last = now;
}

static void on_tick(void *ctx, struct mono now)
{
	struct seen *seen = ctx;

	assert_true(now.ns >= seen->last.ns);
	seen->last = now;
	if (++seen->ticks % 2 == 0)
		assert_int_equal(eventfd_write(seen->fd, 1), 0);
	if (seen->ticks == 6)
		loop_stop(seen->loop);
}

static void descriptors_and_ticks_are_called_until_it_is_stopped(void **state)
{
	struct seen seen = {.fd = eventfd(0, EFD_NONBLOCK)};

	(void)state;
	seen.loop = loop_new();
	assert_non_null(seen.loop);
	assert_int_equal(loop_add(seen.loop, seen.fd, on_ready, &seen), 0);
	assert_int_equal(loop_add_tick(seen.loop, 2 * NS_PER_MS, on_tick, &seen), 0);
	assert_int_equal(loop_run(seen.loop), 0);
	assert_int_equal(seen.ticks, 6);
	assert_true(seen.ready >= 2);
	loop_free(seen.loop);
	assert_int_equal(eventfd_write(seen.fd, 1), 0); // still the caller's
	close(seen.fd);
}

static void what_cannot_be_watched_is_an_error(void **state)
{
	struct loop *loop = loop_new();
	int fd = eventfd(0, EFD_NONBLOCK);

	(void)state;
	assert_int_equal(loop_add(loop, -1, on_ready, NULL), -EBADF);
	assert_int_equal(loop_add(loop, fd, on_ready, NULL), 0);
	assert_int_equal(loop_add(loop, fd, on_ready, NULL), -EEXIST);
	for (unsigned i = 1; i < LOOP_FDS_MAX; i++)
		assert_int_equal(loop_add_tick(loop, NS_PER_SEC, on_tick, NULL), 0);
	assert_int_equal(loop_add_tick(loop, NS_PER_SEC, on_tick, NULL), -ENOSPC);
	loop_free(loop);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(descriptors_and_ticks_are_called_until_it_is_stopped),
		cmocka_unit_test(what_cannot_be_watched_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
