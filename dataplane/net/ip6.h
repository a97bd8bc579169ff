// IPv6 (RFC 8200): packets are checked, their extension headers walked, reassembled and handed on;
// headers are written. The chain of extension headers is bounded (IP6_HEADERS_MAX, and
// IP6_CHAIN_MAX bytes); what is longer is dropped.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "dataplane/net/net_core.h"

#define IP6_HEADERS_MAX 8
#define IP6_CHAIN_MAX 256

// Takes the packet; mtod is the IPv6 header. `unicast`: the frame was sent to us alone.
void ip6_input(
	struct net *net, struct rte_mbuf *m, bool unicast, struct mono now, struct net_rx *rx);

// Puts the header before a transport packet and fills in checksums. False when there was no room
// for it, or it is too large; the packet is then freed.
bool ip6_write(struct net *net, struct rte_mbuf *m, const struct ip_addr *src,
	const struct ip_addr *dst, uint8_t proto, uint8_t hop_limit, uint8_t tclass) MUST_CHECK;

// Sends an ICMPv6 message, in fragments when it is larger than the MTU. Takes it.
void ip6_send(struct net *net, struct rte_mbuf *m, const struct ip_addr *src,
	const struct ip_addr *dst, struct mono now);
