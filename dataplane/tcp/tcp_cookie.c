#include "dataplane/tcp/tcp_cookie.h"

#include <string.h>

#include "common/base/compiler.h"
#include "dataplane/tcp/tcp_opt.h"

#define PERIOD_NS (TCP_COOKIE_LIFE_NS / 2)

// Layout: 1 bit of time, 3 bits of MSS, 28 bits of hash. One bit of time is enough: it tells this
// period from the one before, and the hash tells these two from all others.
#define TIME_SHIFT 31
#define MSS_SHIFT 28
#define MSS_MASK 7u
#define HASH_MASK 0xfffffffu

// Timestamp: 4 bits of window scale (15: none), SACK-permitted, ECN.
#define TS_BITS 6
#define TS_MASK ((1u << TS_BITS) - 1)
#define TS_WSCALE_MASK 15u
#define TS_SACK 16u
#define TS_ECN 32u

// What paths commonly have: defaults of IPv4 and IPv6, tunnels, IPv6 and IPv4 on Ethernet, jumbo.
static const uint16_t mss_steps[MSS_MASK + 1] = {64, 536, 1220, 1360, 1440, 1460, 4036, 8940};

static uint32_t hash(const struct siphash_key *secret, const struct tcp_key *key, uint32_t irs,
	uint32_t top, uint64_t period)
{
	struct siphash_key own = {{secret->k[0], ~secret->k[1]}};
	struct {
		uint64_t period;
		struct tcp_key key;
		uint32_t irs;
		uint32_t top;
	} in;

	memset(&in, 0, sizeof(in));
	memcpy(&in.key, key, TCP_KEY_LEN);
	in.period = period;
	in.irs = irs;
	in.top = top;
	return (uint32_t)siphash(&own, &in, sizeof(in)) & HASH_MASK;
}

static uint64_t period_of(struct mono now)
{
	return now.ns / PERIOD_NS;
}

uint32_t tcp_cookie_make(const struct siphash_key *secret, const struct tcp_key *key, uint32_t irs,
	uint16_t mss, struct mono now)
{
	uint64_t period = period_of(now);
	uint32_t step = MSS_MASK;
	uint32_t top;

	while (step > 0 && mss_steps[step] > mss)
		step--;
	top = (uint32_t)(period & 1) << TIME_SHIFT | step << MSS_SHIFT;
	return top | hash(secret, key, irs, top, period);
}

bool tcp_cookie_check(const struct siphash_key *secret, const struct tcp_key *key, uint32_t irs,
	uint32_t cookie, struct mono now, uint16_t *mss)
{
	uint64_t age = (period_of(now) ^ cookie >> TIME_SHIFT) & 1;
	uint32_t top = cookie & ~HASH_MASK;

	if ((cookie & HASH_MASK) != hash(secret, key, irs, top, period_of(now) - age))
		return false;
	*mss = mss_steps[cookie >> MSS_SHIFT & MSS_MASK];
	return true;
}

uint32_t tcp_cookie_ts(uint32_t tsval, const struct tcp_cookie_opts *opts)
{
	uint32_t bits = opts->wscale == TCP_WSCALE_NONE ? TS_WSCALE_MASK : opts->wscale;
	uint32_t out;

	if (opts->sack)
		bits |= TS_SACK;
	if (opts->ecn)
		bits |= TS_ECN;
	out = (tsval & ~TS_MASK) | bits;
	return bits > (tsval & TS_MASK) ? out - (TS_MASK + 1) : out;
}

struct tcp_cookie_opts tcp_cookie_ts_read(uint32_t tsecr)
{
	uint32_t wscale = tsecr & TS_WSCALE_MASK;

	return (struct tcp_cookie_opts){
		.wscale = wscale == TS_WSCALE_MASK ? TCP_WSCALE_NONE : (uint8_t)wscale,
		.sack = (tsecr & TS_SACK) != 0,
		.ecn = (tsecr & TS_ECN) != 0,
	};
}

bool tcp_cookie_ts_plausible(uint32_t tsecr, uint32_t tsval)
{
	return tsval - tsecr <= TCP_COOKIE_LIFE_NS / NS_PER_MS + TS_MASK;
}
