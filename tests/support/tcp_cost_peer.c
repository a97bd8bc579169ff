#include "tests/support/tcp_cost_peer.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ip.h>

#include "common/base/bytes.h"
#include "dataplane/net/csum.h"
#include "dataplane/tcp/tcp_seg.h"

#define PORTS 16384
#define PORT_FIRST 10000
#define TCP_HEADER 20
#define OPTS_SYN 20
#define OPTS_TS 12
#define WINDOW 0xffff
#define WSCALE 7

void peer_start(struct peer *peer, struct rig *rig, uint32_t conns)
{
	*peer = (struct peer){.rig = rig, .n = conns, .to = rig_addr(rig)};
	if (!ip_addr_parse(rig->options.v6 ? "2001:db8:1::" : "10.1.0.0", &peer->base))
		rig_die("address");
	peer->conns = calloc(conns, sizeof(peer->conns[0]));
	if (peer->conns == NULL)
		rig_die("no memory for the peer");
	// Not the same for all: sequence numbers that lie apart.
	for (uint32_t i = 0; i < conns; i++)
		peer->conns[i].seq = i * UINT32_C(2654435761);
	memset(peer->data, 'x', sizeof(peer->data));
}

void peer_stop(struct peer *peer)
{
	free(peer->conns);
}

static unsigned write_options(uint8_t *p, const struct peer_conn *conn, bool syn, uint32_t tsval)
{
	// MSS 1460, SACK permitted, and the kind and length of timestamps.
	static const uint8_t head_syn[] = {2, 4, 0x05, 0xb4, 4, 2, 8, 10};
	static const uint8_t tail_syn[] = {1, 3, 3, WSCALE};
	static const uint8_t head[] = {1, 1, 8, 10};
	unsigned at = syn ? sizeof(head_syn) : sizeof(head);

	memcpy(p, syn ? head_syn : head, at);
	be32_put(p + at, tsval);
	be32_put(p + at + 4, conn->tsecr);
	if (!syn)
		return OPTS_TS;
	memcpy(p + at + 8, tail_syn, sizeof(tail_syn));
	return OPTS_SYN;
}

static void write_ip4(struct peer *peer, struct rte_mbuf *m, uint32_t host)
{
	struct rte_ipv4_hdr *ip = (void *)rte_pktmbuf_prepend(m, sizeof(*ip));

	*ip = (struct rte_ipv4_hdr){.version_ihl = 0x45,
		.total_length = rte_cpu_to_be_16((uint16_t)m->pkt_len),
		.time_to_live = 64,
		.next_proto_id = IPPROTO_TCP,
		.src_addr = rte_cpu_to_be_32(rte_be_to_cpu_32(ip_addr_v4(&peer->base)) + host),
		.dst_addr = ip_addr_v4(&peer->to)};
	m->l3_len = sizeof(*ip);
	if (peer->rig->options.software_csum)
		csum_fill4(m, ip, 0);
}

static void write_ip6(struct peer *peer, struct rte_mbuf *m, uint32_t host)
{
	struct rte_ipv6_hdr *ip = (void *)rte_pktmbuf_prepend(m, sizeof(*ip));

	*ip = (struct rte_ipv6_hdr){.vtc_flow = rte_cpu_to_be_32(0x60000000),
		.payload_len = rte_cpu_to_be_16((uint16_t)(m->pkt_len - sizeof(*ip))),
		.proto = IPPROTO_TCP,
		.hop_limits = 64};
	memcpy(ip->src_addr, peer->base.b, 16);
	memcpy(ip->dst_addr, peer->to.b, 16);
	be32_put(ip->src_addr + 12, host);
	m->l3_len = sizeof(*ip);
	if (peer->rig->options.software_csum)
		csum_fill6(m, ip, 0);
}

static void frame_finish(struct peer *peer, struct rte_mbuf *m, uint32_t host)
{
	bool v6 = peer->rig->options.v6;
	struct rte_ether_hdr *eth;

	if (v6)
		write_ip6(peer, m, host);
	else
		write_ip4(peer, m, host);
	eth = (void *)rte_pktmbuf_prepend(m, sizeof(*eth));
	eth->dst_addr = rig_mac;
	eth->src_addr = rig_gateway_mac;
	eth->ether_type = rte_cpu_to_be_16(v6 ? RTE_ETHER_TYPE_IPV6 : RTE_ETHER_TYPE_IPV4);
	m->ol_flags = peer->rig->options.software_csum
		? 0
		: RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
}

static struct rte_mbuf *make(
	struct peer *peer, uint32_t i, uint8_t flags, uint32_t ack, uint32_t len)
{
	struct peer_conn *conn = &peer->conns[i];
	struct rte_mbuf *m = rte_pktmbuf_alloc(peer->rig->pool);
	unsigned header = TCP_HEADER;
	uint8_t *p;

