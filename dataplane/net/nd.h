// Neighbour discovery for IPv6 (RFC 4861): solicitations and advertisements, both ways.
//
// Routers and prefixes come from the configuration: router advertisements and redirects are
// ignored. No duplicate address detection (see addrs.h): a conflict is counted.
#pragma once

#include <stdint.h>

#include <rte_ip.h>

#include "dataplane/net/net_core.h"

// Types of ICMPv6 that are neighbour discovery.
#define ND_FIRST 133
#define ND_LAST 137

// A checked ICMPv6 message of these types; mtod is its IPv6 header, the message begins at l3_len.
// Takes it.
void nd_input(struct net *net, struct rte_mbuf *m, struct mono now, struct net_rx *rx);

// Asks the solicited-node group for this neighbour, or itself alone when it is being probed.
void nd_solicit(struct net *net, const struct neigh *n);

// Tells all nodes that `addr` is ours.
void nd_announce(struct net *net, const struct ip_addr *addr, struct mono now);
