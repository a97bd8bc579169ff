// TIME_WAIT: what is left of a connection whose end the peer may not have seen yet. Small
// entries, the oldest is recycled when there are too many.
//
// An entry does not hold the addresses and ports, but a keyed hash of 64 bits that stands for
// them: it only ever answers segments, which carry them.
//
// Resets are ignored here (RFC 1337). A SYN that is certainly new, by its timestamp or its sequence
// number, may open the next connection of the same name at once (RFC 6191, RFC 9293 §3.10.7.4), and
// so may a SYN of ours (RFC 6191's reasoning seen from the other end).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/mono.h"
#include "dataplane/tcp/tcp_fifo.h"
#include "dataplane/tcp/tcp_key.h"
#include "dataplane/tcp/tcp_seg.h"
#include "dataplane/tcp/tcp_table.h"

struct tcp;

// What a connection leaves behind.
struct tcp_last {
	struct tcp_key key;
	uint32_t snd_nxt;
	uint32_t rcv_nxt;
	uint32_t ts_recent;
	bool ts_on;
};

struct tcp_time_wait {
	struct tcp_fifo_link link; // in tcp->time_wait, by `until`
	uint64_t name;             // tcp_key_name of its key
	struct mono until;
	uint32_t snd_nxt;
	uint32_t rcv_nxt;
	uint32_t ts_recent;
	bool ts_on;
};

_Static_assert(sizeof(struct tcp_time_wait) <= 48, "TIME_WAIT entries are to be small");

// Remembers the connection; `ack` sends the ACK of its FIN. Does nothing when time_wait_max is 0.
void tcp_time_wait_add(struct tcp *tcp, const struct tcp_last *last, bool ack);

// A segment for it. True: the segment is a SYN that may open a new connection, whose ISN must be
// above *isn_floor; the entry is gone then.
bool tcp_time_wait_input(
	struct tcp *tcp, struct tcp_time_wait *tw, const struct tcp_seg *seg, uint32_t *isn_floor);

// Whether a connection of ours may follow it under the same name: with timestamps, which have
// grown since, the peer can tell the two apart. The ISN must be above tw->snd_nxt.
bool tcp_time_wait_reusable(const struct tcp *tcp, const struct tcp_time_wait *tw);

void tcp_time_wait_forget(struct tcp *tcp, struct tcp_time_wait *tw);

// The wheel's timer of all entries.
void tcp_time_wait_expire(struct tcp *tcp);

tcp_table_is tcp_time_wait_is;
