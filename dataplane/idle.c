#include "dataplane/idle.h"

#include <poll.h>
#include <time.h>

// A request-reply peer answers within some ten microseconds: sleeping earlier than that would add
// a wake-up to each of its requests.
#define SPIN_TURNS 200
#define YIELD_TURNS 100

void idle_init(struct idle *idle, bool adaptive)
{
	*idle = (struct idle){.adaptive = adaptive};
}

enum idle_step idle_next(struct idle *idle)
{
	if (!idle->adaptive)
		return IDLE_SPIN;
	if (idle->empty_turns >= SPIN_TURNS + YIELD_TURNS)
		return IDLE_SLEEP;
	return idle->empty_turns++ < SPIN_TURNS ? IDLE_SPIN : IDLE_YIELD;
}

void idle_sleep(const struct idle_fd *fds, unsigned n, bool wakes, uint64_t for_ns)
{
	struct pollfd poll_fds[IDLE_FDS_MAX];
	uint64_t longest = wakes ? IDLE_SLEEP_MAX_NS : IDLE_SLEEP_BLIND_NS;
	struct timespec ts;

	if (n > IDLE_FDS_MAX)
		n = IDLE_FDS_MAX;
	for (unsigned i = 0; i < n; i++)
		poll_fds[i] = (struct pollfd){.fd = fds[i].fd, .events = fds[i].events};
	if (for_ns > longest)
		for_ns = longest;
	ts = (struct timespec){.tv_sec = 0, .tv_nsec = (long)for_ns};
	ppoll(poll_fds, n, &ts, NULL);
}
