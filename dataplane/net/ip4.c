#include "dataplane/net/ip4.h"

#include <netinet/in.h>

#include <rte_ip.h>
#include <rte_tcp.h>

#include "dataplane/net/csum.h"
#include "dataplane/net/icmp.h"
#include "dataplane/net/output.h"
#include "dataplane/net/packet.h"

#define IP4_VERSION_IHL 0x45
// Fragments of one packet that we send.
#define FRAGS_OUT_MAX 64
// The longest TCP header.
#define TCP_HEADER_MAX 60

static bool header_csum_ok(const struct rte_mbuf *m, const struct rte_ipv4_hdr *ip, unsigned len)
{
	uint64_t port_says = m->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK;

	// NONE: what stands in the field is wrong, but the header was verified otherwise.
	if (port_says == RTE_MBUF_F_RX_IP_CKSUM_GOOD || port_says == RTE_MBUF_F_RX_IP_CKSUM_NONE)
		return true;
	return port_says != RTE_MBUF_F_RX_IP_CKSUM_BAD && csum_ip4_ok(ip, len);
}

// Checks the header and trims padding. DROP_N when all is well.
static enum drop check(struct net *net, struct rte_mbuf *m)
{
	const struct rte_ipv4_hdr *ip;
	struct ip_addr dst;
	unsigned header;
	unsigned total;

	if (unlikely(!packet_pull(m, sizeof(*ip))))
		return DROP_IP_BAD;
	ip = rte_pktmbuf_mtod(m, const struct rte_ipv4_hdr *);
	header = rte_ipv4_hdr_len(ip);
	total = rte_be_to_cpu_16(ip->total_length);
	if (unlikely(ip->version_ihl >> 4 != 4 || header < sizeof(*ip) || total < header ||
		    total > m->pkt_len || !packet_pull(m, header)))
		return DROP_IP_BAD;
	if (unlikely(!header_csum_ok(m, ip, header)))
		return DROP_IP_CSUM;
	packet_trim(m, total);
	dst = ip_addr_from_v4(ip->dst_addr);
	if (unlikely(!addrs_is_own(&net->addrs, &dst)))
		return DROP_IP_DST;
	if (unlikely(!addrs_source_ok4(&net->addrs, ip->src_addr)))
		return DROP_IP_MARTIAN;
	m->l3_len = header & 0x1ffu;
	return DROP_N;
}

static void deliver_tcp(struct net *net, struct rte_mbuf *m, struct net_rx *rx)
{
	uint32_t want = RTE_MIN(m->pkt_len, (uint32_t)m->l3_len + TCP_HEADER_MAX);

	if (unlikely(!packet_pull(m, want))) {
		net_drop(net, m, DROP_IP_BAD);
		return;
	}
	m->packet_type = RTE_PTYPE_L3_IPV4 | RTE_PTYPE_L4_TCP;
	rx->seg[rx->seg_n++] = m;
}

static void ip4_deliver(
	struct net *net, struct rte_mbuf *m, bool fragmented, struct mono now, struct net_rx *rx)
{
	switch (rte_pktmbuf_mtod(m, const struct rte_ipv4_hdr *)->next_proto_id) {
	case IPPROTO_TCP:
		deliver_tcp(net, m, rx);
		break;
	case IPPROTO_ICMP:
		icmp_input(net, m, now, rx);
		break;
	case IPPROTO_UDP:
		stat_drop(net->stats, DROP_IP_PROTO);
		icmp_unreachable(net, m, ICMP_PORT_UNREACHABLE, fragmented, now);
		break;
	default:
		stat_drop(net->stats, DROP_IP_PROTO);
		icmp_unreachable(net, m, ICMP_PROTOCOL_UNREACHABLE, fragmented, now);
		break;
	}
}

static bool is_fragment(const struct rte_ipv4_hdr *ip)
{
	return (ip->fragment_offset &
		       rte_cpu_to_be_16(RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK)) != 0;
}

void ip4_input(
	struct net *net, struct rte_mbuf *m, bool unicast, struct mono now, struct net_rx *rx)
{
	enum drop drop = check(net, m);
	bool fragmented;

