// Which worker a flow belongs to: the owner of the bucket into which the Toeplitz hash of its
// addresses and ports falls. It is always computed here, from the packet; what a device computed is
// at best the same. When the key and table are those of the device, packets come by the owner's
// queue and need not be handed over. When they are not, that costs time and nothing else.
//
// One record serves all workers: made at start, only read afterwards. The hash of a byte string is
// the XOR of what its nibbles give at their places; these are in a table, 1.5 KB of it for IPv4.
//
// Source: Microsoft, "Introduction to Receive Side Scaling"; rte_thash.h.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <rte_ip.h>
#include <rte_mbuf.h>

#include "common/base/ip_addr.h"

#define STEER_KEY_LEN 40
#define STEER_TUPLE_MAX 36 // of IPv6: source, destination, source port, destination port
#define STEER_BUCKETS 2048 // at least the largest table of a device
#define STEER_WORKERS_MAX 128

struct steer {
	uint32_t part[STEER_TUPLE_MAX * 2][16]; // by nibble, the upper one of a byte first
	uint8_t owner[STEER_BUCKETS];
	unsigned queue_n; // of the device; worker w is served by queue w % queue_n
};

// The key; `steer_spread` must follow.
void steer_key(struct steer *steer, const uint8_t key[STEER_KEY_LEN]);

// Gives the buckets to the workers. `table` is the device's: the queue of each of its `table_n`
// buckets (a power of two, at most STEER_BUCKETS). NULL: evenly to all workers.
void steer_spread(struct steer *steer, const uint16_t *table, unsigned table_n, unsigned queue_n,
	unsigned worker_n);

// The part of the hash that the `len` bytes from byte `at` of the tuple give.
static inline uint32_t steer_bytes(
	const struct steer *steer, unsigned at, const uint8_t *bytes, unsigned len)
{
	uint32_t hash = 0;

	for (unsigned i = 0; i < len; i++)
		hash ^= steer->part[(at + i) * 2][bytes[i] >> 4] ^
			steer->part[(at + i) * 2 + 1][bytes[i] & 15];
	return hash;
}

// `m` starts with its IP header; the TCP ports follow at l3_len.
static inline uint32_t steer_hash(const struct steer *steer, const struct rte_mbuf *m)
{
	const uint8_t *ip = rte_pktmbuf_mtod(m, const uint8_t *);
	const uint8_t *ports = ip + m->l3_len;

	if (ip[0] >> 4 == 4)
		return steer_bytes(steer, 0, ip + offsetof(struct rte_ipv4_hdr, src_addr), 8) ^
			steer_bytes(steer, 8, ports, 4);
	return steer_bytes(steer, 0, ip + offsetof(struct rte_ipv6_hdr, src_addr), 32) ^
		steer_bytes(steer, 32, ports, 4);
}

static inline unsigned steer_owner(const struct steer *steer, uint32_t hash)
{
	return steer->owner[hash & (STEER_BUCKETS - 1)];
}

// For finding a local port: what a packet from `remote` to `local` hashes to with port 0 here, and
// what our port adds to that (XOR).
uint32_t steer_hash_to(const struct steer *steer, const struct ip_addr *remote,
	uint16_t remote_port, const struct ip_addr *local);
uint32_t steer_hash_port(const struct steer *steer, bool v4, uint16_t local_port);
