// Times of which milliseconds are enough, in 32 bits: of what was at most 49 days ago.
#pragma once

#include <stdint.h>

#include "common/base/mono.h"

// Rounded up, as the timer wheel does.
static inline uint32_t tcp_ms(struct mono at)
{
	return (uint32_t)((at.ns + NS_PER_MS - 1) / NS_PER_MS);
}

// `ms` is that of `now` or of an earlier time.
static inline struct mono tcp_ms_time(uint32_t ms, struct mono now)
{
	uint64_t up = (now.ns + NS_PER_MS - 1) / NS_PER_MS;

	return (struct mono){(up - (uint32_t)((uint32_t)up - ms)) * NS_PER_MS};
}
