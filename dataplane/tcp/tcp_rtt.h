// Round-trip time and retransmission time-out of one connection (RFC 6298). Times in microseconds.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/mono.h"

#define TCP_RTO_FIRST_US 1000000u    // before there is a sample: §2.1
#define TCP_RTO_SYN_LOST_US 3000000u // when the handshake needed a retransmission: §5.7
// A peer may wait 40 ms with an ACK, and a steady path leaves no other room for it. (Short ones
// have the least time-out instead.)
#define TCP_RTT_SPREAD_MIN_US 50000u

#define TCP_RTT_MIN_WINDOW_S 60u // a path may change

struct tcp_rtt {
	uint32_t srtt; // 0: no sample yet
	uint32_t rttvar;
	uint32_t rto; // without bounds and back-off
	uint32_t min; // least of this window and the one before; 0: none
	uint32_t min_now;
	uint32_t min_since; // seconds
};

static inline void tcp_rtt_init(struct tcp_rtt *rtt)
{
	*rtt = (struct tcp_rtt){.rto = TCP_RTO_FIRST_US};
}

static inline void tcp_rtt_sample(struct tcp_rtt *rtt, uint64_t sample_ns)
{
	uint64_t us = sample_ns / NS_PER_US;
	uint32_t r = us > 60 * 1000000u ? 60 * 1000000u : (uint32_t)us;
	uint32_t off;

	if (r == 0)
		r = 1;
	if (rtt->srtt == 0) {
		rtt->srtt = r;
		rtt->rttvar = r / 2;
	} else {
		off = rtt->srtt > r ? rtt->srtt - r : r - rtt->srtt;
		rtt->rttvar = rtt->rttvar - rtt->rttvar / 4 + off / 4;
		rtt->srtt = rtt->srtt - rtt->srtt / 8 + r / 8;
		if (rtt->srtt == 0)
			rtt->srtt = 1;
	}
	off = 4 * rtt->rttvar;
	rtt->rto = rtt->srtt + (off > TCP_RTT_SPREAD_MIN_US ? off : TCP_RTT_SPREAD_MIN_US);
}

// Every sample, also of ACKs that are not taken for the time-out.
static inline void tcp_rtt_sample_min(struct tcp_rtt *rtt, uint64_t sample_ns, struct mono now)
{
	uint64_t us = sample_ns / NS_PER_US;
	uint32_t r = us > UINT32_MAX ? UINT32_MAX : us == 0 ? 1 : (uint32_t)us;
	uint32_t seconds = (uint32_t)(now.ns / NS_PER_SEC);

	if (rtt->min_now == 0 || seconds - rtt->min_since >= TCP_RTT_MIN_WINDOW_S) {
		rtt->min = rtt->min_now == 0 ? r : rtt->min_now;
		rtt->min_now = r;
		rtt->min_since = seconds;
	}
	if (r < rtt->min_now)
		rtt->min_now = r;
	if (r < rtt->min)
		rtt->min = r;
}

// Microseconds; 0: not known.
static inline uint32_t tcp_rtt_min(const struct tcp_rtt *rtt)
{
	return rtt->min;
}

// Nanoseconds until the next time-out after `backoff` of them.
static inline uint64_t tcp_rtt_timeout(
	const struct tcp_rtt *rtt, unsigned backoff, uint64_t min, uint64_t max)
{
	uint64_t ns = (uint64_t)rtt->rto * NS_PER_US;

	if (ns < min)
		ns = min;
	ns <<= backoff > 16 ? 16 : backoff;
	return ns > max ? max : ns;
}
