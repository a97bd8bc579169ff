// What a queued mbuf costs: all that it pins, however few of its bytes are used.
#pragma once

#include <stdint.h>

#include <rte_mbuf.h>

static inline uint32_t tcp_mem_of(const struct rte_mbuf *m)
{
	return (uint32_t)sizeof(*m) + m->buf_len;
}

// Whether bytes may be appended to the data of `m` without anybody else seeing them.
static inline bool tcp_mem_private(const struct rte_mbuf *m)
{
	return RTE_MBUF_DIRECT(m) && rte_mbuf_refcnt_read(m) == 1;
}

// Bytes up to which copying beats keeping (or referring to) an mbuf.
#define TCP_COPY_MAX 256
