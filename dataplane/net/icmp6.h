// ICMPv6 (RFC 4443): echo is answered, errors about our TCP segments are passed on, errors are
// sent at the rate of icmp.h, neighbour discovery goes to nd.h.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/net/net_core.h"

// Take a packet whose mtod is its checked IPv6 header; the message begins at l3_len.
void icmp6_input(struct net *net, struct rte_mbuf *m, bool unicast, bool fragmented,
	struct mono now, struct net_rx *rx);

void icmp6_port_unreachable(struct net *net, struct rte_mbuf *m, struct mono now);

// RFC 4443 §3.4; `field`: offset of what is wrong.
void icmp6_problem(
	struct net *net, struct rte_mbuf *m, uint8_t code, uint16_t field, struct mono now);

// `field`: offset of the next-header field that names what is not known here.
void icmp6_unknown_header(struct net *net, struct rte_mbuf *m, uint16_t field, struct mono now);
