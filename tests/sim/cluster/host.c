#include "tests/sim/cluster/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/session/conn_user.h"
#include "tests/support/eal.h"

#define POOL 6144u

struct ip_addr host_addr(unsigned index)
{
	struct ip_addr addr;
	char text[32];

	snprintf(text, sizeof(text), "198.18.0.%u", index + 1);
	if (!ip_addr_parse(text, &addr))
		abort();
	return addr;
}

// Pools are made once for all seeds of a process.
static struct rte_mempool *pool_of(unsigned index)
{
	static struct rte_mempool *pools[PLAN_NODES_MAX + 1];

	if (!pools[index])
		pools[index] = test_pool_create(POOL);
	return pools[index];
}

static struct stats *new_stats(void)
{
	size_t size = (sizeof(struct stats) + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
	struct stats *stats = aligned_alloc(CACHE_LINE, size);

	memset(stats, 0, size);
	return stats;
}

void host_start(struct host *h, unsigned index, uint64_t seed, struct mono now)
{
	struct tcp_config tcp = tcp_config_default();
	struct net_config net = {
		.mac = {{2, 0, 0, 0, 0, (uint8_t)(index + 1)}},
		.mtu = 1500,
		.addr_n = 1,
		.addr[0] = {.addr = host_addr(index), .len = 24},
		.neigh_max = 64,
		.frag_max = 8,
		.seed = seed,
	};

	h->index = index;
	h->life++;
	h->busy = true;
	h->pool = pool_of(index);
	h->stats = new_stats();
	tcp.conns_max = 512;
	tcp.half_open_max = 128;
	tcp.time_wait_max = 256;
	tcp.time_wait = NS_PER_SEC;
	// A peer that crashed in the middle of a request is noticed while we look.
	tcp.keepalive_idle = 5 * NS_PER_SEC;
	tcp.keepalive_interval = NS_PER_SEC;
	tcp.keepalive_probes = 3;
	tcp.secret = (struct siphash_key){{seed, ~seed}};
	tcp.seed = seed;
	h->net = net_new(&net, h->pool, h->stats, now);
	h->tcp = tcp_new(&tcp, h->net, h->pool, h->stats, now);
	if (!h->net || !h->tcp)
		abort();
}

static struct snapshot *snapshot_of(const struct plan *plan, unsigned local, uint64_t epoch)
{
	struct snapshot *s = calloc(1, snapshot_size(plan->node_n, plan->node_n));
	struct snapshot_node *nodes = (struct snapshot_node *)(void *)(s + 1);
	uint32_t *tokens = (uint32_t *)(void *)(nodes + plan->node_n);

