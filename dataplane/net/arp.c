#include "dataplane/net/arp.h"

#include <rte_arp.h>

#include "dataplane/net/eth.h"
#include "dataplane/net/output.h"
#include "dataplane/net/packet.h"

#define DEFEND_INTERVAL_NS (10 * NS_PER_SEC) // RFC 5227 §1.1

static const struct rte_ether_addr broadcast = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
static const struct rte_ether_addr unknown;

static void arp_send(struct net *net, uint16_t op, const struct rte_ether_addr *dst,
	const struct ip_addr *sender, const struct rte_ether_addr *tha,
	const struct ip_addr *target)
{
	struct rte_mbuf *m = output_alloc(net);
	struct rte_arp_hdr *arp;

	if (m == NULL)
		return;
	arp = (struct rte_arp_hdr *)(void *)rte_pktmbuf_append(m, sizeof(*arp));
	*arp = (struct rte_arp_hdr){
		.arp_hardware = rte_cpu_to_be_16(RTE_ARP_HRD_ETHER),
		.arp_protocol = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4),
		.arp_hlen = RTE_ETHER_ADDR_LEN,
		.arp_plen = sizeof(uint32_t),
		.arp_opcode = rte_cpu_to_be_16(op),
		.arp_data = {.arp_sha = net->conf.mac,
			.arp_sip = ip_addr_v4(sender),
			.arp_tha = *tha,
			.arp_tip = ip_addr_v4(target)},
	};
	stat_inc(net->stats, STAT_arp_out);
	eth_output(net, m, dst, RTE_ETHER_TYPE_ARP);
}

void arp_request(struct net *net, const struct neigh *n)
{
	const struct ip_addr *src = addrs_source_for(&net->addrs, &n->addr);
	const struct rte_ether_addr *dst = n->state == NEIGH_PROBE ? &n->mac : &broadcast;

	if (src != NULL)
		arp_send(net, RTE_ARP_OP_REQUEST, dst, src, &unknown, &n->addr);
}

void arp_announce(struct net *net, const struct ip_addr *addr)
{
	arp_send(net, RTE_ARP_OP_REQUEST, &broadcast, addr, &unknown, addr);
}

static bool is_wellformed(const struct rte_arp_hdr *arp)
{
	uint16_t op = rte_be_to_cpu_16(arp->arp_opcode);

	return arp->arp_hardware == rte_cpu_to_be_16(RTE_ARP_HRD_ETHER) &&
		arp->arp_protocol == rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4) &&
		arp->arp_hlen == RTE_ETHER_ADDR_LEN && arp->arp_plen == sizeof(uint32_t) &&
		(op == RTE_ARP_OP_REQUEST || op == RTE_ARP_OP_REPLY) &&
		!rte_is_multicast_ether_addr(&arp->arp_data.arp_sha) &&
		!rte_is_zero_ether_addr(&arp->arp_data.arp_sha);
}

// Somebody else uses our address: say once in a while that it is ours.
static void conflict(struct net *net, const struct ip_addr *addr, struct mono now)
{
	stat_inc(net->stats, STAT_arp_conflict);
	if (!mono_due(now, net->defend_at))
		return;
	net->defend_at = mono_add(now, DEFEND_INTERVAL_NS);
	arp_announce(net, addr);
}

static void learn(struct net *net, const struct rte_arp_hdr *arp, const struct ip_addr *sender,
	bool for_us, struct mono now)
{
	bool reply = arp->arp_opcode == rte_cpu_to_be_16(RTE_ARP_OP_REPLY);
	struct neigh *n = neigh_find(&net->neigh, sender);
	unsigned flags = NEIGH_OVERRIDE | (reply && for_us ? NEIGH_SOLICITED : 0u);

	if (n == NULL && for_us && !reply && addrs_on_link(&net->addrs, sender))
		n = neigh_add(&net->neigh, sender, NEIGH_STRANGER, now);
	if (n != NULL)
		output_learn(net, n, &arp->arp_data.arp_sha, flags, now);
}

void arp_input(struct net *net, struct rte_mbuf *m, struct mono now, struct net_rx *rx)
{
	const struct rte_arp_hdr *arp;
	struct ip_addr sender;
	struct ip_addr target;
	bool for_us;

	if (!packet_pull(m, sizeof(*arp)) ||
		!is_wellformed(arp = rte_pktmbuf_mtod(m, const struct rte_arp_hdr *))) {
		net_drop(net, m, DROP_ARP_BAD);
		return;
	}
	sender = ip_addr_from_v4(arp->arp_data.arp_sip);
	target = ip_addr_from_v4(arp->arp_data.arp_tip);
	for_us = addrs_is_own(&net->addrs, &target);
	if (rx != NULL)
		stat_inc(net->stats, STAT_arp_in);
	if (rte_is_same_ether_addr(&arp->arp_data.arp_sha, &net->conf.mac)) {
		rte_pktmbuf_free(m); // our own, come back
		return;
	}
	if (addrs_is_own(&net->addrs, &sender)) {
		if (rx != NULL)
			conflict(net, &sender, now);
		rte_pktmbuf_free(m);
		return;
	}
	// A sender of 0.0.0.0 asks whether the address is free (RFC 5227 §2.1.1): it is not.
	if (arp->arp_data.arp_sip != 0 && !addrs_source_ok4(&net->addrs, arp->arp_data.arp_sip)) {
		net_drop(net, m, DROP_ARP_BAD);
		return;
	}
	if (arp->arp_data.arp_sip != 0)
		learn(net, arp, &sender, for_us, now);
	if (rx == NULL) {
		rte_pktmbuf_free(m);
		return;
	}
	if (for_us && arp->arp_opcode == rte_cpu_to_be_16(RTE_ARP_OP_REQUEST))
		arp_send(net, RTE_ARP_OP_REPLY, &arp->arp_data.arp_sha, &target,
			&arp->arp_data.arp_sha, &sender);
	eth_restore(m);
	rx->learn[rx->learn_n++] = m;
}
