// Proportional rate reduction: how much may be sent on each ACK of a recovery, so that what is in
// flight shrinks to ssthresh evenly over a round trip (RFC 6937), with the heuristic of its
// successor: it grows again only while ACKs show no further loss (RFC 9937 §6.1). Bytes.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct tcp_prr {
	uint32_t flight;    // RecoverFS: in flight when the recovery began
	uint32_t delivered; // during it
	uint32_t out;       // sent during it
};

static inline void tcp_prr_begin(struct tcp_prr *prr, uint32_t flight)
{
	*prr = (struct tcp_prr){.flight = flight > 0 ? flight : 1};
}

// `newly` bytes were delivered by this ACK; `safe`: it acknowledged new data and showed no further
// loss. Returns how many bytes may be sent now.
static inline uint32_t tcp_prr_ack(struct tcp_prr *prr, uint32_t newly, bool safe,
	uint32_t in_flight, uint32_t ssthresh, uint32_t mss)
{
	uint64_t may;

	prr->delivered += newly;
	if (in_flight > ssthresh) {
		may = ((uint64_t)prr->delivered * ssthresh + prr->flight - 1) / prr->flight;
		may = may > prr->out ? may - prr->out : 0;
	} else {
		may = prr->delivered > prr->out ? prr->delivered - prr->out : 0;
		may = may > newly ? may : newly;
		if (safe)
			may += mss;
		if (may > ssthresh - in_flight)
			may = ssthresh - in_flight;
	}
	// The fast retransmission goes out in any case.
	if (prr->out == 0 && may < mss)
		may = mss;
	return (uint32_t)may;
}
