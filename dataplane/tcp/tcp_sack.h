// Selective acknowledgements, both ways (RFC 2018, 2883).
#pragma once

#include "dataplane/tcp/tcp_loss.h"
#include "dataplane/tcp/tcp_seg.h"
#include "dataplane/tcp/tcp_types.h"

// Notes what the blocks of an ACK say. Blocks that can't be true are ignored. `seg->ack` is
// already taken out of the scoreboard.
void tcp_sack_take(struct tcp_conn *conn, const struct tcp_seg *seg, struct tcp_news *news);

// Puts blocks into the options of what is to be sent: a duplicate first, then what arrived last.
void tcp_sack_write(const struct tcp_conn *conn, struct tcp_opts *opts);

// Bytes that they take now.
unsigned tcp_sack_len(const struct tcp_conn *conn);

// Bytes [seq, end) arrived that were there already: the next ACK says so.
void tcp_sack_duplicate(struct tcp_conn *conn, uint32_t seq, uint32_t end);
