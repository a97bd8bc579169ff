// What a device does with a frame whose TCP payload it is to cut (RTE_MBUF_F_TX_TCP_SEG), by the
// words of rte_mbuf_core.h, and written without any code of ours: the sums are added up byte by
// byte. Tests put it where the device would be.
#pragma once

#include <rte_mbuf.h>

// Takes `frame`, from its Ethernet header on; gives flat frames with all checksums filled in, made
// of mbufs of `pool`. A frame that asks for no cutting is given back with its sums filled in. 0:
// what is asked for is not as it must be; *why says what.
unsigned tso_device_cut(struct rte_mbuf *frame, struct rte_mempool *pool, struct rte_mbuf **out,
	unsigned max, const char **why);
