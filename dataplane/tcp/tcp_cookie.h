// SYN cookies: the state of a half-open connection in the sequence number of the SYN-ACK, for when
// there is no room to remember it (RFC 4987 §3.6, Bernstein). What does not fit there rides in the
// timestamp when the peer uses them: window scale, SACK-permitted and ECN. Without timestamps there
// is no place for these three, and the connection does without.
//
// A cookie is good for 64 to 128 seconds. Each span of 64 seconds has hashes of its own: its number
// is hashed along under the secret, which is as good as a secret that changes.
//
// 28 bits can be guessed: whoever calls tcp_cookie_check limits how often it may fail, except for
// segments whose timestamp passes tcp_cookie_ts_plausible, which takes 15 bits more.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/mono.h"
#include "common/base/siphash.h"
#include "dataplane/tcp/tcp_key.h"

#define TCP_COOKIE_LIFE_NS (128 * NS_PER_SEC)

// `irs` is the peer's initial sequence number, `mss` what it offered.
uint32_t tcp_cookie_make(const struct siphash_key *secret, const struct tcp_key *key, uint32_t irs,
	uint16_t mss, struct mono now);

// False when we never made it, or too long ago. `mss`: at most what the peer offered.
bool tcp_cookie_check(const struct siphash_key *secret, const struct tcp_key *key, uint32_t irs,
	uint32_t cookie, struct mono now, uint16_t *mss);

// What the timestamp carries.
struct tcp_cookie_opts {
	uint8_t wscale; // TCP_WSCALE_NONE: none
	bool sack;
	bool ecn;
};

// A timestamp that is not above `tsval`, by less than 64 ms, and carries the options; and back from
// its echo.
uint32_t tcp_cookie_ts(uint32_t tsval, const struct tcp_cookie_opts *opts);
struct tcp_cookie_opts tcp_cookie_ts_read(uint32_t tsecr);

// Whether it can be the echo of such a timestamp, `tsval` being what we would send now.
bool tcp_cookie_ts_plausible(uint32_t tsecr, uint32_t tsval);
