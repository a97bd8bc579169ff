// Multicast listener discovery (RFC 3810, and RFC 2710 for queriers of its age): says which
// solicited-node groups we listen to, since a switch that snoops would otherwise keep questions for
// our addresses from us. All nodes is never reported (RFC 3810 §6).
//
// All groups are reported at once, whichever of them is asked for.
#pragma once

#include "dataplane/net/net_core.h"

// Types of ICMPv6.
#define MLD_QUERY 130

// A checked ICMPv6 query; mtod is its IPv6 header, the message begins at l3_len. Takes it.
void mld_input(struct net *net, struct rte_mbuf *m, struct mono now);

// Tells routers and switches that we have joined our groups.
void mld_announce(struct net *net);

// Answers a query when its time has come. mld_next: when that is.
void mld_advance(struct net *net, struct mono now);

static inline struct mono mld_next(const struct net *net)
{
	return net->mld.pending ? net->mld.at : MONO_NEVER;
}
