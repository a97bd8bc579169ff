// Congestion control: how much may be in flight. Loss recovery (tcp_loss.c) finds out what was
// lost and says so once per event; the algorithm behind this table decides what that means for
// cwnd. Bytes throughout.
//
// Source: RFC 5681.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/mono.h"

struct tcp_cc {
	uint32_t cwnd;
	uint32_t ssthresh;
	uint32_t mss;
	uint32_t priv[5];
};

struct cc_ops {
	const char *name;

	// The connection is established. `syn_lost`: RFC 5681 §3.1 then allows one segment.
	void (*init)(struct tcp_cc *cc, uint32_t mss, bool syn_lost);

	// `acked` new bytes were acknowledged outside of recovery, while cwnd was what limited us.
	void (*on_ack)(struct tcp_cc *cc, uint32_t acked, struct mono now);

	// A loss was found by other means than the timer; once per recovery.
	void (*on_loss)(struct tcp_cc *cc, uint32_t in_flight, struct mono now);

	// Recovery ended, everything sent before it is acknowledged.
	void (*on_recovered)(struct tcp_cc *cc, uint32_t in_flight);

	// The timer expired; `first` time for this data.
	void (*on_rto)(struct tcp_cc *cc, uint32_t in_flight, bool first);

	// Nothing was sent for longer than a time-out.
	void (*on_idle)(struct tcp_cc *cc);
};

extern const struct cc_ops cc_newreno;
