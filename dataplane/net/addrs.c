#include "dataplane/net/addrs.h"

#include <errno.h>

#include "common/base/bytes.h"

static const uint8_t solicited_node[13] = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff};
static const uint8_t all_nodes[16] = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

static bool is_link_local(const struct ip_addr *a)
{
	return addrs_v6_link_local(a->b);
}

static struct ip_addr link_local(const struct rte_ether_addr *mac)
{
	struct ip_addr a = {{0xfe, 0x80}};

	memcpy(a.b + 8, mac->addr_bytes, 3);
	a.b[8] ^= 0x02;
	a.b[11] = 0xff;
	a.b[12] = 0xfe;
	memcpy(a.b + 13, mac->addr_bytes + 3, 3);
	return a;
}

void addrs_init(struct addrs *addrs, const struct net_config *config)
{
	bool v6 = !ip_addr_is_any(&config->gateway6);
	struct ip_addr local = link_local(&config->mac);

	*addrs = (struct addrs){.gateway4 = config->gateway4, .gateway6 = config->gateway6};
	if (ip_addr_is_v4(&addrs->gateway4) && ip_addr_v4(&addrs->gateway4) == 0)
		addrs->gateway4 = IP_ADDR_ANY;
	for (unsigned i = 0; i < config->addr_n && i < NET_ADDRS_MAX; i++) {
		addrs->own[addrs->n++] = config->addr[i];
		v6 |= !ip_addr_is_v4(&config->addr[i].addr);
	}
	if (v6 && !addrs_is_own(addrs, &local))
		addrs->own[addrs->n++] = (struct ip_prefix){.addr = local, .len = 64};
}

static uint32_t mask4(unsigned len)
{
	return len == 0 ? 0 : UINT32_MAX << (32 - len);
}

bool addrs_is_broadcast4(const struct addrs *addrs, uint32_t dst)
{
	uint32_t a = __builtin_bswap32(dst);

	if (a == UINT32_MAX)
		return true;
	for (unsigned i = 0; i < addrs->n; i++) {
		const struct ip_prefix *own = &addrs->own[i];

		// A network of one or two addresses has no broadcast address (RFC 3021).
		if (!ip_addr_is_v4(&own->addr) || own->len > 30)
			continue;
		// The network address was one too, once (RFC 1122 §3.3.6).
		if (a == (be32_get(own->addr.b + 12) | ~mask4(own->len)) ||
			a == (be32_get(own->addr.b + 12) & mask4(own->len)))
			return true;
	}
	return false;
}

bool addrs_source_ok4(const struct addrs *addrs, uint32_t src)
{
	uint32_t a = __builtin_bswap32(src);
	struct ip_addr addr = ip_addr_from_v4(src);

	// This network, loopback; multicast and reserved.
	if (a >> 24 == 0 || a >> 24 == 127 || a >> 28 >= 14)
		return false;
	return !addrs_is_own(addrs, &addr) && !addrs_is_broadcast4(addrs, src);
}

bool addrs_source_ok6(const struct addrs *addrs, const uint8_t src[16])
{
	static const uint8_t zero[15];
	struct ip_addr addr = addrs_from_v6(src);

	// Unspecified and loopback differ in the last byte only. A mapped address on the wire
	// would be taken for IPv4.
	if (addrs_v6_multicast(src) || ip_addr_is_v4(&addr))
		return false;
	if (memcmp(src, zero, sizeof(zero)) == 0 && src[15] <= 1)
		return false;
	return !addrs_is_own(addrs, &addr);
}

struct ip_addr addrs_solicited_node(const struct ip_addr *a)
{
	struct ip_addr group;

	memcpy(group.b, solicited_node, sizeof(solicited_node));
	memcpy(group.b + 13, a->b + 13, 3);
	return group;
}

bool addrs_is_group6(const struct addrs *addrs, const uint8_t dst[16])
{
	if (memcmp(dst, all_nodes, sizeof(all_nodes)) == 0)
		return true;
	if (memcmp(dst, solicited_node, sizeof(solicited_node)) != 0)
		return false;
	for (unsigned i = 0; i < addrs->n; i++)
		if (!ip_addr_is_v4(&addrs->own[i].addr) &&
			memcmp(addrs->own[i].addr.b + 13, dst + 13, 3) == 0)
			return true;
	return false;
}

static const struct ip_prefix *network_of(const struct addrs *addrs, const struct ip_addr *a)
{
	const struct ip_prefix *best = NULL;

	for (unsigned i = 0; i < addrs->n; i++) {
		const struct ip_prefix *own = &addrs->own[i];

		if (ip_prefix_contains(own, a) && (best == NULL || own->len > best->len))
			best = own;
	}
	return best;
}

bool addrs_on_link(const struct addrs *addrs, const struct ip_addr *a)
{
	return network_of(addrs, a) != NULL || ip_addr_eq(a, &addrs->gateway4) ||
		ip_addr_eq(a, &addrs->gateway6);
}

static bool can_be_destination(const struct addrs *addrs, const struct ip_addr *dst)
{
	if (ip_addr_is_any(dst) || addrs_is_own(addrs, dst))
		return false;
	if (ip_addr_is_v4(dst))
		return addrs_source_ok4(addrs, ip_addr_v4(dst));
	return addrs_source_ok6(addrs, dst->b);
}

const struct ip_addr *addrs_source_for(const struct addrs *addrs, const struct ip_addr *dst)
{
	const struct ip_prefix *network = network_of(addrs, dst);
	bool v4 = ip_addr_is_v4(dst);

	if (network != NULL)
		return &network->addr;
	network = network_of(addrs, v4 ? &addrs->gateway4 : &addrs->gateway6);
	if (network != NULL && !is_link_local(&network->addr))
		return &network->addr;
	for (unsigned i = 0; i < addrs->n; i++) {
		const struct ip_addr *own = &addrs->own[i].addr;

		if (ip_addr_is_v4(own) == v4 && !is_link_local(own))
			return own;
	}
	return NULL;
}

int addrs_route(const struct addrs *addrs, const struct ip_addr *dst, const struct ip_addr *src,
	struct net_path *path)
{
	const struct ip_addr *gateway = ip_addr_is_v4(dst) ? &addrs->gateway4 : &addrs->gateway6;

	if (!can_be_destination(addrs, dst))
		return -EHOSTUNREACH;
	if (src != NULL && (!addrs_is_own(addrs, src) || ip_addr_is_v4(src) != ip_addr_is_v4(dst)))
		return -EADDRNOTAVAIL;
	if (src == NULL)
		src = addrs_source_for(addrs, dst);
	if (src == NULL)
		return -EHOSTUNREACH;
	path->src = *src;
	if (addrs_on_link(addrs, dst))
		path->next_hop = *dst;
	else if (!ip_addr_is_any(gateway))
		path->next_hop = *gateway;
	else
		return -EHOSTUNREACH;
	return 0;
}
