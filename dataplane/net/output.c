#include "dataplane/net/output.h"

#include <netinet/in.h>

#include "dataplane/net/arp.h"
#include "dataplane/net/eth.h"
#include "dataplane/net/ip4.h"
#include "dataplane/net/ip6.h"
#include "dataplane/net/nd.h"

struct rte_mbuf *output_alloc(struct net *net)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(net->pool);

	if (unlikely(m == NULL))
		stat_drop(net->stats, DROP_NO_MBUF);
	return m;
}

static void solicit(struct net *net, const struct neigh *n)
{
	if (ip_addr_is_v4(&n->addr))
		arp_request(net, n);
	else
		nd_solicit(net, n);
}

static uint16_t ether_type(const struct ip_addr *a)
{
	return ip_addr_is_v4(a) ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6;
}

// The neighbour is not simply reachable: find or make its entry, and do as its state says.
static void output_slow(struct net *net, struct rte_mbuf *m, const struct ip_addr *next_hop,
	uint32_t *hint, struct mono now)
{
	struct neigh *n = neigh_find(&net->neigh, next_hop);

	if (n == NULL)
		n = neigh_add(&net->neigh, next_hop, NEIGH_UNRESOLVED, now);
	if (n == NULL) {
		rte_pktmbuf_free(m);
		return;
	}
	*hint = neigh_index(&net->neigh, n);
	switch (neigh_use(&net->neigh, n, now)) {
	case NEIGH_SEND:
		eth_output(net, m, &n->mac, ether_type(next_hop));
		break;
	case NEIGH_HOLD:
		neigh_hold(&net->neigh, n, m);
		break;
	case NEIGH_ASK:
		neigh_hold(&net->neigh, n, m);
		solicit(net, n);
		break;
	case NEIGH_DROP:
		net_drop(net, m, DROP_NEIGH_FAILED);
		break;
	}
}

void output_packet(struct net *net, struct rte_mbuf *m, const struct ip_addr *next_hop,
	uint32_t *hint, struct mono now)
{
	struct neigh *n = neigh_at(&net->neigh, *hint, next_hop);

	if (likely(n != NULL && n->state == NEIGH_REACHABLE))
		eth_output(net, m, &n->mac, ether_type(next_hop));
	else
		output_slow(net, m, next_hop, hint, now);
}

void output_learn(struct net *net, struct neigh *n, const struct rte_ether_addr *mac,
	unsigned flags, struct mono now)
{
	struct rte_mbuf *held[NEIGH_HOLD_MAX];
	unsigned count;

	if (!neigh_learn(&net->neigh, n, mac, flags, now))
		return;
	count = neigh_release(&net->neigh, n, held);
	// What is sent to an address that was only overheard is due for a check.
	(void)neigh_use(&net->neigh, n, now);
	for (unsigned i = 0; i < count; i++)
		eth_output(net, held[i], &n->mac, ether_type(&n->addr));
}

void output_solicit_due(struct net *net)
{
	struct neigh *n;

	while ((n = neigh_due(&net->neigh)) != NULL)
		solicit(net, n);
}

static void output_one(struct net *net, struct rte_mbuf *m, const struct ip_addr *dst,
	uint8_t proto, struct net_path *path, struct mono now)
{
	bool written = ip_addr_is_v4(dst)
		? ip4_write(net, m, &path->src, dst, proto, path->tclass)
		: ip6_write(net, m, &path->src, dst, proto, NET_TTL, path->tclass);

	if (likely(written))
		output_packet(net, m, &path->next_hop, &path->neigh, now);
}

// In frames that the device need not cut. Those that find no buffer are lost, as on the way.
static void output_cut(struct net *net, struct rte_mbuf *m, const struct ip_addr *dst,
	struct net_path *path, struct mono now)
{
	uint32_t payload = m->pkt_len - m->l4_len;

	for (uint32_t off = 0; off < payload; off += m->tso_segsz) {
		uint32_t len = RTE_MIN(payload - off, (uint32_t)m->tso_segsz);
		struct rte_mbuf *frame = tso_cut(m, off, len, net->pool);

		if (frame == NULL) {
			stat_drop(net->stats, DROP_NO_MBUF);
			break;
		}
		output_one(net, frame, dst, IPPROTO_TCP, path, now);
	}
	rte_pktmbuf_free(m);
}

void net_output(struct net *net, struct rte_mbuf *m, const struct ip_addr *dst, uint8_t proto,
	struct net_path *path, struct mono now)
{
	if (unlikely(m->ol_flags & RTE_MBUF_F_TX_TCP_SEG)) {
		// Devices need not know what to do with one that makes a single frame.
		if (m->pkt_len - m->l4_len <= m->tso_segsz || m->tso_segsz == 0) {
			m->ol_flags &= ~RTE_MBUF_F_TX_TCP_SEG;
		} else if (!tso_fits(&net->conf.tso, m, ip_addr_is_v4(dst))) {
			output_cut(net, m, dst, path, now);
			return;
		}
	}
	output_one(net, m, dst, proto, path, now);
}

void net_path_confirm(struct net *net, struct net_path *path, struct mono now)
{
	struct neigh *n = neigh_at(&net->neigh, path->neigh, &path->next_hop);

	if (likely(n != NULL))
		neigh_confirm(&net->neigh, n, now);
}

int net_path_find(struct net *net, const struct ip_addr *dst, const struct ip_addr *src,
	struct net_path *path)
{
	struct neigh *n;
	int rc = addrs_route(&net->addrs, dst, src, path);

	if (rc != 0) {
		stat_drop(net->stats, DROP_NO_ROUTE);
		return rc;
	}
	n = neigh_find(&net->neigh, &path->next_hop);
	path->neigh = n != NULL ? neigh_index(&net->neigh, n) : NEIGH_NONE;
	path->mtu = net->conf.mtu;
	path->tclass = 0;
	return 0;
}

struct net_route net_route_of(const struct net_path *path, const struct ip_addr *dst)
{
	return (struct net_route){
		.neigh = path->neigh,
		.mtu = path->mtu,
		.gateway = !ip_addr_eq(&path->next_hop, dst),
	};
}

void net_route_path(const struct net *net, const struct net_route *route, const struct ip_addr *src,
	const struct ip_addr *dst, struct net_path *path)
{
	const struct addrs *addrs = &net->addrs;

	path->src = *src;
	path->next_hop = likely(!route->gateway) ? *dst
		: ip_addr_is_v4(dst)             ? addrs->gateway4
						 : addrs->gateway6;
	path->neigh = route->neigh;
	path->mtu = route->mtu;
	path->tclass = 0;
}
