// ICMP for IPv4 (RFC 792, 1122 §3.2.2): echo is answered, errors about our TCP segments are passed
// on, and errors are sent for what nobody here takes, at a limited rate (RFC 1812 §4.3.2.8).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/net/net_core.h"

#define ICMP_PROTOCOL_UNREACHABLE 2
#define ICMP_PORT_UNREACHABLE 3

// One error each 10 ms, 50 at once.
#define ICMP_ERROR_INTERVAL_NS (10 * NS_PER_MS)
#define ICMP_ERROR_BURST 50

// Take a packet whose mtod is its checked IP header of l3_len bytes.
void icmp_input(struct net *net, struct rte_mbuf *m, struct mono now, struct net_rx *rx);

// Answers with "destination unreachable", unless it came in fragments.
void icmp_unreachable(
	struct net *net, struct rte_mbuf *m, uint8_t code, bool fragmented, struct mono now);

// Whether another error may be sent; counts it when not. For ICMPv6 too.
bool icmp_error_allowed(struct net *net, struct mono now);

// Makes a message to send: 8 bytes of header, and as much of the packet as fits `quote_max`. NULL
// when no mbuf is left.
struct rte_mbuf *icmp_error_build(struct net *net, const struct rte_mbuf *about, uint8_t type,
	uint8_t code, uint32_t quote_max);

// Takes l3_len bytes off and everything the port said.
void icmp_strip(struct rte_mbuf *m);
