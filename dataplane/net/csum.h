// The internet checksum (RFC 1071) over mbuf chains, whatever their segments' lengths, indirect
// segments included.
//
// DPDK's rte_raw_cksum_mbuf is not used: in 22.11 it drops carries when a segment begins at an odd
// offset.
//
// Sums are not complemented, folded to 16 bits, and in memory order: a stored checksum is ~sum,
// and a packet whose sum including its checksum is 0xffff is good.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_ip.h>
#include <rte_mbuf.h>

uint16_t csum_bytes(const void *data, size_t len);

// `len` bytes of the chain from `off`; what is beyond its end counts as zeros.
uint16_t csum_chain(const struct rte_mbuf *m, uint32_t off, uint32_t len);

// Adds two sums.
static inline uint16_t csum_add(uint16_t a, uint16_t b)
{
	uint32_t sum = (uint32_t)a + b;

	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

// Pseudo-header of a transport packet of `len` bytes (RFC 9293 §3.1, RFC 8200 §8.1). Addresses are
// 4 or 16 bytes each, as they stand in the IP header.
uint16_t csum_pseudo4(const struct rte_ipv4_hdr *ip, uint8_t proto, uint32_t len);
uint16_t csum_pseudo6(const struct rte_ipv6_hdr *ip, uint8_t proto, uint32_t len);

// Whether the header's checksum is right; options are part of it.
bool csum_ip4_ok(const struct rte_ipv4_hdr *ip, unsigned header_len);

// Fills in the checksums of a packet to send: mtod is the IP header, l3_len and l4_len are set.
// What the port does (`offloads`, RTE_ETH_TX_OFFLOAD_*) is left to it: flags and pseudo-header
// sum are prepared as rte_ethdev wants them, also of a packet that the port is to cut. Only TCP
// and ICMPv6 have their transport checksum filled.
void csum_fill4(struct rte_mbuf *m, struct rte_ipv4_hdr *ip, uint64_t offloads);
void csum_fill6(struct rte_mbuf *m, struct rte_ipv6_hdr *ip, uint64_t offloads);
