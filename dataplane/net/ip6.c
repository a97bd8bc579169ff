#include "dataplane/net/ip6.h"

#include <netinet/in.h>

#include <rte_ip.h>

#include "common/base/bytes.h"
#include "dataplane/net/csum.h"
#include "dataplane/net/icmp6.h"
#include "dataplane/net/ip6_ext.h"
#include "dataplane/net/output.h"
#include "dataplane/net/packet.h"

#define FRAGS_OUT_MAX 64
#define TCP_HEADER_MAX 60

static bool is_unspecified(const uint8_t addr[16])
{
	struct ip_addr a = addrs_from_v6(addr);

	return ip_addr_is_any(&a);
}

// Checks the fixed header and trims padding. DROP_N when all is well.
static enum drop check(struct net *net, struct rte_mbuf *m, bool *unicast)
{
	const struct rte_ipv6_hdr *ip;
	struct ip_addr dst;
	uint32_t total;

	if (unlikely(!packet_pull(m, sizeof(*ip))))
		return DROP_IP_BAD;
	ip = rte_pktmbuf_mtod(m, const struct rte_ipv6_hdr *);
	total = (uint32_t)sizeof(*ip) + rte_be_to_cpu_16(ip->payload_len);
	if (unlikely((be32_get(&ip->vtc_flow) >> 28) != 6 || total == sizeof(*ip) ||
		    total > m->pkt_len))
		return DROP_IP_BAD;
	packet_trim(m, total);
	dst = addrs_from_v6(ip->dst_addr);
	if (unlikely(!addrs_is_own(&net->addrs, &dst))) {
		if (!addrs_is_group6(&net->addrs, ip->dst_addr))
			return DROP_IP_DST;
		*unicast = false;
	}
	// Duplicate address detection comes from nowhere; icmp6 lets nothing else pass with that.
	if (unlikely(!addrs_source_ok6(&net->addrs, ip->src_addr)) &&
		!(is_unspecified(ip->src_addr) && ip->proto == IPPROTO_ICMPV6))
		return DROP_IP_MARTIAN;
	return DROP_N;
}

// The fragment header must follow the fixed one: what stands between was checked and has nothing
// more to say to us.
static void drop_chain(struct rte_mbuf *m, const struct ip6_walk *walk)
{
	uint16_t cut = (uint16_t)(walk->off - sizeof(struct rte_ipv6_hdr));
	struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod(m, struct rte_ipv6_hdr *);

	if (cut > 0) {
		memmove((uint8_t *)ip + cut, ip, sizeof(*ip));
		ip = (struct rte_ipv6_hdr *)(void *)rte_pktmbuf_adj(m, cut);
		ip->proto = IPPROTO_FRAGMENT;
		ip->payload_len = rte_cpu_to_be_16((uint16_t)(m->pkt_len - sizeof(*ip)));
	}
	m->l3_len = sizeof(*ip) + sizeof(struct rte_ipv6_fragment_ext);
}

static void deliver_tcp(struct net *net, struct rte_mbuf *m, struct net_rx *rx)
{
	uint32_t want = RTE_MIN(m->pkt_len, (uint32_t)m->l3_len + TCP_HEADER_MAX);

	if (unlikely(!packet_pull(m, want))) {
		net_drop(net, m, DROP_IP_BAD);
		return;
	}
	m->packet_type = RTE_PTYPE_L3_IPV6 | RTE_PTYPE_L4_TCP;
	rx->seg[rx->seg_n++] = m;
}

struct ip6_from {
	bool unicast;
	bool fragmented;
};

static void ip6_deliver(struct net *net, struct rte_mbuf *m, const struct ip6_walk *walk,
	struct ip6_from from, struct mono now, struct net_rx *rx)
{
	m->l3_len = walk->off & 0x1ffu;
	if (walk->proto == IPPROTO_ICMPV6) {
		icmp6_input(net, m, from.unicast, from.fragmented, now, rx);
		return;
	}
	if (rx == NULL) {
		rte_pktmbuf_free(m);
		return;
	}
	if (!from.unicast) {
		net_drop(net, m, DROP_IP_DST);
		return;
	}
	if (likely(walk->proto == IPPROTO_TCP)) {
		deliver_tcp(net, m, rx);
		return;
	}
	stat_drop(net->stats, DROP_IP_PROTO);
	if (walk->proto == IPPROTO_NONE || from.fragmented)
		rte_pktmbuf_free(m);
	else if (walk->proto == IPPROTO_UDP)
		icmp6_port_unreachable(net, m, now);
	else
		icmp6_unknown_header(net, m, walk->proto_from, now);
}

