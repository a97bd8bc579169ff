#include "dataplane/tcp/tcp_cookie.h"

#include <string.h>

#include "common/base/compiler.h"

#define PERIOD_NS (TCP_COOKIE_LIFE_NS / 2)

// Layout: 5 bits of time, 3 bits of MSS, 24 bits of hash.
#define TIME_SHIFT 27
#define TIME_MASK 31u
#define MSS_SHIFT 24
#define MSS_MASK 7u
#define HASH_MASK 0xffffffu

// Timestamp: 4 bits of window scale (15: none), 1 bit of SACK-permitted, 1 spare.
#define TS_BITS 6
#define TS_MASK ((1u << TS_BITS) - 1)
#define TS_WSCALE_MASK 15u
#define TS_SACK 16u

// What paths commonly have: defaults of IPv4 and IPv6, tunnels, IPv6 and IPv4 on Ethernet, jumbo.
static const uint16_t mss_steps[MSS_MASK + 1] = {64, 536, 1220, 1360, 1440, 1460, 4036, 8940};

static uint32_t hash(
	const struct siphash_key *secret, const struct tcp_key *key, uint32_t irs, uint32_t top)
{
	struct siphash_key own = {{secret->k[0], ~secret->k[1]}};
	struct {
		struct tcp_key key;
		uint32_t irs;
		uint32_t top;
	} in;

	memset(&in, 0, sizeof(in));
	memcpy(&in.key, key, TCP_KEY_LEN);
	in.irs = irs;
	in.top = top;
	return (uint32_t)siphash(&own, &in, sizeof(in)) & HASH_MASK;
}

static uint32_t period(struct mono now)
{
	return (uint32_t)(now.ns / PERIOD_NS);
}

uint32_t tcp_cookie_make(const struct siphash_key *secret, const struct tcp_key *key, uint32_t irs,
	uint16_t mss, struct mono now)
{
	uint32_t step = MSS_MASK;
	uint32_t top;

	while (step > 0 && mss_steps[step] > mss)
		step--;
	top = (period(now) & TIME_MASK) << TIME_SHIFT | step << MSS_SHIFT;
	// The whole period, not its low bits only, is hashed: a cookie does not come back to life.
	return top | hash(secret, key, irs, top ^ period(now));
}

bool tcp_cookie_check(const struct siphash_key *secret, const struct tcp_key *key, uint32_t irs,
	uint32_t cookie, struct mono now, uint16_t *mss)
{
	uint32_t top = cookie & ~HASH_MASK;
	uint32_t age = (period(now) - (cookie >> TIME_SHIFT)) & TIME_MASK;

	if (age > 1)
		return false;
	if ((cookie & HASH_MASK) != hash(secret, key, irs, top ^ (period(now) - age)))
		return false;
	*mss = mss_steps[cookie >> MSS_SHIFT & MSS_MASK];
	return true;
}

uint32_t tcp_cookie_ts(uint32_t tsval, const struct tcp_opts *opts)
{
	uint32_t bits = opts->wscale == TCP_WSCALE_NONE ? TS_WSCALE_MASK : opts->wscale;
	uint32_t out;

	if (opts->sack_ok)
		bits |= TS_SACK;
	out = (tsval & ~TS_MASK) | bits;
	return bits > (tsval & TS_MASK) ? out - (TS_MASK + 1) : out;
}

void tcp_cookie_ts_read(uint32_t tsecr, struct tcp_opts *opts)
{
	uint32_t wscale = tsecr & TS_WSCALE_MASK;

	opts->wscale = wscale == TS_WSCALE_MASK ? TCP_WSCALE_NONE : (uint8_t)wscale;
	opts->sack_ok = (tsecr & TS_SACK) != 0;
}
