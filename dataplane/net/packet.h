// Small operations on packets whose segments may be cut anywhere.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "common/base/compiler.h"

// Makes the first `len` bytes contiguous in the first segment. False when the packet is shorter or
// its first segment has no room for them; the packet is then unchanged.
bool packet_pull_slow(struct rte_mbuf *m, uint32_t len) MUST_CHECK;

static inline bool packet_pull(struct rte_mbuf *m, uint32_t len)
{
	return likely(len <= m->data_len) || packet_pull_slow(m, len);
}

// Cuts the packet to its first `len` bytes (len <= pkt_len) and frees segments that became empty.
void packet_trim(struct rte_mbuf *m, uint32_t len);

// Copies up to `len` bytes from the front of the packet; returns how many.
uint32_t packet_copy(const struct rte_mbuf *m, void *to, uint32_t len);

// Forgets what an earlier life of the mbuf asked of a port, but not what it is.
static inline void packet_clear_offloads(struct rte_mbuf *m)
{
	m->ol_flags &= RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL;
	m->packet_type = 0;
	m->tx_offload = 0;
	m->vlan_tci = 0;
}
