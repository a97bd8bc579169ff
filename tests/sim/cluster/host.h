// One machine of the cluster on its network: a node of ours as dataplane/worker.c runs it,
// or the clients' machine. Its memory lasts from host_start to host_stop;
// the data of its store lie elsewhere.
#pragma once

#include "common/stats/stats.h"
#include "dataplane/net/net.h"
#include "dataplane/peer/peer.h"
#include "dataplane/session/session.h"
#include "dataplane/tcp/tcp.h"
#include "tests/sim/cluster/stage.h"

#define HOST_CLIENT_PORT 8102
#define HOST_PEER_PORT 8101

struct host {
	struct rte_mempool *pool;
	struct stats *stats;
	struct net *net; // NULL: it is off
	struct tcp *tcp;
	struct session *session; // of ours
	struct peers *peers;
	struct snapshot *snapshot;
	struct ring *ring;
	struct mono ring_at; // when it gets a ring
	struct stage stage;
	uint64_t clock;
	unsigned index;
	unsigned life; // how often it was started
	bool busy;     // it had something to do in its last turn
};

struct ip_addr host_addr(unsigned index);

// Network and TCP alone.
void host_start(struct host *h, unsigned index, uint64_t seed, struct mono now);
// With session, peers and the stage of the store.
void host_start_node(struct host *h, const struct plan *plan, struct dict *dict, struct mono now);
// As a crash: all memory is gone. What it leaked is said; NULL when nothing was.
const char *host_stop(struct host *h);

// The next number of the same ring.
void host_new_epoch(struct host *h, const struct plan *plan, uint64_t epoch);

// The turn of a node of ours, with frames that came.
void host_turn(struct host *h, struct rte_mbuf **frames, unsigned n, struct mono real);
// Frames to segments and output, for others: the user's part is between the two.
void host_input(struct host *h, struct rte_mbuf **frames, unsigned n, struct mono now);

struct mono host_next(const struct host *h); // on its own clock

static inline struct mono host_now(const struct host *h, struct mono real)
{
	return mono_add(real, h->clock);
}
