// Which of several workers a flow belongs to, when the device does not decide it: a hash of the
// packet's addresses and ports.
#pragma once

#include <stdint.h>

#include <rte_hash_crc.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

// `m` starts with its IP header; the TCP ports follow at l3_len.
static inline unsigned steer_worker(const struct rte_mbuf *m, unsigned worker_n)
{
	const uint8_t *ip = rte_pktmbuf_mtod(m, const uint8_t *);
	uint32_t hash = rte_hash_crc(ip + m->l3_len, 4, 0);

	if (ip[0] >> 4 == 4)
		hash = rte_hash_crc(ip + offsetof(struct rte_ipv4_hdr, src_addr), 8, hash);
	else
		hash = rte_hash_crc(ip + offsetof(struct rte_ipv6_hdr, src_addr), 32, hash);
	return (unsigned)(((uint64_t)hash * worker_n) >> 32);
}
