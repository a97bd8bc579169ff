// What every algorithm does with its window: where it begins, its limits, how slow start fills it,
// and what becomes of one that was not used. Private to dataplane/tcp/cc_*.c. Bytes, milliseconds.
//
// Sources: RFC 5681 §3.1, §4.1; RFC 6928 (initial window); RFC 7661 (unused window).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/mono.h"
#include "dataplane/tcp/cc.h"

#define CC_CWND_MAX (UINT32_C(1) << 30) // the largest window of RFC 7323
#define CC_SSTHRESH_NONE UINT32_MAX
#define CC_IW_SEGMENTS 10
#define CC_IW_BYTES 14600
#define CC_UNUSED_MS (5 * 60 * 1000) // RFC 7661 §4.4: the non-validated period

// How much of cwnd the user makes use of.
struct cc_use {
	uint32_t seen_ms;   // of the last ACK, the clock's low bits; 0: none
	uint32_t unused_ms; // since cwnd was last what held us
	uint32_t used;      // the most in flight meanwhile
};

static inline uint32_t cc_min(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static inline uint32_t cc_max(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static inline uint32_t cc_add(uint32_t a, uint32_t b)
{
	return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

static inline uint32_t cc_ms(struct mono now)
{
	return (uint32_t)(now.ns / NS_PER_MS);
}

static inline uint32_t cc_initial_window(uint32_t mss)
{
	return cc_min(CC_IW_SEGMENTS * mss, cc_max(2 * mss, CC_IW_BYTES));
}

static inline void cc_window_init(struct tcp_cc *cc, uint32_t mss, bool syn_lost)
{
	mss = cc_max(1, cc_min(mss, UINT16_MAX));
	*cc = (struct tcp_cc){
		.cwnd = syn_lost ? mss : cc_initial_window(mss),
		.ssthresh = CC_SSTHRESH_NONE,
		.mss = mss,
	};
}

static inline bool cc_in_slow_start(const struct tcp_cc *cc)
{
	return cc->cwnd < cc->ssthresh;
}

static inline void cc_grow(struct tcp_cc *cc, uint32_t bytes)
{
	cc->cwnd = cc_min(cc_add(cc->cwnd, bytes), CC_CWND_MAX);
}

// RFC 3465 with no limit for one ACK: a peer like ourselves acknowledges whole bursts, and slow
// start would crawl. What is beyond ssthresh is congestion avoidance's, and returned.
static inline uint32_t cc_slow_start(struct tcp_cc *cc, uint32_t acked)
{
	uint32_t bytes = cc_min(acked, cc->ssthresh - cc->cwnd);

	cc_grow(cc, bytes);
	return acked - bytes;
}

// ssthresh after a loss: `tenths` of what was in flight. Never more than of cwnd, which a loss must
// not raise.
static inline uint32_t cc_reduced(const struct tcp_cc *cc, uint32_t in_flight, uint32_t tenths)
{
	uint64_t part = (uint64_t)cc_min(in_flight, cc->cwnd) * tenths / 10;

	return cc_max((uint32_t)part, 2 * cc->mss);
}

// Begins again at `cwnd` from a window that is no longer known to be right; what it was tells how
// far slow start may go. False when it is not larger.
static inline bool cc_restart(struct tcp_cc *cc, uint32_t cwnd)
{
	if (cc->cwnd <= cwnd)
		return false;
	cc->ssthresh = cc_max(cc->ssthresh, cc->cwnd - cc->cwnd / 4);
	cc->cwnd = cwnd;
	return true;
}

static inline bool cc_restart_idle(struct tcp_cc *cc, struct cc_use *use, struct mono now)
{
	*use = (struct cc_use){.seen_ms = cc_ms(now)};
	return cc_restart(cc, cc_initial_window(cc->mss));
}

// Milliseconds since the ACK before this one.
static inline uint32_t cc_use_gap(struct cc_use *use, struct mono now)
{
	uint32_t ms = cc_ms(now);
	uint32_t gap = use->seen_ms == 0 ? 0 : ms - use->seen_ms;

	use->seen_ms = ms;
	return gap > INT32_MAX ? 0 : gap; // a clock that went back
}

// An ACK, `gap` after the last one. True when cwnd was lowered since nobody had used it for long.
static inline bool cc_use_ack(
	struct tcp_cc *cc, struct cc_use *use, const struct cc_ack *ack, uint32_t gap)
{
	uint32_t used = cc_max(use->used, cc_add(ack->in_flight, ack->acked));

	if (ack->cwnd_limited) {
		use->unused_ms = 0;
		use->used = 0;
		return false;
	}
	use->used = used;
	use->unused_ms = cc_add(use->unused_ms, gap);
	if (use->unused_ms < CC_UNUSED_MS)
		return false;
	use->unused_ms = 0;
	use->used = 0;
	return used < cc->cwnd / 2 &&
		cc_restart(cc, cc_max(cc->cwnd / 2, cc_initial_window(cc->mss)));
}
