// Ethernet and VLAN (IEEE 802.1Q): what comes in is checked and stripped, what goes out gets its
// header. A tag may stand in the frame or have been taken out of it by the port.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_ether.h>
#include <rte_mbuf.h>

struct net;

// Returns the EtherType, and the frame without its header, whose length is in l2_len; 0 when the
// frame is not for us (the caller frees it; counted). `unicast`: it was sent to our MAC.
uint16_t eth_input(struct net *net, struct rte_mbuf *m, bool *unicast);

// Undoes eth_input.
void eth_restore(struct rte_mbuf *m);

// Queues the frame for net_collect, or drops it when the queue is full. Takes it.
void eth_output(
	struct net *net, struct rte_mbuf *m, const struct rte_ether_addr *dst, uint16_t type);

// The MAC of an IPv6 multicast group (RFC 2464 §7).
struct rte_ether_addr eth_group6(const uint8_t group[16]);
