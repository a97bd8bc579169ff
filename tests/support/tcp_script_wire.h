// Frames of the script's peer: made from a description, and read back into one.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "common/base/ip_addr.h"
#include "dataplane/tcp/tcp_opt.h"

// Flags of RFC 3168.
#define WIRE_ECE 0x40
#define WIRE_CWR 0x80

struct wire_seg {
	uint16_t peer_port;
	uint16_t own_port; // of the stack under test
	uint32_t seq;
	uint32_t ack;
	uint32_t len;
	uint32_t win;
	uint8_t flags;
	uint8_t ecn;   // of the IP header: 0, 1 ECT(1), 2 ECT(0), 3 CE
	uint8_t first; // payload byte i is first + i
	bool bad_checksum;
	struct tcp_opts opts;
};

struct wire {
	struct rte_mempool *pool;
	struct ip_addr peer;
	struct ip_addr own;
	uint8_t peer_mac[6];
	uint8_t own_mac[6];
};

// From the peer to the stack.
struct rte_mbuf *wire_make(const struct wire *wire, const struct wire_seg *seg);

// From the stack to the peer. False when it is no TCP. The payload is checked against `first`
// later: it is copied to `payload`, which holds 64 KiB.
bool wire_read(const struct rte_mbuf *frame, struct wire_seg *seg, uint8_t *payload);

// The peer's answer when the frame is an ARP request for it, or NULL.
struct rte_mbuf *wire_arp(const struct wire *wire, const struct rte_mbuf *frame);