void ip6_input(
	struct net *net, struct rte_mbuf *m, bool unicast, struct mono now, struct net_rx *rx)
{
	struct ip6_from from = {.unicast = unicast};
	enum drop drop = check(net, m, &from.unicast);
	struct ip6_walk walk;

	if (unlikely(drop != DROP_N)) {
		net_drop(net, m, drop);
		return;
	}
	if (unlikely(!ip6_ext_walk(m, &walk))) {
		stat_drop(net->stats, DROP_IP_BAD);
		if (walk.tell && from.unicast && rx != NULL)
			icmp6_problem(net, m, walk.code, walk.field, now);
		else
			rte_pktmbuf_free(m);
		return;
	}
	if (unlikely(walk.proto == IPPROTO_FRAGMENT && rx != NULL && from.unicast)) {
		drop_chain(m, &walk);
		m = frag_input6(&net->frag, m, now);
		if (m == NULL)
			return;
		from.fragmented = true;
		if (!ip6_ext_walk(m, &walk)) {
			net_drop(net, m, DROP_IP_BAD);
			return;
		}
	}
	if (unlikely(walk.proto == IPPROTO_FRAGMENT)) {
		net_drop(net, m, DROP_FRAG_BAD);
		return;
	}
	ip6_deliver(net, m, &walk, from, now, rx);
}

bool ip6_write(struct net *net, struct rte_mbuf *m, const struct ip_addr *src,
	const struct ip_addr *dst, uint8_t proto, uint8_t hop_limit, uint8_t tclass)
{
	struct rte_ipv6_hdr *ip;
	uint32_t payload = m->pkt_len;

	ip = (struct rte_ipv6_hdr *)(void *)rte_pktmbuf_prepend(m, sizeof(*ip));
	if (unlikely(ip == NULL || payload > UINT16_MAX)) {
		net_drop(net, m, DROP_NO_MBUF);
		return false;
	}
	ip->vtc_flow = rte_cpu_to_be_32(UINT32_C(6) << 28 | (uint32_t)tclass << 20);
	ip->payload_len = rte_cpu_to_be_16((uint16_t)payload);
	ip->proto = proto;
	ip->hop_limits = hop_limit;
	memcpy(ip->src_addr, src->b, sizeof(ip->src_addr));
	memcpy(ip->dst_addr, dst->b, sizeof(ip->dst_addr));
	m->l3_len = sizeof(*ip);
	csum_fill6(m, ip, net->conf.tx_offloads);
	return true;
}

static void send_fragments(
	struct net *net, struct rte_mbuf *m, struct net_path *path, struct mono now)
{
	struct rte_mbuf *frag[FRAGS_OUT_MAX];
	uint32_t id = rte_cpu_to_be_32(net->frag_id++);
	size_t headers = sizeof(struct rte_ipv6_hdr) + sizeof(struct rte_ipv6_fragment_ext);
	int n = rte_ipv6_fragment_packet(m, frag, FRAGS_OUT_MAX,
		(uint16_t)(headers + ((path->mtu - headers) & ~(size_t)7)), net->pool, net->pool);

	rte_pktmbuf_free(m); // the fragments refer to its data
	if (n < 0) {
		stat_drop(net->stats, DROP_NO_MBUF);
		return;
	}
	for (int i = 0; i < n; i++) {
		struct rte_ipv6_fragment_ext *ext = rte_pktmbuf_mtod_offset(
			frag[i], struct rte_ipv6_fragment_ext *, sizeof(struct rte_ipv6_hdr));

		// The library leaves it zero.
		memcpy(&ext->id, &id, sizeof(id));
		output_packet(net, frag[i], &path->next_hop, &path->neigh, now);
	}
}

void ip6_send(struct net *net, struct rte_mbuf *m, const struct ip_addr *src,
	const struct ip_addr *dst, struct mono now)
{
	struct net_path path;

	if (net_path_find(net, dst, src, &path) != 0) {
		rte_pktmbuf_free(m);
		return;
	}
	if (!ip6_write(net, m, src, dst, IPPROTO_ICMPV6, NET_TTL, 0))
		return;
	if (m->pkt_len > path.mtu)
		send_fragments(net, m, &path, now);
	else
		output_packet(net, m, &path.next_hop, &path.neigh, now);
}
