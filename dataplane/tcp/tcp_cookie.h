// SYN cookies: the state of a half-open connection in the sequence number of the SYN-ACK, for when
// there is no room to remember it (RFC 4987 §3.6, Bernstein). What does not fit there rides in the
// timestamp when the peer uses them: window scale and SACK-permitted.
//
// A cookie is good for 64 to 128 seconds.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/mono.h"
#include "common/base/siphash.h"
#include "dataplane/tcp/tcp_key.h"
#include "dataplane/tcp/tcp_opt.h"

#define TCP_COOKIE_LIFE_NS (128 * NS_PER_SEC)

// `irs` is the peer's initial sequence number, `mss` what it offered.
uint32_t tcp_cookie_make(const struct siphash_key *secret, const struct tcp_key *key, uint32_t irs,
	uint16_t mss, struct mono now);

// False when we never made it, or too long ago. `mss`: at most what the peer offered.
bool tcp_cookie_check(const struct siphash_key *secret, const struct tcp_key *key, uint32_t irs,
	uint32_t cookie, struct mono now, uint16_t *mss);

// A timestamp not above `tsval` that carries the peer's options, and back from its echo.
uint32_t tcp_cookie_ts(uint32_t tsval, const struct tcp_opts *opts);
void tcp_cookie_ts_read(uint32_t tsecr, struct tcp_opts *opts);
