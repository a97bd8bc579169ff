#include "dataplane/net/eth.h"

#include <rte_ethdev.h>

#include "dataplane/net/net_core.h"
#include "dataplane/net/packet.h"

#define VLAN_ID_MASK 0x0fff

struct rte_ether_addr eth_group6(const uint8_t group[16])
{
	return (struct rte_ether_addr){{0x33, 0x33, group[12], group[13], group[14], group[15]}};
}

static bool is_group_frame(const struct net *net, const struct rte_ether_addr *dst)
{
	static const uint8_t all_nodes[6] = {0x33, 0x33, 0, 0, 0, 1};

	if (memcmp(dst->addr_bytes, all_nodes, sizeof(all_nodes)) == 0)
		return true;
	for (unsigned i = 0; i < net->addrs.n; i++) {
		const struct ip_addr *own = &net->addrs.own[i].addr;
		const uint8_t group[6] = {0x33, 0x33, 0xff, own->b[13], own->b[14], own->b[15]};

		if (!ip_addr_is_v4(own) && memcmp(dst->addr_bytes, group, sizeof(group)) == 0)
			return true;
	}
	return false;
}

static enum drop check_vlan(const struct net *net, bool tagged, uint16_t tci)
{
	uint16_t vlan = tagged ? tci & VLAN_ID_MASK : 0;

	// VLAN 0 is a tag that carries a priority only: such a frame is untagged.
	return vlan == net->conf.vlan ? DROP_N : DROP_ETH_VLAN;
}

static enum drop parse(struct net *net, struct rte_mbuf *m, uint16_t *type, bool *unicast)
{
	const struct rte_ether_hdr *eth;
	bool tagged = (m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0;
	uint16_t tci = m->vlan_tci;

	if (unlikely(!packet_pull(m, sizeof(*eth))))
		return DROP_ETH_SHORT;
	eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	m->l2_len = sizeof(*eth);
	*type = rte_be_to_cpu_16(eth->ether_type);
	if (*type == RTE_ETHER_TYPE_VLAN && !tagged) {
		const struct rte_vlan_hdr *tag;

		if (unlikely(!packet_pull(m, sizeof(*eth) + sizeof(*tag))))
			return DROP_ETH_SHORT;
		tag = (const struct rte_vlan_hdr *)(eth + 1);
		m->l2_len = sizeof(*eth) + sizeof(*tag);
		*type = rte_be_to_cpu_16(tag->eth_proto);
		tci = rte_be_to_cpu_16(tag->vlan_tci);
		tagged = true;
	}
	*unicast = rte_is_same_ether_addr(&eth->dst_addr, &net->conf.mac);
	if (unlikely(!*unicast) && !rte_is_broadcast_ether_addr(&eth->dst_addr) &&
		!is_group_frame(net, &eth->dst_addr))
		return DROP_ETH_DST;
	if (*type != RTE_ETHER_TYPE_IPV4 && *type != RTE_ETHER_TYPE_IPV6 &&
		*type != RTE_ETHER_TYPE_ARP)
		return DROP_ETH_TYPE;
	return check_vlan(net, tagged, tci);
}

uint16_t eth_input(struct net *net, struct rte_mbuf *m, bool *unicast)
{
	uint16_t type = 0;
	enum drop drop = parse(net, m, &type, unicast);

	if (unlikely(drop != DROP_N)) {
		stat_drop(net->stats, drop);
		return 0;
	}
	rte_pktmbuf_adj(m, (uint16_t)m->l2_len);
	return type;
}

void eth_restore(struct rte_mbuf *m)
{
	rte_pktmbuf_prepend(m, (uint16_t)m->l2_len);
}

void eth_output(
	struct net *net, struct rte_mbuf *m, const struct rte_ether_addr *dst, uint16_t type)
{
	uint16_t vlan = net->conf.vlan;
	bool in_band = vlan != 0 && !(net->conf.tx_offloads & RTE_ETH_TX_OFFLOAD_VLAN_INSERT);
	uint16_t len = sizeof(struct rte_ether_hdr) + (in_band ? sizeof(struct rte_vlan_hdr) : 0);
	struct rte_ether_hdr *eth = (struct rte_ether_hdr *)(void *)rte_pktmbuf_prepend(m, len);

	if (unlikely(eth == NULL)) {
		net_drop(net, m, DROP_NO_MBUF);
		return;
	}
	m->l2_len = len & 0x7fu;
	eth->dst_addr = *dst;
	eth->src_addr = net->conf.mac;
	if (in_band) {
		struct rte_vlan_hdr *tag = (struct rte_vlan_hdr *)(eth + 1);

		eth->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_VLAN);
		tag->vlan_tci = rte_cpu_to_be_16(vlan);
		tag->eth_proto = rte_cpu_to_be_16(type);
	} else {
		eth->ether_type = rte_cpu_to_be_16(type);
		if (vlan != 0) {
			m->vlan_tci = vlan;
			m->ol_flags |= RTE_MBUF_F_TX_VLAN;
		}
	}
	if (unlikely(!txq_push(&net->tx, m)))
		net_drop(net, m, DROP_TX_FULL);
}
