// IPv4 (RFC 791, 1122): packets are checked, reassembled and handed on by protocol; headers are
// written. Options of others are skipped, we send none. What we send may not be fragmented on its
// way, but for large echo replies, which we fragment ourselves.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "dataplane/net/net_core.h"

// Takes the packet; mtod is the IP header. `unicast`: the frame was sent to us alone.
void ip4_input(
	struct net *net, struct rte_mbuf *m, bool unicast, struct mono now, struct net_rx *rx);

// Puts the header before a transport packet and fills in checksums. False when there was no room
// for it, or it is too large; the packet is then freed.
bool ip4_write(struct net *net, struct rte_mbuf *m, const struct ip_addr *src,
	const struct ip_addr *dst, uint8_t proto, uint8_t tclass) MUST_CHECK;

// Sends an ICMP message, in fragments when it is larger than the MTU. Takes it.
void ip4_send(struct net *net, struct rte_mbuf *m, const struct ip_addr *src,
	const struct ip_addr *dst, struct mono now);
