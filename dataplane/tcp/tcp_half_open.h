// Half-open connections: a SYN was answered, the ACK is awaited. Small entries under a hard cap;
// beyond it SYN cookies, or nothing.
//
// SYN-ACKs go to addresses that may be forged, so they are few and sent again rarely.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/tcp/tcp_conn.h"
#include "dataplane/tcp/tcp_seg.h"

struct tcp_half_open {
	struct tcp_key key;
	struct tcp_peer peer;
	struct mono sent_at;
	struct tcp_timer timer;
	uint8_t retries;
};

// A SYN for a listener. `isn_floor` NULL, or what the ISN must exceed.
void tcp_half_open_syn(struct tcp *tcp, const struct tcp_listener *listener,
	const struct tcp_seg *seg, const uint32_t *isn_floor);

// A segment for an entry. Returns the connection when it completed the handshake.
struct tcp_conn *tcp_half_open_input(
	struct tcp *tcp, struct tcp_half_open *half, const struct tcp_seg *seg);

// An ACK for no connection that may carry a cookie of ours. Likewise. *ours tells whether it did.
struct tcp_conn *tcp_half_open_cookie(
	struct tcp *tcp, struct tcp_listener *listener, const struct tcp_seg *seg, bool *ours);

void tcp_half_open_expire(struct tcp *tcp, struct tcp_half_open *half);
