#include "dataplane/net/nd.h"

#include <netinet/in.h>

#include "dataplane/net/eth.h"
#include "dataplane/net/ip6.h"
#include "dataplane/net/output.h"
#include "dataplane/net/packet.h"

#define ND_NS 135
#define ND_NA 136
#define ND_HOP_LIMIT 255 // proves that it comes from this link

#define NA_SOLICITED 0x40
#define NA_OVERRIDE 0x20

#define OPT_SOURCE_LLA 1
#define OPT_TARGET_LLA 2
#define OPT_UNIT 8

struct nd_message {
	uint8_t type;
	uint8_t code;
	uint16_t csum;
	uint8_t flags; // of an advertisement
	uint8_t reserved[3];
	uint8_t target[16];
};

struct nd_lla {
	uint8_t type;
	uint8_t units;
	struct rte_ether_addr mac;
};

static const struct ip_addr all_nodes = {{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};

static struct rte_mbuf *build(
	struct net *net, uint8_t type, uint8_t flags, const struct ip_addr *target, uint8_t option)
{
	struct rte_mbuf *m = output_alloc(net);
	struct nd_message *nd;
	struct nd_lla *lla;

	if (m == NULL)
		return NULL;
	nd = (struct nd_message *)(void *)rte_pktmbuf_append(m, sizeof(*nd) + sizeof(*lla));
	*nd = (struct nd_message){.type = type, .flags = flags};
	memcpy(nd->target, target->b, sizeof(nd->target));
	lla = (struct nd_lla *)(nd + 1);
	*lla = (struct nd_lla){.type = option, .units = 1, .mac = net->conf.mac};
	stat_inc(net->stats, STAT_nd_out);
	return m;
}

void nd_solicit(struct net *net, const struct neigh *n)
{
	struct ip_addr group = addrs_solicited_node(&n->addr);
	const struct ip_addr *src = addrs_source_for(&net->addrs, &n->addr);
	bool probe = n->state == NEIGH_PROBE;
	const struct ip_addr *dst = probe ? &n->addr : &group;
	struct rte_ether_addr mac;
	struct rte_mbuf *m;

	if (src == NULL || (m = build(net, ND_NS, 0, &n->addr, OPT_SOURCE_LLA)) == NULL)
		return;
	mac = probe ? n->mac : eth_group6(group.b);
	if (ip6_write(net, m, src, dst, IPPROTO_ICMPV6, ND_HOP_LIMIT, 0))
		eth_output(net, m, &mac, RTE_ETHER_TYPE_IPV6);
}

static void advertise(struct net *net, const struct ip_addr *target, const struct ip_addr *dst,
	uint8_t flags, struct mono now)
{
	struct rte_mbuf *m = build(net, ND_NA, flags, target, OPT_TARGET_LLA);
	struct rte_ether_addr mac = eth_group6(dst->b);
	uint32_t hint = NEIGH_NONE;

	if (m == NULL || !ip6_write(net, m, target, dst, IPPROTO_ICMPV6, ND_HOP_LIMIT, 0))
		return;
	if (addrs_v6_multicast(dst->b))
		eth_output(net, m, &mac, RTE_ETHER_TYPE_IPV6);
	else
		output_packet(net, m, dst, &hint, now);
}

void nd_announce(struct net *net, const struct ip_addr *addr, struct mono now)
{
	advertise(net, addr, &all_nodes, NA_OVERRIDE, now);
}

// Finds the link-layer address in the options. False when they are malformed.
static bool find_lla(
	const uint8_t *opt, size_t len, uint8_t type, const struct rte_ether_addr **mac)
{
	*mac = NULL;
	while (len >= OPT_UNIT) {
		size_t size = (size_t)opt[1] * OPT_UNIT;

		if (size == 0 || size > len)
			return false;
		if (opt[0] == type)
			*mac = (const struct rte_ether_addr *)(const void *)(opt + 2);
		opt += size;
		len -= size;
	}
	return len == 0 && (*mac == NULL || !rte_is_multicast_ether_addr(*mac));
}

static bool is_unspecified(const struct ip_addr *a)
{
	return ip_addr_is_any(a);
}

// RFC 4861 §7.1.1 and §7.2.3.
static bool on_solicitation(struct net *net, const struct rte_ipv6_hdr *ip,
	const struct nd_message *nd, size_t len, struct mono now, const struct net_rx *rx)
{
	struct ip_addr src = addrs_from_v6(ip->src_addr);
	struct ip_addr target = addrs_from_v6(nd->target);
	const struct rte_ether_addr *mac;
	struct neigh *n;
	bool probe = is_unspecified(&src);

	if (!find_lla((const uint8_t *)(nd + 1), len - sizeof(*nd), OPT_SOURCE_LLA, &mac))
		return false;
	// Somebody who has no address yet asks whether he may have this one.
	if (probe && (mac != NULL || !addrs_v6_multicast(ip->dst_addr)))
		return false;
	if (!addrs_is_own(&net->addrs, &target))
		return true;
	n = probe ? NULL : neigh_find(&net->neigh, &src);
	if (n == NULL && mac != NULL && addrs_on_link(&net->addrs, &src))
		n = neigh_add(&net->neigh, &src, NEIGH_STRANGER, now);
	if (n != NULL && mac != NULL)
		output_learn(net, n, mac, NEIGH_OVERRIDE, now);
	if (rx == NULL)
		return true;
	if (probe)
		advertise(net, &target, &all_nodes, NA_OVERRIDE, now);
	else if (addrs_on_link(&net->addrs, &src))
		advertise(net, &target, &src, NA_SOLICITED | NA_OVERRIDE, now);
	return true;
}

// RFC 4861 §7.1.2 and §7.2.5.
static bool on_advertisement(struct net *net, const struct rte_ipv6_hdr *ip,
	const struct nd_message *nd, size_t len, struct mono now, const struct net_rx *rx)
{
	struct ip_addr target = addrs_from_v6(nd->target);
	const struct rte_ether_addr *mac;
	struct neigh *n;
	unsigned flags = 0;

	if (!find_lla((const uint8_t *)(nd + 1), len - sizeof(*nd), OPT_TARGET_LLA, &mac))
		return false;
	if (addrs_v6_multicast(ip->dst_addr) && (nd->flags & NA_SOLICITED))
		return false;
	if (addrs_is_own(&net->addrs, &target)) {
		if (rx != NULL)
			stat_inc(net->stats, STAT_arp_conflict);
		return true;
	}
	n = neigh_find(&net->neigh, &target);
	if (n == NULL)
		return true;
	if (mac == NULL) {
		// Without the option it can only confirm what we have.
		if (n->state == NEIGH_INCOMPLETE || n->state == NEIGH_FAILED)
			return true;
		mac = &n->mac;
	}
	if (nd->flags & NA_SOLICITED)
		flags |= NEIGH_SOLICITED;
	if (nd->flags & NA_OVERRIDE)
		flags |= NEIGH_OVERRIDE;
	output_learn(net, n, mac, flags, now);
	return true;
}

static bool dispatch(struct net *net, struct rte_mbuf *m, struct mono now, const struct net_rx *rx)
{
	const struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod(m, const struct rte_ipv6_hdr *);
	size_t len = m->pkt_len - m->l3_len;
	const struct nd_message *nd;

	if (ip->hop_limits != ND_HOP_LIMIT || !packet_pull(m, m->pkt_len))
		return false;
	nd = rte_pktmbuf_mtod_offset(m, const struct nd_message *, m->l3_len);
	if (nd->code != 0)
		return false;
	if (nd->type != ND_NS && nd->type != ND_NA)
		return true;
	if (len < sizeof(*nd) || addrs_v6_multicast(nd->target))
		return false;
	return nd->type == ND_NS ? on_solicitation(net, ip, nd, len, now, rx)
				 : on_advertisement(net, ip, nd, len, now, rx);
}

void nd_input(struct net *net, struct rte_mbuf *m, struct mono now, struct net_rx *rx)
{
	if (rx != NULL)
		stat_inc(net->stats, STAT_nd_in);
	if (!dispatch(net, m, now, rx)) {
		net_drop(net, m, DROP_ND_BAD);
		return;
	}
	if (rx == NULL) {
		rte_pktmbuf_free(m);
		return;
	}
	eth_restore(m);
	rx->learn[rx->learn_n++] = m;
}
