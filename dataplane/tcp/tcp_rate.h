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

static inline bool tcp_rate_take(struct tcp_rate *rate, struct rng *rng, struct mono now)
{
	if (rate->since.ns == 0 || mono_since(now, rate->since) >= NS_PER_SEC) {
		rate->since = now;
		rate->left = rate->per_second / 2 + rng_below(rng, rate->per_second);
	}
	if (rate->left == 0)
		return false;
	rate->left--;
	return true;
}
