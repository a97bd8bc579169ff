#include "common/base/loop.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

struct source {
	int fd;
	bool is_timer;
	loop_ready *ready;
	void *ctx;
};

struct loop {
	int epoll_fd;
	bool stopped;
	unsigned source_n;
	struct source source[LOOP_FDS_MAX];
};

struct mono loop_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (struct mono){.ns = (uint64_t)ts.tv_sec * NS_PER_SEC + (uint64_t)ts.tv_nsec};
}

struct loop *loop_new(void)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (loop == NULL)
		return NULL;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0) {
		free(loop);
		return NULL;
	}
	return loop;
}

void loop_free(struct loop *loop)
{
	if (loop == NULL)
		return;
	for (unsigned i = 0; i < loop->source_n; i++)
		if (loop->source[i].is_timer)
			close(loop->source[i].fd);
	close(loop->epoll_fd);
	free(loop);
}

int loop_add(struct loop *loop, int fd, loop_ready *ready, void *ctx)
{
	struct source *source = &loop->source[loop->source_n];
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = source};

	if (loop->source_n == LOOP_FDS_MAX)
		return -ENOSPC;
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
		return -errno;
	*source = (struct source){.fd = fd, .ready = ready, .ctx = ctx};
	loop->source_n++;
	return 0;
}

int loop_add_tick(struct loop *loop, uint64_t every_ns, loop_ready *tick, void *ctx)
{
	struct timespec every = {
		.tv_sec = (time_t)(every_ns / NS_PER_SEC),
		.tv_nsec = (long)(every_ns % NS_PER_SEC),
	};
	struct itimerspec spec = {.it_value = every, .it_interval = every};
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	int error;

	if (fd < 0)
		return -errno;
	error = timerfd_settime(fd, 0, &spec, NULL) == 0 ? loop_add(loop, fd, tick, ctx) : -errno;
	if (error != 0) {
		close(fd);
		return error;
	}
	loop->source[loop->source_n - 1].is_timer = true;
	return 0;
}

static void dispatch(struct source *source)
{
	uint64_t expirations;

	if (source->is_timer && read(source->fd, &expirations, sizeof(expirations)) < 0)
		return;
	source->ready(source->ctx, loop_now());
}

int loop_run(struct loop *loop)
{
	struct epoll_event event[LOOP_FDS_MAX];

	while (!loop->stopped) {
		int n = epoll_wait(loop->epoll_fd, event, LOOP_FDS_MAX, -1);

		if (n < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < n && !loop->stopped; i++)
			dispatch(event[i].data.ptr);
	}
	return 0;
}

void loop_stop(struct loop *loop)
{
	loop->stopped = true;
}
