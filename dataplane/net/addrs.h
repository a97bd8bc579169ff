// The own addresses, the networks that they are in, and what follows from them: which packets are
// ours, which sources can't be, where a packet goes next.
//
// With an IPv6 address or gateway configured there is a link-local address too, made from the MAC
// (RFC 4291 Appendix A). No duplicate address detection: addresses come from an operator, and a
// node that waits for strangers before it serves is worse than a conflict, which is counted.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/ip_addr.h"
#include "dataplane/net/net.h"

#define ADDRS_MAX (NET_ADDRS_MAX + NET_LINK_LOCAL)

struct addrs {
	struct ip_prefix own[ADDRS_MAX];
	unsigned n;
	struct ip_addr gateway4;
	struct ip_addr gateway6;
};

void addrs_init(struct addrs *addrs, const struct net_config *config);

static inline bool addrs_is_own(const struct addrs *addrs, const struct ip_addr *a)
{
	for (unsigned i = 0; i < addrs->n; i++)
		if (ip_addr_eq(&addrs->own[i].addr, a))
			return true;
	return false;
}

static inline struct ip_addr addrs_from_v6(const uint8_t bytes[16])
{
	struct ip_addr a;

	memcpy(a.b, bytes, sizeof(a.b));
	return a;
}

static inline bool addrs_v6_multicast(const uint8_t bytes[16])
{
	return bytes[0] == 0xff;
}

static inline bool addrs_v6_link_local(const uint8_t bytes[16])
{
	return bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
}

// Whether a packet may come from there (RFC 1122 §3.2.1.3, RFC 4291 §2). `src` is in network order.
bool addrs_source_ok4(const struct addrs *addrs, uint32_t src);
bool addrs_source_ok6(const struct addrs *addrs, const uint8_t src[16]);

// Whether it is the broadcast address, or that of one of our networks.
bool addrs_is_broadcast4(const struct addrs *addrs, uint32_t dst);

// RFC 4291 §2.7.1.
struct ip_addr addrs_solicited_node(const struct ip_addr *a);

// Groups that we listen to: all nodes, and the solicited-node groups of our addresses.
bool addrs_is_group6(const struct addrs *addrs, const uint8_t dst[16]);

// Whether it is a neighbour: in one of our networks, link-local, or a gateway.
bool addrs_on_link(const struct addrs *addrs, const struct ip_addr *a);

// See net_path_find; fills in src and next_hop.
int addrs_route(const struct addrs *addrs, const struct ip_addr *dst, const struct ip_addr *src,
	struct net_path *path) MUST_CHECK;

// The own address to ask a neighbour from. NULL when there is none of its family.
const struct ip_addr *addrs_source_for(const struct addrs *addrs, const struct ip_addr *dst);
