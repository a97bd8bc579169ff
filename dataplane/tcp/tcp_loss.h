// Finding out what was lost: duplicate ACKs and partial ACKs (NewReno, RFC 6582), the time-out.
// Marks records LOST and tells congestion control; output does the sending.
//
// (SACK, RACK and PRR take the place of the counting here and leave the records as they are.)
#pragma once

#include "dataplane/tcp/tcp_types.h"

void tcp_loss_dup_ack(struct tcp_conn *conn, struct mono now);

// `ack` is new and is already taken out of the records: `segs` of them, `bytes` bytes.
void tcp_loss_new_ack(struct tcp_conn *conn, uint32_t segs, uint32_t bytes, struct mono now);

void tcp_loss_timeout(struct tcp_conn *conn);

// Bytes in the network: each duplicate ACK says that one segment has left it.
uint32_t tcp_loss_in_flight(const struct tcp_conn *conn);
