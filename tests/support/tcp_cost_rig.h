// One net and one tcp without a port, as a worker has them, and the memory that they work in. What
// the wire would do is done by calls: frames in, frames out, virtual time.
//
// Huge pages are asked of the kernel (madvise) for the packet buffers when `huge` is set, as a port
// on huge pages has them; without it everything lies on 4 KB pages, as with `--no-huge`.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/stats/stats.h"
#include "dataplane/net/net.h"
#include "dataplane/tcp/tcp.h"

#define RIG_PORT 8102
#define RIG_BURST 32
#define RIG_MSS 1448 // of IPv4 with timestamps
// Virtual time from burst to burst. A million connections have had their turn well before the
// retransmission timer of the first one.
#define RIG_STEP_NS (4 * NS_PER_US)

struct rig_options {
	uint32_t conns;
	uint32_t mbufs;
	bool v6;
	bool software_csum; // else the port is said to check and to fill in all checksums
	bool huge;
};

struct rig {
	struct rig_options options;
	struct mono now;
	struct mono timers_at;
	struct rte_mempool *pool;
	struct net *net;
	struct tcp *tcp;
	struct tcp_listener *listener;
	struct stats *stats;
	uint64_t learnt_at;
	void *memory; // of the pool
	size_t memory_len;
};

extern const struct rte_ether_addr rig_mac;
extern const struct rte_ether_addr rig_gateway_mac;

// Our address of the family in use.
struct ip_addr rig_addr(const struct rig *rig);

// Ends the program in words when it can't.
void rig_start(struct rig *rig, const struct rig_options *options);
void rig_stop(struct rig *rig);

// Time goes on by a burst's worth.
void rig_step(struct rig *rig);

// The stages of a turn before and behind the user's, as dataplane/worker.c has them.
static inline void rig_input(struct rig *rig, struct rte_mbuf **frames, unsigned n)
{
	struct net_rx rx;

	if (mono_due(rig->now, rig->timers_at)) {
		net_advance(rig->net, rig->now);
		tcp_advance(rig->tcp, rig->now);
		rig->timers_at = mono_add(rig->now, NS_PER_MS);
	}
	net_input(rig->net, frames, n, rig->now, &rx);
	tcp_input(rig->tcp, rx.seg, rx.seg_n, rig->now);
}

// Returns how many frames left.
static inline unsigned rig_output(struct rig *rig, struct rte_mbuf **frames, unsigned max)
{
	tcp_output(rig->tcp, rig->now);
	return net_collect(rig->net, frames, max);
}

void rig_die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
