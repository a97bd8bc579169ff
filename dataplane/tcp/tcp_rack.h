// RACK: a segment is lost when one that was sent sufficiently later has arrived; and tail loss
// probes, which make such a later segment when the last ones of a flight are lost (RFC 8985). Only
// with selective acknowledgements.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/mono.h"

struct tcp_conn;
struct tcp_news;

struct tcp_rack {
	struct mono xmit;   // of the most recently sent segment of those that arrived; 0: none
	struct mono reo_at; // when what is only late so far counts as lost; 0: nothing is
	uint32_t end;       // its end
	uint32_t rtt;       // its round trip, us
	uint32_t fack;      // end of the highest that arrived
	uint32_t dsack_round;
	uint32_t tlp_end;
	bool dsack_round_on : 1;
	bool tlp_on : 1;    // a probe is out; tlp_end is what snd_nxt was
	bool tlp_again : 1; // it was a retransmission
};

// Takes in what an ACK delivered (§6.2, steps 1 to 4). To be called before tcp_rack_detect.
void tcp_rack_ack(struct tcp_conn *conn, const struct tcp_news *news);

// Marks what is lost by now (step 5), and sets reo_at when something may be later. True when
// something was marked.
bool tcp_rack_detect(struct tcp_conn *conn);

// The retransmission timer expired: marks the first segment and all that is overdue (§6.3).
void tcp_rack_timeout(struct tcp_conn *conn);

// A recovery is over.
void tcp_rack_recovered(struct tcp_conn *conn);

// Whether a probe is to be sent if nothing arrives, and after how many ns (§7.2).
bool tcp_rack_wants_probe(const struct tcp_conn *conn);
uint64_t tcp_rack_probe_timeout(const struct tcp_conn *conn);

// A probe went out; `again`: nothing new was there to send (§7.3).
void tcp_rack_probed(struct tcp_conn *conn, bool again);

// True when this ACK shows that the probe repaired a loss, which congestion control must hear of
// (§7.4).
bool tcp_rack_probe_ack(struct tcp_conn *conn, const struct tcp_news *news);
