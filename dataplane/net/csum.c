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

uint16_t csum_bytes(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t sum = 0;
	uint64_t word;
	uint64_t last = 0;

	while (len >= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		sum += (word & UINT32_MAX) + (word >> 32);
		p += sizeof(word);
		len -= sizeof(word);
	}
	// Zeros after the end change nothing: the bytes keep their place in the word.
	memcpy(&last, p, len);
	sum += (last & UINT32_MAX) + (last >> 32);
	return fold(sum);
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
		uint16_t pseudo = csum_pseudo4(ip, IPPROTO_TCP, m->pkt_len - m->l3_len);

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
	uint32_t len = m->pkt_len - m->l3_len;

	if (ip->proto == IPPROTO_ICMPV6) {
		fill_l4(m, ICMP_CSUM_OFF, csum_pseudo6(ip, IPPROTO_ICMPV6, len));
	} else if (ip->proto == IPPROTO_TCP) {
		uint16_t pseudo = csum_pseudo6(ip, IPPROTO_TCP, len);

		if (offloads & RTE_ETH_TX_OFFLOAD_TCP_CKSUM) {
			offload_tcp(m, pseudo);
			m->ol_flags |= RTE_MBUF_F_TX_IPV6;
		} else {
			fill_l4(m, TCP_CSUM_OFF, pseudo);
		}
	}
}
