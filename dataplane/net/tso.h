// TCP segmentation by the port: one packet of up to 64 KB with RTE_MBUF_F_TX_TCP_SEG and tso_segsz
// set, of which the device makes frames. What a device can't take in one (too many mbufs, a family
// that it does not know) is cut here in software, so that the sender need not know.
//
// Cut as a device does it: headers repeated with the sequence number of each frame, CWR on the
// first only (RFC 3168 §6.1.2), FIN and PSH on the last only.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "common/base/compiler.h"

// What the port can do; all zero: nothing.
struct tso_limits {
	uint32_t max;        // bytes of TCP payload in one packet
	uint16_t segs;       // mbufs of one packet
	uint16_t frame_segs; // mbufs that go into one frame, the one with the headers included
	bool ip4_only;
};

// `m` begins with its TCP header (l4_len) and asks for segmentation.
bool tso_fits(const struct tso_limits *limits, const struct rte_mbuf *m, bool v4);

// The frame of `len` bytes of payload from `off` of such a packet: a copy that asks for nothing,
// beginning with its TCP header, in mbufs of `pool`. NULL when there are none.
struct rte_mbuf *tso_cut(
	const struct rte_mbuf *m, uint32_t off, uint32_t len, struct rte_mempool *pool) MUST_CHECK;
