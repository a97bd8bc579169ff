#include "dataplane/net/csum.h"

#include <netinet/in.h>
#include <string.h>

#include <rte_ethdev.h>
#include <rte_icmp.h>
#include <rte_tcp.h>

// Where the checksum stands in its header.
#define TCP_CSUM_OFF offsetof(struct rte_tcp_hdr, cksum)
#define ICMP_CSUM_OFF offsetof(struct rte_icmp_hdr, icmp_cksum)

static uint16_t fold(uint64_t sum)
{
	sum = (sum & UINT32_MAX) + (sum >> 32);
	sum = (sum & UINT32_MAX) + (sum >> 32);
	sum = (sum & UINT16_MAX) + (sum >> 16);
	sum = (sum & UINT16_MAX) + (sum >> 16);
	return (uint16_t)sum;
}

static uint64_t load8(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return (v & UINT32_MAX) + (v >> 32);
}

// Fewer than 8 bytes. A last odd one is the first of its word; where the words begin makes no
// difference as long as that is even.
static uint64_t sum_tail(const uint8_t *p, size_t len)
{
	uint64_t sum = 0;
	uint32_t four;
	uint16_t two;

	if (len & 4) {
		memcpy(&four, p, sizeof(four));
		sum += four;
		p += 4;
	}
	if (len & 2) {
		memcpy(&two, p, sizeof(two));
		sum += two;
		p += 2;
	}
	if (len & 1)
		sum += rte_cpu_to_be_16((uint16_t)(*p << 8));
	return sum;
}

uint16_t csum_bytes(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t sum = 0;
	uint64_t other = 0; // a second chain of additions for the CPU to overlap

	for (; len >= 32; len -= 32, p += 32) {
		sum += load8(p) + load8(p + 8);
		other += load8(p + 16) + load8(p + 24);
	}
	for (; len >= 8; len -= 8, p += 8)
		sum += load8(p);
	return fold(sum + other + sum_tail(p, len));
}

uint16_t csum_chain(const struct rte_mbuf *m, uint32_t off, uint32_t len)
{
	uint16_t sum = 0;
	bool odd = false;

	for (; m != NULL && off >= m->data_len; m = m->next)
		off -= m->data_len;
	for (; m != NULL && len > 0; m = m->next) {
		uint32_t n = RTE_MIN(len, m->data_len - off);
		uint16_t part = csum_bytes(rte_pktmbuf_mtod_offset(m, const uint8_t *, off), n);

		sum = csum_add(sum, odd ? __builtin_bswap16(part) : part);
		odd ^= n & 1;
		len -= n;
		off = 0;
	}
	return sum;
}

uint16_t csum_pseudo4(const struct rte_ipv4_hdr *ip, uint8_t proto, uint32_t len)
{
	uint64_t sum = (uint64_t)ip->src_addr + ip->dst_addr;

	sum += rte_cpu_to_be_16(proto);
	sum += rte_cpu_to_be_16((uint16_t)len);
	return fold(sum);
}

uint16_t csum_pseudo6(const struct rte_ipv6_hdr *ip, uint8_t proto, uint32_t len)
{
	uint64_t sum = csum_bytes(ip->src_addr, sizeof(ip->src_addr) + sizeof(ip->dst_addr));

	sum += rte_cpu_to_be_32(proto);
	sum += rte_cpu_to_be_32(len);
	return fold(sum);
}

bool csum_ip4_ok(const struct rte_ipv4_hdr *ip, unsigned header_len)
{
	return csum_bytes(ip, header_len) == UINT16_MAX;
}

static void fill_l4(struct rte_mbuf *m, size_t csum_off, uint16_t pseudo)
{
	uint8_t *at = rte_pktmbuf_mtod_offset(m, uint8_t *, m->l3_len + csum_off);
	uint32_t len = m->pkt_len - m->l3_len;
	uint16_t sum = 0;

	memcpy(at, &sum, sizeof(sum));
	sum = (uint16_t)~csum_add(pseudo, csum_chain(m, m->l3_len, len));
	memcpy(at, &sum, sizeof(sum));
}

// The length that the pseudo-header is made with: the port fills in that of each frame that it
// cuts.
static uint32_t pseudo_len(const struct rte_mbuf *m)
{
	return m->ol_flags & RTE_MBUF_F_TX_TCP_SEG ? 0 : m->pkt_len - m->l3_len;
}

// The port adds the rest to what stands in the field.
static void offload_tcp(struct rte_mbuf *m, uint16_t pseudo)
{
	uint8_t *at = rte_pktmbuf_mtod_offset(m, uint8_t *, m->l3_len + TCP_CSUM_OFF);

	memcpy(at, &pseudo, sizeof(pseudo));
	m->ol_flags |= RTE_MBUF_F_TX_TCP_CKSUM;
}

void csum_fill4(struct rte_mbuf *m, struct rte_ipv4_hdr *ip, uint64_t offloads)
{
	if (ip->next_proto_id == IPPROTO_TCP) {
		uint16_t pseudo = csum_pseudo4(ip, IPPROTO_TCP, pseudo_len(m));

		if (offloads & RTE_ETH_TX_OFFLOAD_TCP_CKSUM) {
			offload_tcp(m, pseudo);
			m->ol_flags |= RTE_MBUF_F_TX_IPV4;
		} else {
			fill_l4(m, TCP_CSUM_OFF, pseudo);
		}
	}
	ip->hdr_checksum = 0;
	if (offloads & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM)
		m->ol_flags |= RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM;
	else
		ip->hdr_checksum = (uint16_t)~csum_bytes(ip, m->l3_len);
}

void csum_fill6(struct rte_mbuf *m, struct rte_ipv6_hdr *ip, uint64_t offloads)
{
	if (ip->proto == IPPROTO_ICMPV6) {
		fill_l4(m, ICMP_CSUM_OFF, csum_pseudo6(ip, IPPROTO_ICMPV6, m->pkt_len - m->l3_len));
	} else if (ip->proto == IPPROTO_TCP) {
		uint16_t pseudo = csum_pseudo6(ip, IPPROTO_TCP, pseudo_len(m));

		if (offloads & RTE_ETH_TX_OFFLOAD_TCP_CKSUM) {
			offload_tcp(m, pseudo);
			m->ol_flags |= RTE_MBUF_F_TX_IPV6;
		} else {
			fill_l4(m, TCP_CSUM_OFF, pseudo);
		}
	}
}
