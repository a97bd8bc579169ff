// What an ACK, or the silence, means: what was lost, whether that was a mistake, and what
// congestion control must hear. Marks records LOST; output does the sending.
//
// With selective acknowledgements RACK finds losses (tcp_rack.h), without them duplicate and
// partial ACKs do (NewReno, RFC 6582). A recovery that was needless is undone, when its duplicates
// are reported (RFC 3708), a timestamp shows that the original was answered (Eifel, RFC 3522,
// 4015), or what was never sent again is acknowledged after a time-out (F-RTO, RFC 5682).
#pragma once

#include "dataplane/tcp/tcp_seg.h"
#include "dataplane/tcp/tcp_types.h"

// What one acknowledgement brought.
struct tcp_news {
	struct tcp_delivery d;
	uint32_t ack;
	uint32_t una;       // snd_una before it
	uint32_t in_flight; // bytes before it
	uint32_t dsack_bytes;
	uint32_t dsack_end;
	bool advanced;  // ack > una
	bool duplicate; // RFC 5681 §2
	bool dsack;
	bool sacks; // it has blocks above its acknowledgement
	bool ece;   // it echoes a mark of congestion
};

// The handshake is done.
void tcp_loss_init(struct tcp_conn *conn);

// An acknowledgement, already taken into scoreboard and snd_una.
void tcp_loss_ack(struct tcp_conn *conn, const struct tcp_news *news);

// The retransmission timer expired; likewise RACK's.
void tcp_loss_timeout(struct tcp_conn *conn);
void tcp_loss_reorder_timeout(struct tcp_conn *conn);

// The peer reports a mark of congestion (RFC 3168 §6.1.2). `flight`: bytes outstanding before the
// ACK that does.
void tcp_loss_ecn(struct tcp_conn *conn, uint32_t flight);

// A segment of `len` bytes goes out; `again`: not for the first time.
void tcp_loss_sent(struct tcp_conn *conn, uint32_t seq, uint32_t len, bool again);

// What was sent last never arrived, for a reason that is known: all of it again.
void tcp_loss_all(struct tcp_conn *conn);

// Bytes in the network.
uint32_t tcp_loss_in_flight(const struct tcp_conn *conn);
