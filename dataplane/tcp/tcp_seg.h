// A received segment, checked and taken apart.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>
#include <rte_tcp.h>

#include "common/stats/stats.h"
#include "dataplane/tcp/tcp_key.h"
#include "dataplane/tcp/tcp_opt.h"

#define TCP_FIN RTE_TCP_FIN_FLAG
#define TCP_SYN RTE_TCP_SYN_FLAG
#define TCP_RST RTE_TCP_RST_FLAG
#define TCP_PSH RTE_TCP_PSH_FLAG
#define TCP_ACK RTE_TCP_ACK_FLAG
#define TCP_ECE RTE_TCP_ECE_FLAG
#define TCP_CWR RTE_TCP_CWR_FLAG

struct tcp_seg {
	struct tcp_key key;    // its hash not yet computed
	struct rte_mbuf *last; // of m's chain, where it is known
	struct rte_mbuf *m;    // NULL once somebody took it; payload only, perhaps in several mbufs
	uint32_t seq;
	uint32_t ack;
	uint32_t len; // of the payload
	uint16_t wnd; // as it stands in the header
	uint8_t flags;
	bool v6;
	bool ce; // IP says: congestion experienced (RFC 3168)
	struct tcp_opts opts;
};

// The sequence numbers that the segment takes.
static inline uint32_t tcp_seg_span(const struct tcp_seg *seg)
{
	return seg->len + ((seg->flags & TCP_SYN) != 0) + ((seg->flags & TCP_FIN) != 0);
}

// Takes `m` apart, as net_input hands it on. False with a reason when it is to be dropped.
bool tcp_seg_parse(struct tcp_seg *seg, struct rte_mbuf *m, enum drop *why);

// Whether `next` goes on where `seg` ends and says nothing else: one arrival will do for both.
bool tcp_seg_follows(const struct tcp_seg *seg, const struct tcp_seg *next);

// Moves the payload of such a segment behind that of `seg`.
void tcp_seg_join(struct tcp_seg *seg, struct tcp_seg *next);

// Frees what is left of it.
void tcp_seg_free(struct tcp_seg *seg);

// Cut bytes off the payload; `n` is at most its length.
void tcp_seg_trim_front(struct tcp_seg *seg, uint32_t n);
void tcp_seg_trim_back(struct tcp_seg *seg, uint32_t n);
