// TIME_WAIT: what is left of a connection whose end the peer may not have seen yet. Small
// entries, the oldest is recycled when there are too many.
//
// Resets are ignored here (RFC 1337). A SYN that is certainly new, by its timestamp or its sequence
// number, may open the next connection of the same name at once (RFC 6191, RFC 9293 §3.10.7.4).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/list.h"
#include "common/base/mono.h"
#include "dataplane/tcp/tcp_key.h"
#include "dataplane/tcp/tcp_seg.h"

struct tcp;
struct wheel_timer;

struct tcp_time_wait {
	struct tcp_key key;
	uint32_t snd_nxt;
	uint32_t rcv_nxt;
	uint32_t ts_recent;
	uint32_t ts_offset;
	bool ts_on;
	struct mono until;
	struct list link; // in tcp->time_wait, by `until`
};

// Remembers the connection; `ack` sends the ACK of its FIN. Does nothing when time_wait_max is 0.
void tcp_time_wait_add(struct tcp *tcp, const struct tcp_time_wait *from, bool ack);

// A segment for it. True: the segment is a SYN that may open a new connection, whose ISN must be
// above *isn_floor; the entry is gone then.
bool tcp_time_wait_input(
	struct tcp *tcp, struct tcp_time_wait *tw, const struct tcp_seg *seg, uint32_t *isn_floor);

// The wheel's timer of all entries.
void tcp_time_wait_expire(struct tcp *tcp);
