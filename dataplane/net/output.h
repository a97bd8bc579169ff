// The last steps of a packet: find the neighbour, then Ethernet.
#pragma once

#include <stdint.h>

#include "dataplane/net/net_core.h"

// An empty packet to build in; NULL, and counted, when there is none.
struct rte_mbuf *output_alloc(struct net *net);

// Sends an IP packet (mtod is its header) to the neighbour `next_hop`, or holds it until that one
// is known. `hint` is its entry in the table, and is kept up to date. Takes the packet.
void output_packet(struct net *net, struct rte_mbuf *m, const struct ip_addr *next_hop,
	uint32_t *hint, struct mono now);

// What is learned about a neighbour; packets that waited for it are sent.
void output_learn(struct net *net, struct neigh *n, const struct rte_ether_addr *mac,
	unsigned flags, struct mono now);

// Asks for the neighbours that are due.
void output_solicit_due(struct net *net);
