// ARP (RFC 826), with the announcements and the defence of RFC 5227.
//
// An entry is made only for what is asked of us or what we asked; requests to others and
// announcements only refresh entries that exist.
#pragma once

#include <stdint.h>

#include "dataplane/net/net_core.h"

// Takes the packet; mtod is the ARP header.
void arp_input(struct net *net, struct rte_mbuf *m, struct mono now, struct net_rx *rx);

// Asks everybody for this neighbour, or itself alone when it is being probed.
void arp_request(struct net *net, const struct neigh *n);

// Tells everybody that `addr` is ours.
void arp_announce(struct net *net, const struct ip_addr *addr);