	// Sent to everybody on the link although the address is ours alone: RFC 1122 §3.3.6.
	if (drop == DROP_N && unlikely(!unicast))
		drop = DROP_IP_DST;
	if (unlikely(drop != DROP_N)) {
		net_drop(net, m, drop);
		return;
	}
	if (unlikely(rx == NULL)) {
		rte_pktmbuf_free(m);
		return;
	}
	fragmented = is_fragment(rte_pktmbuf_mtod(m, const struct rte_ipv4_hdr *));
	if (unlikely(fragmented)) {
		m = frag_input4(&net->frag, m, now);
		if (m == NULL)
			return;
		m->l3_len =
			rte_ipv4_hdr_len(rte_pktmbuf_mtod(m, const struct rte_ipv4_hdr *)) & 0x1ffu;
	}
	ip4_deliver(net, m, fragmented, now, rx);
}

static struct rte_ipv4_hdr *prepend(struct net *net, struct rte_mbuf *m, const struct ip_addr *src,
	const struct ip_addr *dst, uint8_t proto, uint8_t tclass)
{
	struct rte_ipv4_hdr *ip =
		(struct rte_ipv4_hdr *)(void *)rte_pktmbuf_prepend(m, sizeof(*ip));

	if (unlikely(ip == NULL || m->pkt_len > UINT16_MAX)) {
		net_drop(net, m, DROP_NO_MBUF);
		return NULL;
	}
	// Whole and not to be fragmented: the ID means nothing then (RFC 6864 §4.1).
	*ip = (struct rte_ipv4_hdr){
		.version_ihl = IP4_VERSION_IHL,
		.type_of_service = tclass,
		.total_length = rte_cpu_to_be_16((uint16_t)m->pkt_len),
		.fragment_offset = rte_cpu_to_be_16(RTE_IPV4_HDR_DF_FLAG),
		.time_to_live = NET_TTL,
		.next_proto_id = proto,
		.src_addr = ip_addr_v4(src),
		.dst_addr = ip_addr_v4(dst),
	};
	m->l3_len = sizeof(*ip);
	return ip;
}

bool ip4_write(struct net *net, struct rte_mbuf *m, const struct ip_addr *src,
	const struct ip_addr *dst, uint8_t proto, uint8_t tclass)
{
	struct rte_ipv4_hdr *ip = prepend(net, m, src, dst, proto, tclass);

	if (unlikely(ip == NULL))
		return false;
	csum_fill4(m, ip, net->conf.tx_offloads);
	return true;
}

static void send_fragments(
	struct net *net, struct rte_mbuf *m, struct net_path *path, struct mono now)
{
	struct rte_mbuf *frag[FRAGS_OUT_MAX];
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(m, struct rte_ipv4_hdr *);
	int n;

	ip->fragment_offset = 0;
	ip->packet_id = rte_cpu_to_be_16((uint16_t)net->frag_id++);
	// Payloads of all but the last are multiples of 8; the library wants it of the MTU.
	n = rte_ipv4_fragment_packet(m, frag, FRAGS_OUT_MAX,
		(uint16_t)(sizeof(*ip) + ((path->mtu - sizeof(*ip)) & ~7u)), net->pool, net->pool);
	rte_pktmbuf_free(m); // the fragments refer to its data
	if (n < 0) {
		stat_drop(net->stats, DROP_NO_MBUF);
		return;
	}
	for (int i = 0; i < n; i++) {
		frag[i]->l3_len = sizeof(*ip);
		csum_fill4(frag[i], rte_pktmbuf_mtod(frag[i], struct rte_ipv4_hdr *),
			net->conf.tx_offloads);
		output_packet(net, frag[i], &path->next_hop, &path->neigh, now);
	}
}

void ip4_send(struct net *net, struct rte_mbuf *m, const struct ip_addr *src,
	const struct ip_addr *dst, struct mono now)
{
	struct net_path path;

	if (net_path_find(net, dst, src, &path) != 0) {
		rte_pktmbuf_free(m);
		return;
	}
	if (m->pkt_len + sizeof(struct rte_ipv4_hdr) > path.mtu) {
		if (prepend(net, m, src, dst, IPPROTO_ICMP, 0) != NULL)
			send_fragments(net, m, &path, now);
	} else if (ip4_write(net, m, src, dst, IPPROTO_ICMP, 0)) {
		output_packet(net, m, &path.next_hop, &path.neigh, now);
	}
}
