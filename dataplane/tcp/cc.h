// Congestion control: how much may be in flight. Loss recovery finds out what was lost and says so
// once per event; the algorithm behind this table decides what that means for cwnd and ssthresh.
// While a recovery lasts, cwnd is proportional rate reduction's (tcp_prr.h), which leads it to the
// ssthresh that on_congestion set. Bytes throughout, times of round trips in microseconds.
//
// Source: RFC 5681.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/mono.h"

#define CC_PRIV_WORDS 16

struct tcp_cc {
	uint32_t cwnd;
	uint32_t ssthresh; // UINT32_MAX: none yet
	uint32_t mss;
	uint32_t priv[CC_PRIV_WORDS]; // the algorithm's own
};

// An ACK outside of a recovery that brought something new.
struct cc_ack {
	uint32_t acked;     // bytes newly acknowledged
	uint32_t in_flight; // bytes, after this ACK
	uint32_t snd_una;   // after this ACK
	uint32_t snd_nxt;
	uint32_t rtt;      // this ACK's sample, 0: none
	uint32_t srtt;     // 0: none yet
	bool cwnd_limited; // cwnd, not the user or the peer's window, kept us from sending more
	struct mono now;
};

struct cc_ops {
	const char *name;

	// The connection is established. `syn_lost`: RFC 5681 §3.1 then allows one segment.
	void (*init)(struct tcp_cc *cc, uint32_t mss, bool syn_lost);

	void (*on_ack)(struct tcp_cc *cc, const struct cc_ack *ack);

	// A loss was found by other means than the timer, or a mark of congestion came (RFC 3168);
	// once per window. `in_flight` is RFC 5681's FlightSize before it: with what SACK or we
	// ourselves took for gone since. Sets ssthresh, and cwnd to it.
	void (*on_congestion)(struct tcp_cc *cc, uint32_t in_flight, struct mono now);

	// The recovery that on_congestion began is over; cwnd is ssthresh, unless on_undo came.
	void (*on_recovered)(struct tcp_cc *cc, struct mono now);

	// The retransmission timer expired; `first` time for this data. Without that only cwnd
	// changes.
	void (*on_rto)(struct tcp_cc *cc, uint32_t in_flight, bool first, struct mono now);

	// What the last on_congestion or on_rto was about was no loss: cwnd and ssthresh become
	// what they were before it, at least. A second time in a row does nothing.
	void (*on_undo)(struct tcp_cc *cc, struct mono now);

	// Nothing was sent for longer than `idle` ns, more than a time-out.
	void (*on_idle)(struct tcp_cc *cc, uint64_t idle, struct mono now);
};

extern const struct cc_ops cc_cubic;   // RFC 9438
extern const struct cc_ops cc_newreno; // RFC 6582

// By its name; NULL: there is none.
const struct cc_ops *cc_find(const char *name);
