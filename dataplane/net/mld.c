#include "dataplane/net/mld.h"

#include <netinet/in.h>

#include "common/base/bytes.h"
#include "dataplane/net/csum.h"
#include "dataplane/net/eth.h"
#include "dataplane/net/ip6.h"
#include "dataplane/net/output.h"
#include "dataplane/net/packet.h"

#define REPORT_V1 131
#define REPORT_V2 143
#define RECORD_IS_EXCLUDE 2 // "everything that is sent to the group"
#define RECORD_TO_EXCLUDE 4 // the same, as news

#define HOP_LIMIT 1
#define QUERY_V1 24 // length
#define QUERY_V2 28
#define GROUP 16
#define REPORT_HEADER 8
#define RECORD (4 + GROUP)
#define DELAY_MAX_MS 10000u

// Hop-by-hop: ICMPv6 follows; router alert 0 is MLD (RFC 2711); padded to 8 bytes.
static const uint8_t router_alert[8] = {IPPROTO_ICMPV6, 0, 5, 2, 0, 0, 1, 0};
static const struct ip_addr v2_routers = {{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x16}};

// The solicited-node groups, each once: addresses made from one MAC share theirs.
static unsigned list_groups(const struct net *net, struct ip_addr *group)
{
	unsigned n = 0;

	for (unsigned i = 0; i < net->addrs.n; i++) {
		const struct ip_addr *own = &net->addrs.own[i].addr;
		struct ip_addr a = addrs_solicited_node(own);
		unsigned have = 0;

		if (ip_addr_is_v4(own))
			continue;
		while (have < n && !ip_addr_eq(&group[have], &a))
			have++;
		if (have == n)
			group[n++] = a;
	}
	return n;
}

static const struct ip_addr *link_local(const struct net *net)
{
	for (unsigned i = 0; i < net->addrs.n; i++)
		if (addrs_v6_link_local(net->addrs.own[i].addr.b))
			return &net->addrs.own[i].addr;
	return NULL;
}

static struct rte_mbuf *message(struct net *net, uint8_t type, uint16_t len, uint8_t **icmp)
{
	struct rte_mbuf *m = output_alloc(net);

	if (m == NULL)
		return NULL;
	*icmp = (uint8_t *)rte_pktmbuf_append(m, len);
	if (*icmp == NULL) {
		net_drop(net, m, DROP_NO_MBUF);
		return NULL;
	}
	memset(*icmp, 0, len);
	(*icmp)[0] = type;
	return m;
}

static void send_message(struct net *net, struct rte_mbuf *m, const struct ip_addr *dst)
{
	struct rte_ether_addr mac = eth_group6(dst->b);
	const struct ip_addr *src = link_local(net);
	uint16_t len = (uint16_t)m->pkt_len;
	struct rte_ipv6_hdr ip = {.proto = IPPROTO_ICMPV6};
	uint8_t *icmp = rte_pktmbuf_mtod(m, uint8_t *);
	void *alert = rte_pktmbuf_prepend(m, sizeof(router_alert));
	uint16_t sum;

	if (src == NULL || alert == NULL) {
		rte_pktmbuf_free(m);
		return;
	}
	memcpy(ip.src_addr, src->b, sizeof(ip.src_addr));
	memcpy(ip.dst_addr, dst->b, sizeof(ip.dst_addr));
	sum = (uint16_t)~csum_add(csum_pseudo6(&ip, IPPROTO_ICMPV6, len), csum_bytes(icmp, len));
	memcpy(icmp + 2, &sum, sizeof(sum));
	memcpy(alert, router_alert, sizeof(router_alert));
	if (!ip6_write(net, m, src, dst, IPPROTO_HOPOPTS, HOP_LIMIT, 0))
		return;
	stat_inc(net->stats, STAT_icmp_out);
	eth_output(net, m, &mac, RTE_ETHER_TYPE_IPV6);
}

static void report_v2(struct net *net, uint8_t record)
{
	struct ip_addr group[ADDRS_MAX];
	unsigned n = list_groups(net, group);
	struct rte_mbuf *m;
	uint8_t *icmp;

	if (n == 0)
		return;
	m = message(net, REPORT_V2, (uint16_t)(REPORT_HEADER + n * RECORD), &icmp);
	if (m == NULL)
		return;
	be16_put(icmp + 6, (uint16_t)n);
	icmp += REPORT_HEADER;
	for (unsigned i = 0; i < n; i++, icmp += RECORD) {
		icmp[0] = record;
		memcpy(icmp + 4, group[i].b, GROUP);
	}
	send_message(net, m, &v2_routers);
}

static void report_v1(struct net *net)
{
	struct ip_addr group[ADDRS_MAX];
	unsigned n = list_groups(net, group);

	for (unsigned i = 0; i < n; i++) {
		uint8_t *icmp;
		struct rte_mbuf *m = message(net, REPORT_V1, REPORT_HEADER + GROUP, &icmp);

		if (m == NULL)
			return;
		memcpy(icmp + REPORT_HEADER, group[i].b, GROUP);
		send_message(net, m, &group[i]);
	}
}

void mld_announce(struct net *net)
{
	report_v2(net, RECORD_TO_EXCLUDE);
}

// RFC 3810 §5.1.3: large codes are floating point.
static uint32_t response_ms(uint16_t code)
{
	uint32_t ms = code;

	if (code & 0x8000)
		ms = ((code & 0xfffu) | 0x1000u) << ((code >> 12 & 7u) + 3);
	return RTE_MIN(ms, DELAY_MAX_MS);
}

// RFC 3810 §6.2: only from a neighbour.
static bool is_good(const struct rte_mbuf *m)
{
	const struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod(m, const struct rte_ipv6_hdr *);
	size_t len = m->pkt_len - m->l3_len;

	return ip->hop_limits == HOP_LIMIT && addrs_v6_link_local(ip->src_addr) &&
		ip->proto == IPPROTO_HOPOPTS && (len == QUERY_V1 || len >= QUERY_V2);
}

void mld_input(struct net *net, struct rte_mbuf *m, struct mono now)
{
	uint16_t code;
	struct mono at;

	if (!is_good(m) || !packet_pull(m, m->l3_len + (uint32_t)QUERY_V1)) {
		net_drop(net, m, DROP_ND_BAD);
		return;
	}
	code = be16_get(rte_pktmbuf_mtod_offset(m, const uint8_t *, m->l3_len + 4));
	at = mono_add(now, rng_below(&net->rng, response_ms(code) + 1) * NS_PER_MS);
	if (!net->mld.pending || mono_before(at, net->mld.at))
		net->mld.at = at;
	net->mld.pending = true;
	net->mld.v1 = m->pkt_len - m->l3_len == QUERY_V1;
	rte_pktmbuf_free(m);
}

void mld_advance(struct net *net, struct mono now)
{
	if (!net->mld.pending || !mono_due(now, net->mld.at))
		return;
	net->mld.pending = false;
	if (net->mld.v1)
		report_v1(net);
	else
		report_v2(net, RECORD_IS_EXCLUDE);
}