	if (m == NULL)
		rig_die("no packet buffer left for connection %u", i);
	p = rte_pktmbuf_mtod(m, uint8_t *);
	header += write_options(
		p + TCP_HEADER, conn, flags & TCP_SYN, (uint32_t)(peer->rig->now.ns / NS_PER_MS));
	be16_put(p, (uint16_t)(PORT_FIRST + i % PORTS));
	be16_put(p + 2, RIG_PORT);
	be32_put(p + 4, conn->seq);
	be32_put(p + 8, flags & TCP_ACK ? ack : 0);
	p[12] = (uint8_t)(header / 4 << 4);
	p[13] = flags;
	be16_put(p + 14, WINDOW);
	be32_put(p + 16, 0);
	memcpy(p + header, peer->data, len);
	m->data_len = (uint16_t)(header + len);
	m->pkt_len = header + len;
	conn->seq += len + ((flags & TCP_SYN) != 0) + ((flags & TCP_FIN) != 0);
	frame_finish(peer, m, i / PORTS);
	return m;
}

struct rte_mbuf *peer_segment(struct peer *peer, uint32_t i, uint8_t flags, uint32_t len)
{
	return make(peer, i, flags, peer->conns[i].ack, len);
}

struct rte_mbuf *peer_ack(struct peer *peer, uint32_t i, uint32_t ack)
{
	return make(peer, i, TCP_ACK, ack, 0);
}

static uint32_t host_of(const struct peer *peer, const uint8_t *ip, bool v6)
{
	if (v6)
		return be32_get(ip + 24 + 12);
	return be32_get(ip + 16) - rte_be_to_cpu_32(ip_addr_v4(&peer->base));
}

static uint32_t take_one(struct peer *peer, struct rte_mbuf *m)
{
	const uint8_t *ip = rte_pktmbuf_mtod(m, const uint8_t *) + sizeof(struct rte_ether_hdr);
	bool v6 = peer->rig->options.v6;
	const uint8_t *tcp = ip + (v6 ? 40 : 20);
	uint32_t i = host_of(peer, ip, v6) * PORTS + be16_get(tcp + 2) - PORT_FIRST;
	uint32_t len = m->pkt_len - (uint32_t)(tcp - rte_pktmbuf_mtod(m, const uint8_t *)) -
		(uint32_t)(tcp[12] >> 4) * 4;
	uint8_t flags = tcp[13];
	struct peer_conn *conn;

	if (i >= peer->n)
		rig_die("a frame for nobody");
	if (flags & TCP_RST)
		rig_die("connection %u was reset", i);
	conn = &peer->conns[i];
	conn->ack = be32_get(tcp + 4) + len + ((flags & TCP_SYN) != 0) + ((flags & TCP_FIN) != 0);
	conn->tsecr = be32_get(tcp + TCP_HEADER + (flags & TCP_SYN ? 8 : 4));
	conn->got += len;
	return len;
}

uint64_t peer_take(struct peer *peer, struct rte_mbuf **frames, unsigned n)
{
	uint64_t bytes = 0;

	for (unsigned k = 0; k < n; k++)
		bytes += take_one(peer, frames[k]);
	rte_pktmbuf_free_bulk(frames, n);
	return bytes;
}

void peer_accept(struct peer *peer)
{
	struct tcp_conn *conn;

	while ((conn = tcp_accept(peer->rig->listener)) != NULL) {
		struct tcp_endpoints ends = tcp_conn_endpoints(conn);
		uint8_t ip[40];
		uint32_t i;

		memcpy(ip + 24, ends.remote.b, 16);
		if (!peer->rig->options.v6)
			memcpy(ip + 16, ends.remote.b + 12, 4);
		i = host_of(peer, ip, peer->rig->options.v6) * PORTS + ends.remote_port -
			PORT_FIRST;
		peer->conns[i].ours = conn;
	}
}

void peer_open(struct peer *peer, uint32_t from, uint32_t to)
{
	struct rig *rig = peer->rig;
	struct rte_mbuf *in[RIG_BURST];
	struct rte_mbuf *out[NET_BURST];

	while (from < to) {
		unsigned n = RTE_MIN(to - from, (uint32_t)RIG_BURST);

		rig_step(rig);
		for (unsigned k = 0; k < n; k++)
			in[k] = peer_segment(peer, from + k, TCP_SYN, 0);
		rig_input(rig, in, n);
		peer_take(peer, out, rig_output(rig, out, NET_BURST));
		for (unsigned k = 0; k < n; k++)
			in[k] = peer_segment(peer, from + k, TCP_ACK, 0);
		rig_input(rig, in, n);
		peer_accept(peer);
		peer_take(peer, out, rig_output(rig, out, NET_BURST));
		from += n;
	}
	if (tcp_usage(rig->tcp).conns < to)
		rig_die("%u connections are open, not %u", tcp_usage(rig->tcp).conns, to);
}
