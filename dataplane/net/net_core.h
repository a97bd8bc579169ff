// What the files of dataplane/net share: the instance. Nobody else includes this.
//
// In the functions of this folder, `rx` is NULL when a frame comes from another core (net_learn):
// then it may teach us about neighbours and nothing else.
#pragma once

#include "common/base/rng.h"
#include "dataplane/net/addrs.h"
#include "dataplane/net/frag.h"
#include "dataplane/net/neigh.h"
#include "dataplane/net/net.h"
#include "dataplane/net/txq.h"

#define NET_TTL 64

// An answer to a multicast listener query that waits for its random delay.
struct net_mld {
	struct mono at;
	bool pending;
	bool v1; // who asked speaks the old version
};

struct net {
	struct net_config conf;
	struct stats *stats;
	struct rte_mempool *pool;
	struct addrs addrs;
	struct neigh_table neigh;

	uint32_t frag_id;         // of packets that we send in fragments
	uint32_t announce_left;   // announcements of our addresses still to be sent
	struct mono announce_at;  // the next one
	struct mono defend_at;    // a conflict may be answered from then on (RFC 5227 §2.4)
	struct mono icmp_allowed; // errors sent so far are paid for by then
	struct net_mld mld;
	struct rng rng;

	struct frag frag;
	struct txq tx;
};

static inline void net_drop(struct net *net, struct rte_mbuf *m, enum drop reason)
{
	stat_drop(net->stats, reason);
	rte_pktmbuf_free(m);
}
