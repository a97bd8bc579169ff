// Numbers that a stranger must not be able to guess, and that must yet grow for one pair of
// endpoints: initial sequence numbers (RFC 6528), the offset of timestamps (RFC 7323 §5.4); and
// candidates for a local port (RFC 6056 §3.3.2). Each uses a key of its own.
#pragma once

#include <stdint.h>

#include "common/base/mono.h"
#include "common/base/siphash.h"
#include "dataplane/tcp/tcp_key.h"
#include "dataplane/tcp/tcp_seq.h"

// More than the receiver's largest unscaled window after what the old connection sent last.
#define TCP_ISN_STEP 65537u

uint32_t tcp_isn(const struct siphash_key *secret, const struct tcp_key *key, struct mono now);

// For a connection that follows one in TIME_WAIT under the same name: `isn`, or when that is not
// above `floor`, which the old one reached, one that is (RFC 9293 §3.4.3).
static inline uint32_t tcp_isn_above(uint32_t isn, uint32_t floor)
{
	return seq_gt(isn, floor) ? isn : floor + TCP_ISN_STEP;
}

// Added to the clock of milliseconds, it gives the connection's timestamps.
uint32_t tcp_ts_offset(const struct siphash_key *secret, const struct tcp_key *key);

// The nth number of those that depend on all of `key` but its local port.
uint32_t tcp_port_random(const struct siphash_key *secret, const struct tcp_key *key, uint32_t n);

static inline uint32_t tcp_ts_clock(struct mono now)
{
	return (uint32_t)(now.ns / NS_PER_MS);
}

// Whether an echo answers what went out at `sent`, or something later. An older one tells nothing
// of a round trip: a peer may answer the second copy with the timestamp of the first.
static inline bool tcp_ts_answers(struct mono sent, uint32_t offset, uint32_t tsecr)
{
	return seq_geq(tsecr, tcp_ts_clock(sent) + offset);
}
