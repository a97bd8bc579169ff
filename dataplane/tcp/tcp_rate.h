// Limit on answers that strangers can provoke: so many a second, the number of each second drawn
// anew, since an exact limit shared by all connections can be measured from outside
// (CVE-2016-5696).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/mono.h"
#include "common/base/rng.h"

struct tcp_rate {
	struct mono since;
	uint32_t per_second;
	uint32_t left;
};

// Whether there is one left in this second.
static inline bool tcp_rate_left(struct tcp_rate *rate, struct rng *rng, struct mono now)
{
	if (rate->since.ns == 0 || mono_since(now, rate->since) >= NS_PER_SEC) {
		rate->since = now;
		rate->left = rate->per_second / 2 + rng_below(rng, rate->per_second);
	}
	return rate->left > 0;
}

static inline bool tcp_rate_take(struct tcp_rate *rate, struct rng *rng, struct mono now)
{
	if (!tcp_rate_left(rate, rng, now))
		return false;
	rate->left--;
	return true;
}

// Limit on what is sent unasked to addresses that may be forged: it has to be earned by peers who
// showed that their address is theirs, but for a few at the start and a trickle.
struct tcp_credit {
	struct mono since;
	uint32_t left;
};

#define TCP_CREDIT_MAX 256u
#define TCP_CREDIT_TRICKLE_NS (100 * NS_PER_MS)

static inline void tcp_credit_earn(struct tcp_credit *credit)
{
	if (credit->left < TCP_CREDIT_MAX)
		credit->left++;
}

static inline bool tcp_credit_take(struct tcp_credit *credit, struct mono now)
{
	uint64_t trickled = mono_since(now, credit->since) / TCP_CREDIT_TRICKLE_NS;

	if (trickled > 0) {
		uint64_t left = credit->left + trickled;

		credit->left = left < TCP_CREDIT_MAX ? (uint32_t)left : TCP_CREDIT_MAX;
		credit->since = now;
	}
	if (credit->left == 0)
		return false;
	credit->left--;
	return true;
}
