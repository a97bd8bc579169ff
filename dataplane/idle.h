// What a worker does when a turn found nothing: `poll: busy` goes on spinning; `poll: adaptive`
// spins, then yields, then sleeps until a descriptor of the port or the store is ready, or until
// the next timer, so that an idle node costs next to nothing and a busy one nothing extra.
//
// The figures behind the steps are in docs/decisions.md. An idle object belongs to one worker.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/mono.h"

#define IDLE_FDS_MAX 64

// The longest sleep: bounds how late a message of the control plane or another core is seen.
#define IDLE_SLEEP_MAX_NS (10 * NS_PER_MS)

// The sleep when there is no descriptor that wakes us for a packet.
#define IDLE_SLEEP_BLIND_NS (50 * NS_PER_US)

struct idle_fd {
	int fd;
	short events; // POLLIN, POLLOUT
};

struct idle {
	bool adaptive;
	uint32_t empty_turns;
};

enum idle_step {
	IDLE_SPIN,
	IDLE_YIELD,
	IDLE_SLEEP,
};

void idle_init(struct idle *idle, bool adaptive);

// A turn found something to do.
static inline void idle_busy(struct idle *idle)
{
	idle->empty_turns = 0;
}

// Another turn found nothing: what to do about it.
enum idle_step idle_next(struct idle *idle);

// Sleeps until one of `fds` is ready or `for_ns` passed. `wakes` says whether the port has a
// descriptor among them; without one the sleep is short.
void idle_sleep(const struct idle_fd *fds, unsigned n, bool wakes, uint64_t for_ns);