	*s = (struct snapshot){
		.epoch = epoch,
		.node_n = plan->node_n,
		.token_n = plan->node_n,
		.timeout_ms = plan->timeout_ms,
		.state = NODE_NORMAL,
		.read_consistency = plan->read_level,
		.write_consistency = plan->write_level,
		.hash = plan->hash,
		.hash_tag = {'{', '}'},
	};
	for (uint32_t i = 0; i < plan->node_n; i++) {
		snprintf(nodes[i].host, sizeof(nodes[i].host), "node%u", i);
		snprintf(nodes[i].dc, sizeof(nodes[i].dc), "dc%u", plan->node[i].dc);
		snprintf(nodes[i].rack, sizeof(nodes[i].rack), "rack%u", plan->node[i].rack);
		nodes[i].addr = host_addr(i);
		nodes[i].port = HOST_PEER_PORT;
		nodes[i].token_first = i;
		nodes[i].token_n = 1;
		nodes[i].state = NODE_NORMAL;
		nodes[i].is_local = i == local;
		tokens[i] = plan->node[i].token;
	}
	if (snapshot_check(s, snapshot_size(plan->node_n, plan->node_n)))
		abort();
	return s;
}

void host_new_epoch(struct host *h, const struct plan *plan, uint64_t epoch)
{
	struct snapshot *old = h->snapshot;

	ring_free(h->ring);
	h->ring = NULL;
	h->snapshot = snapshot_of(plan, h->index, epoch);
	free(old);
	if (ring_new(h->snapshot, &h->ring) != 0)
		abort();
}

void host_start_node(struct host *h, const struct plan *plan, struct dict *dict, struct mono now)
{
	struct session_config session = session_config_default();
	struct peers_config peers = peers_config_default();
	uint64_t seed = plan->seed * 1000 + h->index * 50 + h->life;

	session.port = HOST_CLIENT_PORT;
	session.peer_port = HOST_PEER_PORT;
	session.clients_max = 256;
	session.peers_max = 128;
	session.requests_max = 8192;
	session.copies_max = 16384;
	session.bulk_min = plan->bulk_min;
	session.secret = (struct siphash_key){{seed, 1}};
	session.linger = 200 * NS_PER_MS;
	session.pool = h->pool;
	session.big = h->pool;
	peers.pool = h->pool;
	peers.seed = seed;
	peers.peers_max = 32;
	peers.local_connections = plan->local_connections;
	peers.remote_connections = plan->remote_connections;
	peers.local_extra = plan->local_extra;
	peers.remote_extra = plan->remote_extra;
	if (session_new(&session, h->tcp, h->stats, now, &h->session) != 0 ||
		peers_new(&peers, h->tcp, h->stats, now, &h->peers) != 0)
		abort();
	stage_init(&h->stage, dict, h->pool, seed, plan);
	host_new_epoch(h, plan, 1);
	h->ring_at = plan->quiet ? now : mono_add(now, seed % 50 * NS_PER_MS);
}

const char *host_stop(struct host *h)
{
	if (h->session)
		stage_fini(&h->stage);
	peers_free(h->peers);
	session_free(h->session);
	tcp_free(h->tcp);
	net_free(h->net);
	ring_free(h->ring);
	free(h->snapshot);
	free(h->stats);
	h->session = NULL;
	h->peers = NULL;
	h->net = NULL;
	h->tcp = NULL;
	h->ring = NULL;
	h->snapshot = NULL;
	h->stats = NULL;
	return test_pool_in_use(h->pool) > 0 ? "packet buffers leaked" : NULL;
}

// --- a turn

static unsigned events(struct host *h, struct mono now)
{
	struct tcp_conn *conn;
	unsigned what;
	unsigned n = 0;

	for (; (conn = tcp_event(h->tcp, &what)); n++) {
		const struct conn_user *user = tcp_user(conn);

		if (user && user->kind == CONN_OF_PEER)
			peers_event(h->peers, conn, what, now);
		else if (user)
			session_event(h->session, conn, what, now);
	}
	return n;
}

void host_input(struct host *h, struct rte_mbuf **frames, unsigned n, struct mono now)
{
	struct net_rx rx;

	net_advance(h->net, now);
	tcp_advance(h->tcp, now);
	net_input(h->net, frames, n, now, &rx);
	for (unsigned i = 0; i < rx.learn_n; i++)
		rte_pktmbuf_free(rx.learn[i]);
	tcp_input(h->tcp, rx.seg, rx.seg_n, now);
	for (unsigned i = 0; i < rx.icmp_n; i++)
		tcp_icmp(h->tcp, &rx.icmp[i], now);
}

void host_turn(struct host *h, struct rte_mbuf **frames, unsigned n, struct mono real)
{
	struct mono now = host_now(h, real);
	const struct ring *ring;
	unsigned work = n;

	if (mono_due(now, h->ring_at))
		h->ring_at = (struct mono){0};
	ring = h->ring_at.ns == 0 ? h->ring : NULL;
	host_input(h, frames, n, now);
	session_advance(h->session, now);
	peers_advance(h->peers, now);
	work += events(h, now);
	work += session_run(h->session, now);
	work += route_run(h->session, ring, peers_view(h->peers), now);
	stage_issue(&h->stage, session_issued(h->session), now);
	if (ring) {
		peers_update(h->peers, ring, now);
		peers_issue(h->peers, session_forwarded(h->session), ring, now);
	}
	work += stage_poll(&h->stage, now, real);
	work += peers_poll(h->peers, now);
	work += settle_run(h->session, &h->stage.answered, now);
	work += settle_run(h->session, peers_answered(h->peers), now);
	h->busy = work > 0;
}

struct mono host_next(const struct host *h)
{
	struct mono next = mono_min(net_next(h->net), tcp_next(h->tcp));

	if (!h->session)
		return next;
	next = mono_min(next, session_next(h->session));
	next = mono_min(next, peers_next(h->peers));
	if (h->ring_at.ns > 0)
		next = mono_min(next, h->ring_at);
	return mono_min(next, stage_next(&h->stage));
}
