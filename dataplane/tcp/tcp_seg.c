#include "dataplane/tcp/tcp_seg.h"

#include <netinet/in.h>

#include <rte_ip.h>
#include <rte_mbuf_ptype.h>

#include "common/base/bytes.h"
#include "common/base/compiler.h"
#include "dataplane/net/csum.h"

#define HEADER_MIN 20

// The last two bits of type of service or traffic class.
#define ECN_CE 3u

static void read_ip(struct tcp_seg *seg, const struct rte_mbuf *m)
{
	struct tcp_key *key = &seg->key;

	seg->v6 = (m->packet_type & RTE_PTYPE_L3_MASK) == RTE_PTYPE_L3_IPV6;
	if (seg->v6) {
		const struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod(m, const struct rte_ipv6_hdr *);

		memcpy(key->remote.b, ip->src_addr, sizeof(key->remote.b));
		memcpy(key->local.b, ip->dst_addr, sizeof(key->local.b));
		seg->ce = (rte_be_to_cpu_32(ip->vtc_flow) >> 20 & ECN_CE) == ECN_CE;
	} else {
		const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(m, const struct rte_ipv4_hdr *);

		key->remote = ip_addr_from_v4(ip->src_addr);
		key->local = ip_addr_from_v4(ip->dst_addr);
		seg->ce = (ip->type_of_service & ECN_CE) == ECN_CE;
	}
}

// RFC 9293 §3.1: over pseudo-header, header and payload the ones' complement sum is all ones.
static bool checksum_ok(const struct tcp_seg *seg, const struct rte_mbuf *m, uint32_t l4_len)
{
	uint64_t port_says = m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK;
	unsigned skip = seg->v6 ? 0 : 12; // the mapped prefix is no part of an IPv4 address
	uint16_t sum;

	// NONE: the other end of a virtual link left it to an offload, and no wire lies between.
	if (port_says == RTE_MBUF_F_RX_L4_CKSUM_GOOD || port_says == RTE_MBUF_F_RX_L4_CKSUM_NONE)
		return true;
	if (port_says == RTE_MBUF_F_RX_L4_CKSUM_BAD)
		return false;
	sum = csum_chain(m, m->l3_len, l4_len);
	sum = csum_add(sum, csum_bytes(seg->key.remote.b + skip, 16 - skip));
	sum = csum_add(sum, csum_bytes(seg->key.local.b + skip, 16 - skip));
	sum = csum_add(sum, rte_cpu_to_be_16(IPPROTO_TCP));
	sum = csum_add(sum, rte_cpu_to_be_16((uint16_t)l4_len));
	return sum == 0xffff;
}

bool tcp_seg_parse(struct tcp_seg *seg, struct rte_mbuf *m, enum drop *why)
{
	const uint8_t *tcp = rte_pktmbuf_mtod_offset(m, const uint8_t *, m->l3_len);
	uint32_t l4_len = m->pkt_len - m->l3_len;
	unsigned header;

	seg->m = m;
	seg->last = m;
	*why = DROP_TCP_BAD;
	if (unlikely(m->data_len < m->l3_len + HEADER_MIN))
		return false;
	header = (tcp[12] >> 4) * 4u;
	if (unlikely(header < HEADER_MIN || m->l3_len + header > m->data_len))
		return false;
	read_ip(seg, m);
	seg->key.remote_port = be16_get(tcp);
	seg->key.local_port = be16_get(tcp + 2);
	seg->seq = be32_get(tcp + 4);
	seg->ack = be32_get(tcp + 8);
	seg->flags = tcp[13];
	seg->wnd = be16_get(tcp + 14);
	seg->len = l4_len - header;
	if (unlikely(!tcp_opt_parse(tcp + HEADER_MIN, header - HEADER_MIN, &seg->opts)))
		return false;
	*why = DROP_TCP_CSUM;
	if (unlikely(!checksum_ok(seg, m, l4_len)))
		return false;
	m->data_off = (uint16_t)(m->data_off + m->l3_len + header);
	m->data_len = (uint16_t)(m->data_len - m->l3_len - header);
	m->pkt_len = seg->len;
	return true;
}

// Flags that mean nothing for what lies before or behind.
#define PLAIN (TCP_ACK | TCP_PSH)

bool tcp_seg_follows(const struct tcp_seg *seg, const struct tcp_seg *next)
{
	return next->seq == seg->seq + seg->len && next->len > 0 && next->ack == seg->ack &&
		next->wnd == seg->wnd && !(next->flags & ~PLAIN) && next->ce == seg->ce &&
		next->opts.ts == seg->opts.ts && next->opts.tsval == seg->opts.tsval &&
		next->opts.tsecr == seg->opts.tsecr && next->opts.sack_n == 0 &&
		tcp_key_eq(&next->key, &seg->key) && seg->m->nb_segs == 1 && next->m->nb_segs == 1;
}

void tcp_seg_join(struct tcp_seg *seg, struct tcp_seg *next)
{
	seg->last->next = next->m;
	seg->last = next->m;
	seg->len += next->len;
	seg->flags |= next->flags;
	next->m = NULL;
}

void tcp_seg_free(struct tcp_seg *seg)
{
	while (seg->m != NULL) {
		struct rte_mbuf *next = seg->m->next;

		rte_pktmbuf_free_seg(seg->m);
		seg->m = next;
	}
}

void tcp_seg_trim_front(struct tcp_seg *seg, uint32_t n)
{
	seg->seq += n;
	seg->len -= n;
	while (n > 0) {
		struct rte_mbuf *m = seg->m;
		uint16_t part = (uint16_t)RTE_MIN(n, m->data_len);

		m->data_off = (uint16_t)(m->data_off + part);
		m->data_len = (uint16_t)(m->data_len - part);
		n -= part;
		if (m->data_len == 0 && m->next != NULL) {
			seg->m = m->next;
			rte_pktmbuf_free_seg(m);
		}
	}
}

void tcp_seg_trim_back(struct tcp_seg *seg, uint32_t n)
{
	uint32_t left = seg->len - n;

	seg->len = left;
	for (struct rte_mbuf *m = seg->m; m != NULL; m = m->next) {
		m->data_len = (uint16_t)RTE_MIN(left, m->data_len);
		left -= m->data_len;
	}
}
