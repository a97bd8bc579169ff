// The other end of all connections: makes their frames from a few bytes of state each, and takes
// what the stack sends. It is no TCP: it loses nothing, keeps nothing, and believes everything.
#pragma once

#include <stdint.h>

#include "tests/support/tcp_cost_rig.h"

struct peer_conn {
	uint32_t seq; // of our next byte
	uint32_t ack; // of the stack's next byte
	uint32_t tsecr;
	uint32_t got;          // bytes of payload received, modulo 2^32
	struct tcp_conn *ours; // the stack's end, once accepted
};

struct peer {
	struct rig *rig;
	struct peer_conn *conns;
	uint32_t n;
	struct ip_addr base; // address of the first 16384 connections
	struct ip_addr to;
	uint8_t data[RIG_MSS];
};

void peer_start(struct peer *peer, struct rig *rig, uint32_t conns);
void peer_stop(struct peer *peer);

// A segment of connection `i` with `len` bytes of payload. `flags` of tcp_seg.h; the ACK field
// acknowledges all that was taken.
struct rte_mbuf *peer_segment(struct peer *peer, uint32_t i, uint8_t flags, uint32_t len);

// The same, acknowledging up to `ack` only.
struct rte_mbuf *peer_ack(struct peer *peer, uint32_t i, uint32_t ack);

// What the stack sent: frees the frames, remembers what they said. Returns the bytes of payload.
uint64_t peer_take(struct peer *peer, struct rte_mbuf **frames, unsigned n);

// Takes what was accepted: notes the stack's end of it.
void peer_accept(struct peer *peer);

// Opens connections [from, to), in bursts.
void peer_open(struct peer *peer, uint32_t from, uint32_t to);
