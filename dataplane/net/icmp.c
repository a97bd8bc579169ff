#include "dataplane/net/icmp.h"

#include <netinet/in.h>

#include <rte_icmp.h>
#include <rte_ip.h>

#include "common/base/bytes.h"
#include "dataplane/net/csum.h"
#include "dataplane/net/ip4.h"
#include "dataplane/net/output.h"
#include "dataplane/net/packet.h"

#define ICMP_HEADER sizeof(struct rte_icmp_hdr)
#define TYPE_UNREACHABLE 3
#define TYPE_TIME_EXCEEDED 11
#define TYPE_PARAMETER 12
#define CODE_FRAG_NEEDED 4
// Quoted of a packet: the whole message stays within 576 bytes (RFC 1812 §4.3.2.3).
#define QUOTE_MAX (576 - 20 - 8)
// Ports and sequence number.
#define TCP_QUOTED 8

bool icmp_error_allowed(struct net *net, struct mono now)
{
	struct mono from = net->icmp_allowed;

	if (mono_before(from, now))
		from = now;
	if (from.ns - now.ns > ICMP_ERROR_INTERVAL_NS * (ICMP_ERROR_BURST - 1)) {
		stat_drop(net->stats, DROP_ICMP_RATE);
		return false;
	}
	net->icmp_allowed = mono_add(from, ICMP_ERROR_INTERVAL_NS);
	return true;
}

void icmp_strip(struct rte_mbuf *m)
{
	rte_pktmbuf_adj(m, (uint16_t)m->l3_len);
	packet_clear_offloads(m);
}

struct rte_mbuf *icmp_error_build(struct net *net, const struct rte_mbuf *about, uint8_t type,
	uint8_t code, uint32_t quote_max)
{
	struct rte_mbuf *m = output_alloc(net);
	uint8_t *icmp;
	uint32_t n;

	if (m == NULL)
		return NULL;
	n = RTE_MIN(quote_max, about->pkt_len);
	icmp = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)(ICMP_HEADER + n));
	if (icmp == NULL) {
		net_drop(net, m, DROP_NO_MBUF);
		return NULL;
	}
	memset(icmp, 0, ICMP_HEADER);
	icmp[0] = type;
	icmp[1] = code;
	packet_copy(about, icmp + ICMP_HEADER, n);
	stat_inc(net->stats, STAT_icmp_out);
	return m;
}

static void write_csum(struct rte_mbuf *m)
{
	struct rte_icmp_hdr *icmp = rte_pktmbuf_mtod(m, struct rte_icmp_hdr *);

	icmp->icmp_cksum = 0;
	icmp->icmp_cksum = (uint16_t)~csum_chain(m, 0, m->pkt_len);
}

void icmp_unreachable(
	struct net *net, struct rte_mbuf *m, uint8_t code, bool fragmented, struct mono now)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(m, const struct rte_ipv4_hdr *);
	struct ip_addr src = ip_addr_from_v4(ip->dst_addr);
	struct ip_addr dst = ip_addr_from_v4(ip->src_addr);
	struct rte_mbuf *error = NULL;

	if (!fragmented && icmp_error_allowed(net, now))
		error = icmp_error_build(net, m, TYPE_UNREACHABLE, code, QUOTE_MAX);
	rte_pktmbuf_free(m);
	if (error == NULL)
		return;
	write_csum(error);
	ip4_send(net, error, &src, &dst, now);
}

static void echo(struct net *net, struct rte_mbuf *m, struct mono now)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(m, const struct rte_ipv4_hdr *);
	struct ip_addr src = ip_addr_from_v4(ip->dst_addr);
	struct ip_addr dst = ip_addr_from_v4(ip->src_addr);

	icmp_strip(m);
	rte_pktmbuf_mtod(m, struct rte_icmp_hdr *)->icmp_type = RTE_IP_ICMP_ECHO_REPLY;
	write_csum(m);
	stat_inc(net->stats, STAT_icmp_out);
	ip4_send(net, m, &src, &dst, now);
}

// What a router that does not say should have said (RFC 1191 §7.1).
static uint16_t plateau_below(uint16_t len)
{
	static const uint16_t plateau[] = {32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296};

	for (size_t i = 0; i < RTE_DIM(plateau); i++)
		if (plateau[i] < len)
			return plateau[i];
	return 68;
}

// Reads what the error quotes. False when it is not one of our TCP segments.
static bool parse_quote(struct net *net, const uint8_t *icmp, uint32_t len, struct net_icmp *out)
{
	const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)(icmp + ICMP_HEADER);
	const uint8_t *tcp;
	uint32_t header;

	if (len < ICMP_HEADER + sizeof(*ip))
		return false;
	header = rte_ipv4_hdr_len(ip);
	if (ip->version_ihl >> 4 != 4 || header < sizeof(*ip) ||
		len < ICMP_HEADER + header + TCP_QUOTED || ip->next_proto_id != IPPROTO_TCP ||
		(ip->fragment_offset & rte_cpu_to_be_16(RTE_IPV4_HDR_OFFSET_MASK)) != 0)
		return false;
	tcp = icmp + ICMP_HEADER + header;
	*out = (struct net_icmp){
		.kind = NET_ICMP_UNREACHABLE,
		.local_port = be16_get(tcp),
		.remote_port = be16_get(tcp + 2),
		.seq = be32_get(tcp + 4),
		.local = ip_addr_from_v4(ip->src_addr),
		.remote = ip_addr_from_v4(ip->dst_addr),
	};
	if (icmp[0] == TYPE_UNREACHABLE && icmp[1] == CODE_FRAG_NEEDED) {
		out->kind = NET_ICMP_TOO_BIG;
		out->mtu = be16_get(icmp + 6);
		if (out->mtu == 0)
			out->mtu = plateau_below(rte_be_to_cpu_16(ip->total_length));
	}
	return addrs_is_own(&net->addrs, &out->local);
}

static void error_input(struct net *net, struct rte_mbuf *m, struct net_rx *rx)
{
	uint32_t want = RTE_MIN(m->pkt_len, (uint32_t)m->l3_len + QUOTE_MAX);

	if (!packet_pull(m, want) ||
		!parse_quote(net, rte_pktmbuf_mtod_offset(m, const uint8_t *, m->l3_len),
			want - m->l3_len, &rx->icmp[rx->icmp_n])) {
		net_drop(net, m, DROP_ICMP_BAD);
		return;
	}
	rx->icmp_n++;
	rte_pktmbuf_free(m);
}

void icmp_input(struct net *net, struct rte_mbuf *m, struct mono now, struct net_rx *rx)
{
	uint32_t len = m->pkt_len - m->l3_len;

	stat_inc(net->stats, STAT_icmp_in);
	if (len < ICMP_HEADER || csum_chain(m, m->l3_len, len) != UINT16_MAX ||
		!packet_pull(m, m->l3_len + (uint32_t)ICMP_HEADER)) {
		net_drop(net, m, DROP_ICMP_BAD);
		return;
	}
	switch (*rte_pktmbuf_mtod_offset(m, const uint8_t *, m->l3_len)) {
	case RTE_IP_ICMP_ECHO_REQUEST:
		echo(net, m, now);
		break;
	case TYPE_UNREACHABLE:
	case TYPE_TIME_EXCEEDED:
	case TYPE_PARAMETER:
		error_input(net, m, rx);
		break;
	default:
		rte_pktmbuf_free(m);
		break;
	}
}
