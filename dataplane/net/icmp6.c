#include "dataplane/net/icmp6.h"

#include <netinet/in.h>

#include <rte_ip.h>

#include "common/base/bytes.h"
#include "dataplane/net/csum.h"
#include "dataplane/net/icmp.h"
#include "dataplane/net/ip6.h"
#include "dataplane/net/mld.h"
#include "dataplane/net/nd.h"
#include "dataplane/net/packet.h"

#define TYPE_UNREACHABLE 1
#define TYPE_TOO_BIG 2
#define TYPE_TIME_EXCEEDED 3
#define TYPE_PARAMETER 4
#define TYPE_ECHO_REQUEST 128
#define TYPE_ECHO_REPLY 129
#define CODE_PORT 4
#define CODE_UNKNOWN_HEADER 1
#define HEADER 8
#define TCP_QUOTED 8
// The whole message stays within the MTU that every link has.
#define QUOTE_MAX (1280 - 40 - HEADER)
// As much of a quote as is looked at.
#define QUOTE_READ (40 + TCP_QUOTED)

static void send_error(struct net *net, struct rte_mbuf *m, uint8_t type, uint8_t code,
	uint32_t pointer, struct mono now)
{
	const struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod(m, const struct rte_ipv6_hdr *);
	struct ip_addr src = addrs_from_v6(ip->dst_addr);
	struct ip_addr dst = addrs_from_v6(ip->src_addr);
	struct rte_mbuf *error = NULL;

	if (icmp_error_allowed(net, now))
		error = icmp_error_build(net, m, type, code, QUOTE_MAX);
	rte_pktmbuf_free(m);
	if (error == NULL)
		return;
	be32_put(rte_pktmbuf_mtod_offset(error, uint8_t *, 4), pointer);
	ip6_send(net, error, &src, &dst, now);
}

void icmp6_port_unreachable(struct net *net, struct rte_mbuf *m, struct mono now)
{
	send_error(net, m, TYPE_UNREACHABLE, CODE_PORT, 0, now);
}

void icmp6_problem(
	struct net *net, struct rte_mbuf *m, uint8_t code, uint16_t field, struct mono now)
{
	send_error(net, m, TYPE_PARAMETER, code, field, now);
}

void icmp6_unknown_header(struct net *net, struct rte_mbuf *m, uint16_t field, struct mono now)
{
	icmp6_problem(net, m, CODE_UNKNOWN_HEADER, field, now);
}

static void echo(struct net *net, struct rte_mbuf *m, struct mono now)
{
	const struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod(m, const struct rte_ipv6_hdr *);
	struct ip_addr src = addrs_from_v6(ip->dst_addr);
	struct ip_addr dst = addrs_from_v6(ip->src_addr);

	icmp_strip(m);
	*rte_pktmbuf_mtod(m, uint8_t *) = TYPE_ECHO_REPLY;
	stat_inc(net->stats, STAT_icmp_out);
	ip6_send(net, m, &src, &dst, now);
}

// Reads what the error quotes. False when it is not one of our TCP segments: those have no
// extension headers.
static bool parse_quote(struct net *net, const uint8_t *icmp, uint32_t len, struct net_icmp *out)
{
	const struct rte_ipv6_hdr *ip = (const struct rte_ipv6_hdr *)(icmp + HEADER);
	const uint8_t *tcp = (const uint8_t *)(ip + 1);

	if (len < HEADER + QUOTE_READ || be32_get(&ip->vtc_flow) >> 28 != 6 ||
		ip->proto != IPPROTO_TCP)
		return false;
	*out = (struct net_icmp){
		.kind = NET_ICMP_UNREACHABLE,
		.local_port = be16_get(tcp),
		.remote_port = be16_get(tcp + 2),
		.seq = be32_get(tcp + 4),
		.local = addrs_from_v6(ip->src_addr),
		.remote = addrs_from_v6(ip->dst_addr),
	};
	if (icmp[0] == TYPE_TOO_BIG) {
		uint32_t mtu = be32_get(icmp + 4);

		out->kind = NET_ICMP_TOO_BIG;
		out->mtu = (uint16_t)RTE_MIN(mtu, (uint32_t)UINT16_MAX);
	}
	return addrs_is_own(&net->addrs, &out->local);
}

static void error_input(struct net *net, struct rte_mbuf *m, struct net_rx *rx)
{
	uint32_t want = RTE_MIN(m->pkt_len, (uint32_t)m->l3_len + HEADER + QUOTE_READ);

	if (!packet_pull(m, want) ||
		!parse_quote(net, rte_pktmbuf_mtod_offset(m, const uint8_t *, m->l3_len),
			want - m->l3_len, &rx->icmp[rx->icmp_n])) {
		net_drop(net, m, DROP_ICMP_BAD);
		return;
	}
	rx->icmp_n++;
	rte_pktmbuf_free(m);
}

static bool csum_ok(const struct rte_mbuf *m, uint32_t len)
{
	const struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod(m, const struct rte_ipv6_hdr *);

	return csum_add(csum_pseudo6(ip, IPPROTO_ICMPV6, len), csum_chain(m, m->l3_len, len)) ==
		UINT16_MAX;
}

static void dispatch(
	struct net *net, struct rte_mbuf *m, bool unicast, struct mono now, struct net_rx *rx)
{
	switch (*rte_pktmbuf_mtod_offset(m, const uint8_t *, m->l3_len)) {
	case TYPE_ECHO_REQUEST:
		// A group is not answered for: it would have to be from an address of ours.
		if (unicast)
			echo(net, m, now);
		else
			net_drop(net, m, DROP_IP_DST);
		break;
	case MLD_QUERY:
		mld_input(net, m, now);
		break;
	case TYPE_UNREACHABLE:
	case TYPE_TOO_BIG:
	case TYPE_TIME_EXCEEDED:
	case TYPE_PARAMETER:
		error_input(net, m, rx);
		break;
	default:
		rte_pktmbuf_free(m);
		break;
	}
}

void icmp6_input(struct net *net, struct rte_mbuf *m, bool unicast, bool fragmented,
	struct mono now, struct net_rx *rx)
{
	uint32_t len = m->pkt_len - m->l3_len;
	struct ip_addr src;
	uint8_t type;

	if (rx != NULL)
		stat_inc(net->stats, STAT_icmp_in);
	if (len < HEADER || !packet_pull(m, m->l3_len + (uint32_t)HEADER) || !csum_ok(m, len)) {
		net_drop(net, m, DROP_ICMP_BAD);
		return;
	}
	type = *rte_pktmbuf_mtod_offset(m, const uint8_t *, m->l3_len);
	src = addrs_from_v6(rte_pktmbuf_mtod(m, const struct rte_ipv6_hdr *)->src_addr);
	if (type >= ND_FIRST && type <= ND_LAST) {
		// RFC 6980: never in fragments.
		if (fragmented)
			net_drop(net, m, DROP_ND_BAD);
		else
			nd_input(net, m, now, rx);
	} else if (rx == NULL) {
		rte_pktmbuf_free(m);
	} else if (ip_addr_is_any(&src)) {
		net_drop(net, m, DROP_IP_MARTIAN);
	} else {
		dispatch(net, m, unicast, now, rx);
	}
}
