// Whatever may be called, in any order and with any argument: what must hold for cwnd and ssthresh
// of every algorithm in any case.
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/rng.h"
#include "dataplane/tcp/cc.h"

#define CC_RANDOM_LIMIT (1u << 30)

static uint32_t cc_random_u32(struct rng *rng, const struct tcp_cc *cc)
{
	uint32_t some[] = {0, 1, cc->mss, cc->cwnd / 2, cc->cwnd, UINT32_MAX,
		rng_below(rng, CC_RANDOM_LIMIT), rng_below(rng, 1000000)};

	return some[rng_below(rng, sizeof(some) / sizeof(some[0]))];
}

static void cc_random_ack(const struct cc_ops *ops, struct rng *rng, struct tcp_cc *cc,
	bool cwnd_limited, struct mono now)
{
	uint32_t una = (uint32_t)rng_u64(rng);

	ops->on_ack(cc,
		&(struct cc_ack){.acked = cc_random_u32(rng, cc),
			.in_flight = cc_random_u32(rng, cc),
			.snd_una = una,
			.snd_nxt = una + cc_random_u32(rng, cc),
			.rtt = cc_random_u32(rng, cc),
			.srtt = cc_random_u32(rng, cc),
			.cwnd_limited = cwnd_limited,
			.now = now});
}

// One call; true when cwnd may be less after it.
static bool cc_random_call(
	const struct cc_ops *ops, struct rng *rng, struct tcp_cc *cc, struct mono now)
{
	switch (rng_below(rng, 25)) {
	case 0:
		ops->on_congestion(cc, cc_random_u32(rng, cc), now);
		return true;
	case 1:
		ops->on_recovered(cc, now);
		return true;
	case 2:
		ops->on_rto(cc, cc_random_u32(rng, cc), rng_below(rng, 2) == 0, now);
		return true;
	case 3:
		ops->on_idle(cc, rng_u64(rng), now);
		return true;
	case 4:
		ops->on_undo(cc, now);
		return false;
	case 5:
		cc_random_ack(ops, rng, cc, false, now);
		return true;
	default:
		cc_random_ack(ops, rng, cc, true, now);
		return false;
	}
}

static void cc_random(const struct cc_ops *ops, unsigned seeds)
{
	for (unsigned seed = 0; seed < seeds; seed++) {
		struct rng rng;
		struct tcp_cc cc;
		struct mono now = {.ns = 1};

		rng_seed(&rng, seed);
		ops->init(&cc, 64 + rng_below(&rng, 8937), rng_below(&rng, 2) == 0);
		for (int i = 0; i < 1000; i++) {
			uint32_t before = cc.cwnd;
			bool may_fall;

			now = rng_below(&rng, 50) == 0
				? (struct mono){.ns = rng_u64(&rng)}
				: mono_add(now, rng_below(&rng, CC_RANDOM_LIMIT));
			may_fall = cc_random_call(ops, &rng, &cc, now);
			if (cc.cwnd < cc.mss || cc.cwnd > CC_RANDOM_LIMIT ||
				cc.ssthresh < 2 * cc.mss || (!may_fall && cc.cwnd < before))
				fail_msg("%s, seed %u, step %d: cwnd %u to %u, ssthresh %u",
					ops->name, seed, i, before, cc.cwnd, cc.ssthresh);
		}
	}
}
