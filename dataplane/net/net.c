#include "dataplane/net/net.h"

#include <errno.h>
#include <stdlib.h>

#include <rte_prefetch.h>

#include "dataplane/net/arp.h"
#include "dataplane/net/eth.h"
#include "dataplane/net/ip4.h"
#include "dataplane/net/ip6.h"
#include "dataplane/net/mld.h"
#include "dataplane/net/nd.h"
#include "dataplane/net/net_core.h"
#include "dataplane/net/output.h"

#define PREFETCH_AHEAD 4

// RFC 5227 §1.1: an announcement may be lost.
#define ANNOUNCE_NUM 2
#define ANNOUNCE_INTERVAL_NS (2 * NS_PER_SEC)

static void announce(struct net *net, struct mono now)
{
	for (unsigned i = 0; i < net->addrs.n; i++) {
		const struct ip_addr *own = &net->addrs.own[i].addr;

		if (ip_addr_is_v4(own))
			arp_announce(net, own);
		else
			nd_announce(net, own, now);
	}
	mld_announce(net);
	net->announce_left--;
	net->announce_at = mono_add(now, ANNOUNCE_INTERVAL_NS);
}

struct net *net_new(const struct net_config *config, struct rte_mempool *pool, struct stats *stats,
	struct mono now)
{
	struct net *net = aligned_alloc(CACHE_LINE, RTE_CACHE_LINE_ROUNDUP(sizeof(*net)));

	if (net == NULL)
		return NULL;
	memset(net, 0, sizeof(*net));
	net->conf = *config;
	net->pool = pool;
	net->stats = stats;
	net->frag_id = (uint32_t)(config->seed >> 32);
	net->announce_left = ANNOUNCE_NUM;
	addrs_init(&net->addrs, config);
	rng_seed(&net->rng, config->seed);
	if (neigh_init(&net->neigh, config->neigh_max, config->seed, stats, now) != 0) {
		free(net);
		return NULL;
	}
	if (frag_init(&net->frag, config->frag_max, stats) != 0) {
		neigh_fini(&net->neigh);
		free(net);
		return NULL;
	}
	announce(net, now);
	return net;
}

void net_free(struct net *net)
{
	struct rte_mbuf *m;

	if (net == NULL)
		return;
	while (txq_pop(&net->tx, &m, 1) == 1)
		rte_pktmbuf_free(m);
	neigh_fini(&net->neigh);
	frag_fini(&net->frag);
	free(net);
}

static void input_one(struct net *net, struct rte_mbuf *m, struct mono now, struct net_rx *rx)
{
	bool unicast;

	switch (eth_input(net, m, &unicast)) {
	case RTE_ETHER_TYPE_IPV4:
		ip4_input(net, m, unicast, now, rx);
		break;
	case RTE_ETHER_TYPE_IPV6:
		ip6_input(net, m, unicast, now, rx);
		break;
	case RTE_ETHER_TYPE_ARP:
		arp_input(net, m, now, rx);
		break;
	default:
		rte_pktmbuf_free(m);
		break;
	}
}

void net_input(
	struct net *net, struct rte_mbuf **frames, unsigned n, struct mono now, struct net_rx *rx)
{
	rx->seg_n = 0;
	rx->icmp_n = 0;
	rx->learn_n = 0;
	for (unsigned i = 0; i < n && i < PREFETCH_AHEAD; i++)
		rte_prefetch0(rte_pktmbuf_mtod(frames[i], const void *));
	for (unsigned i = 0; i < n; i++) {
		if (i + PREFETCH_AHEAD < n)
			rte_prefetch0(rte_pktmbuf_mtod(frames[i + PREFETCH_AHEAD], const void *));
		input_one(net, frames[i], now, rx);
	}
}

void net_learn(struct net *net, struct rte_mbuf **frames, unsigned n, struct mono now)
{
	for (unsigned i = 0; i < n; i++) {
		// Other cores may be reading the same mbuf: headers are stripped from a copy.
		struct rte_mbuf *own = rte_pktmbuf_copy(frames[i], net->pool, 0, UINT32_MAX);

		if (own != NULL)
			input_one(net, own, now, NULL);
		else
			stat_drop(net->stats, DROP_NO_MBUF);
		rte_pktmbuf_free(frames[i]);
	}
}

bool net_is_local(const struct net *net, const struct ip_addr *addr)
{
	return addrs_is_own(&net->addrs, addr);
}

int net_own_index(const struct net *net, const struct ip_addr *addr)
{
	for (unsigned i = 0; i < net->addrs.n; i++)
		if (ip_addr_eq(&net->addrs.own[i].addr, addr))
			return (int)i;
	return -1;
}

const struct ip_addr *net_own_addr(const struct net *net, unsigned index)
{
	return &net->addrs.own[index].addr;
}

uint32_t net_tso_max(const struct net *net)
{
	return net->conf.tso.max;
}

uint16_t net_tso_segs(const struct net *net)
{
	return net->conf.tso.segs;
}

unsigned net_tx_room(const struct net *net)
{
	return txq_room(&net->tx);
}

unsigned net_collect(struct net *net, struct rte_mbuf **frames, unsigned n)
{
	return txq_pop(&net->tx, frames, n);
}

void net_advance(struct net *net, struct mono now)
{
	neigh_advance(&net->neigh, now);
	output_solicit_due(net);
	frag_advance(&net->frag, now);
	mld_advance(net, now);
	if (net->announce_left > 0 && mono_due(now, net->announce_at))
		announce(net, now);
}

struct mono net_next(const struct net *net)
{
	struct mono next = mono_min(wheel_next(&net->neigh.wheel), net->frag.sweep);

	next = mono_min(next, mld_next(net));
	return net->announce_left > 0 ? mono_min(next, net->announce_at) : next;
}
