// The worker's clock: the time-stamp counter, scaled to nanoseconds. Read once a turn; everything
// below gets the result as `now`.
#pragma once

#include <stdint.h>

#include <rte_cycles.h>

#include "common/base/mono.h"

struct clock {
	uint64_t start; // counter at clock_init
	uint64_t mult;  // nanoseconds per count, as a 32.32 fixed-point number
};

static inline struct clock clock_make(void)
{
	return (struct clock){
		.start = rte_rdtsc(),
		.mult = (uint64_t)(((unsigned __int128)NS_PER_SEC << 32) / rte_get_tsc_hz()),
	};
}

static inline struct mono clock_now(const struct clock *clock)
{
	unsigned __int128 ns = (unsigned __int128)(rte_rdtsc() - clock->start) * clock->mult;

	// One second ahead of zero, so that "never yet" can be zero.
	return (struct mono){.ns = (uint64_t)(ns >> 32) + NS_PER_SEC};
}
