// A segment arrives at a connection. `seg` is taken as far as its payload is kept; the rest is the
// caller's to free. The connection may be gone afterwards.
#pragma once

#include "dataplane/tcp/tcp_seg.h"
#include "dataplane/tcp/tcp_types.h"

// All states but SYN_SENT and CLOSED: RFC 9293 §3.10.7.4.
void tcp_arrival(struct tcp_conn *conn, struct tcp_seg *seg);

// SYN_SENT: §3.10.7.3.
void tcp_arrival_syn_sent(struct tcp_conn *conn, struct tcp_seg *seg);

// The seventh and eighth step, text and FIN. The segment lies in the window.
void tcp_arrival_text(struct tcp_conn *conn, struct tcp_seg *seg);

// The fifth step. False when the connection is gone or the segment is to be dropped.
bool tcp_arrival_ack(struct tcp_conn *conn, const struct tcp_seg *seg);

// An ACK that tells a peer what we expect, if it is one; not too many of them (RFC 5961 §7).
void tcp_arrival_challenge(struct tcp_conn *conn);
