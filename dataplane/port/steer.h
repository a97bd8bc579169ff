// Which of several workers a flow belongs to, when the device does not decide it: a hash of the
// packet's addresses and ports.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <rte_hash_crc.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

// `m` starts with its IP header; the TCP ports follow at l3_len.
static inline unsigned steer_worker(const struct rte_mbuf *m, unsigned worker_n)
{
	const uint8_t *ip = rte_pktmbuf_mtod(m, const uint8_t *);
	bool v4 = ip[0] >> 4 == 4;
	_Alignas(8) uint8_t key[36]; // rte_hash_crc reads words of 8: a packet's are not aligned
	uint32_t len = v4 ? 8 : 32;
	uint32_t hash;

	memcpy(key,
		ip +
			(v4 ? offsetof(struct rte_ipv4_hdr, src_addr)
			    : offsetof(struct rte_ipv6_hdr, src_addr)),
		len);
	memcpy(key + len, ip + m->l3_len, 4);
	hash = rte_hash_crc(key, len + 4, 0);
	return (unsigned)(((uint64_t)hash * worker_n) >> 32);
}
