// Half-open connections: a SYN was answered, the ACK is awaited. Small entries under a hard cap;
// beyond it SYN cookies, or nothing.
//
// SYN-ACKs go to addresses that may be forged. One answers a SYN and is hardly longer than it; sent
// again by themselves they would multiply what a stranger sends, so those have to be earned
// (struct tcp_credit). Whoever is served late for that repeats its SYN, or its first data.
//
// All entries with the same number of time-outs wait equally long: a list for each number, and one
// timer for the heads of all lists.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "dataplane/tcp/tcp_conn.h"
#include "dataplane/tcp/tcp_fifo.h"
#include "dataplane/tcp/tcp_seg.h"

struct tcp_half_open {
	struct tcp_fifo_link link; // in tcp->half_open[retries]
	struct ip_addr remote;
	struct mono due; // when the SYN-ACK is sent again, or given up
	uint32_t hash;   // of its key
	uint32_t irs;
	uint32_t iss;
	uint32_t ts_recent;
	uint32_t sent_at; // µs, of the last SYN-ACK
	uint16_t remote_port;
	uint16_t local_port;
	uint16_t mss;
	uint8_t local; // net_own_addr
	uint8_t wscale;
	uint8_t retries;
	bool ts : 1;
	bool sack : 1;
	bool ecn : 1;
	bool again : 1; // the SYN-ACK went out more than once
};

_Static_assert(sizeof(struct tcp_half_open) <= 64, "half-open entries are to be small");

// A SYN for a listener. `isn_floor` NULL, or what the ISN must exceed.
void tcp_half_open_syn(struct tcp *tcp, const struct tcp_listener *listener,
	const struct tcp_seg *seg, const uint32_t *isn_floor);

// A segment for an entry. Returns the connection when it completed the handshake.
struct tcp_conn *tcp_half_open_input(
	struct tcp *tcp, struct tcp_half_open *half, const struct tcp_seg *seg);

// An ACK for no connection that may carry a cookie of ours. Likewise. *handled: it needs no answer.
struct tcp_conn *tcp_half_open_cookie(
	struct tcp *tcp, struct tcp_listener *listener, const struct tcp_seg *seg, bool *handled);

// The wheel's timer of all entries.
void tcp_half_open_expire(struct tcp *tcp);

tcp_table_is tcp_half_open_is;
