// Making the header of a segment, in an mbuf of its own.
#pragma once

#include <stdint.h>

#include <rte_mbuf.h>

#include "dataplane/tcp/tcp_key.h"
#include "dataplane/tcp/tcp_opt.h"

struct tcp;
struct net_path;

struct tcp_header {
	uint32_t seq;
	uint32_t ack;
	uint16_t wnd;
	uint8_t flags;
	struct tcp_opts opts;
};

// NULL when no mbuf is left. mtod is the TCP header, the checksum is left to net_output.
struct rte_mbuf *tcp_header_new(
	struct tcp *tcp, const struct tcp_key *key, const struct tcp_header *header);

// Sends a segment without payload for whatever has no struct tcp_conn. False when it could not
// be sent (no mbuf, no room, no route).
bool tcp_header_send(struct tcp *tcp, const struct tcp_key *key, const struct tcp_header *header);

// The largest segment that we may receive by this path: what the MSS option says.
uint16_t tcp_header_mss(const struct tcp_key *key, uint16_t mtu);
