// Who is in the ring: peers come, stay with their connections, and go.
#include <stdio.h>
#include <string.h>

#include "dataplane/peer/core.h"

#define TABLE_FREE UINT16_MAX

static uint32_t place_of(const struct peers *peers, const char *host, uint16_t port)
{
	uint64_t hash = siphash(&peers->key, host, strnlen(host, SNAPSHOT_HOST_MAX));

	return (uint32_t)((hash ^ port * UINT64_C(0x9e3779b97f4a7c15)) % PEER_TABLE_SIZE);
}

static struct peer *find(struct peers *peers, const struct snapshot_node *node, uint32_t *place)
{
	uint32_t at = place_of(peers, node->host, node->port);

	for (; peers->table[at] != TABLE_FREE; at = (at + 1) % PEER_TABLE_SIZE) {
		struct peer *peer = peers->slots[peers->table[at]];

		if (peer->port == node->port && strcmp(peer->host, node->host) == 0)
			return peer;
	}
	*place = at;
	return NULL;
}

static void enter(struct peers *peers, const struct peer *peer)
{
	uint32_t at = place_of(peers, peer->host, peer->port);

	while (peers->table[at] != TABLE_FREE)
		at = (at + 1) % PEER_TABLE_SIZE;
	peers->table[at] = (uint16_t)pool_index(&peers->pool, peer);
}

static void peer_free(struct peer *peer)
{
	struct peers *peers = peer->peers;

	for (uint32_t i = 0; i < peer->conn_n; i++) {
		list_remove(&peer->conn[i]->place);
		pool_put(&peers->conns, peer->conn[i]);
	}
	list_remove(&peer->gone);
	peers->slots[pool_index(&peers->pool, peer)] = NULL;
	pool_put(&peers->pool, peer);
}

static bool add_conns(struct peer *peer, uint32_t n)
{
	struct peers *peers = peer->peers;

	for (uint32_t i = 0; i < n; i++) {
		struct peer_conn *c = pool_get(&peers->conns);

		if (!c)
			return false;
		peer_conn_init(c, peer);
		c->wanted = peers->config.preconnect;
		peer->conn[i] = c;
		peer->slot[i].at = i;
		peer->conn_n++;
	}
	return true;
}

static struct peer *peer_make(
	struct peers *peers, const struct snapshot_node *node, bool same_dc, struct mono now)
{
	struct peer *peer = pool_get(&peers->pool);

	if (!peer)
		return NULL;
	*peer = (struct peer){
		.peers = peers,
		.same_dc = same_dc,
		.port = node->port,
		.addr = node->addr,
		.retry_at = now,
	};
	list_init(&peer->gone);
	snprintf(peer->host, sizeof(peer->host), "%s", node->host);
	peers->slots[pool_index(&peers->pool, peer)] = peer;
	if (add_conns(peer,
		    same_dc ? peers->config.local_connections : peers->config.remote_connections))
		return peer;
	peer_free(peer);
	return NULL;
}

// It went, or is another now: its connections end once nothing is on its way over them.
static void send_off(struct peer *peer)
{
	if (list_linked(&peer->gone))
		return;
	list_push_back(&peer->peers->gone, &peer->gone);
	for (uint32_t i = 0; i < peer->conn_n; i++)
		peer_conn_place(peer->conn[i]);
}

static bool is_idle(const struct peer *peer)
{
	for (uint32_t i = 0; i < peer->conn_n; i++)
		if (peer_conn_load(peer->conn[i]) > 0)
			return false;
	return true;
}

void peers_reap(struct peers *peers, struct mono now)
{
	list_for_each_safe (link, next, &peers->gone) {
		struct peer *peer = list_entry(link, struct peer, gone);

		if (!is_idle(peer))
			continue;
		for (uint32_t i = 0; i < peer->conn_n; i++)
			peer_conn_end(peer->conn[i], PEER_END_OURS, now);
		peer_free(peer);
	}
}

// Its name leads elsewhere: what we knew of the old place says nothing about the new one.
static bool has_moved(const struct peer *peer, const struct snapshot_node *node)
{
	return !ip_addr_is_any(&node->addr) && !ip_addr_is_any(&peer->addr) &&
		!ip_addr_eq(&node->addr, &peer->addr);
}

static struct peer *peer_of(
	struct peers *peers, const struct snapshot_node *node, bool same_dc, struct mono now)
{
	uint32_t place = 0;
	struct peer *peer = find(peers, node, &place);

	if (peer && peer->same_dc == same_dc && !has_moved(peer, node)) {
		// A name that can't be resolved just now does not end what is there.
		if (!ip_addr_is_any(&node->addr))
			peer->addr = node->addr;
		list_remove(&peer->gone);
		return peer;
	}
	if (peer)
		peer->host[0] = '\0'; // not found again
	peer = peer_make(peers, node, same_dc, now);
	if (peer)
		enter(peers, peer);
	return peer;
}

static void forget_places(struct peers *peers)
{
	memset(peers->table, 0xff, PEER_TABLE_SIZE * sizeof(*peers->table));
	for (uint32_t i = 0; i < peers->config.peers_max; i++)
		if (peers->slots[i])
			enter(peers, peers->slots[i]);
}

// All that no node stands for any more.
static void send_off_others(struct peers *peers, const struct snapshot *snapshot)
{
	for (uint32_t i = 0; i < peers->config.peers_max; i++) {
		struct peer *peer = peers->slots[i];

		if (peer && (peer->node >= snapshot->node_n || peers->by_node[peer->node] != peer))
			send_off(peer);
	}
}

static void take_node(struct peers *peers, uint32_t i, const struct snapshot_node *node,
	const struct snapshot_node *local, struct mono now)
{
	struct peer *peer = NULL;

	peers->view.fact[i] = (struct peer_fact){.health = PEER_DOWN};
	if (node != local)
		peer = peer_of(peers, node, strcmp(node->dc, local->dc) == 0, now);
	peers->by_node[i] = peer;
	if (!peer)
		return;
	peer->node = i;
	peers->view.fact[i].rtt = peer->rtt;
}

void peers_update(struct peers *peers, const struct ring *ring, struct mono now)
{
	const struct snapshot *snapshot = ring->snapshot;
	const struct snapshot_node *nodes = snapshot_nodes(snapshot);

	if (snapshot->epoch == peers->view.epoch)
		return;
	peers_reap(peers, now);
	forget_places(peers);
	memset(peers->by_node, 0, SNAPSHOT_NODES_MAX * sizeof(struct peer *));
	for (uint32_t i = 0; i < snapshot->node_n; i++)
		take_node(peers, i, &nodes[i], &nodes[ring->local_node], now);
	send_off_others(peers, snapshot);
	for (uint32_t i = 0; i < snapshot->node_n; i++) {
		struct peer *peer = peers->by_node[i];

		if (!peer)
			continue;
		for (uint32_t k = 0; k < peer->conn_n; k++)
			peer_conn_place(peer->conn[k]);
		peer_judge(peer);
	}
	peers->view.epoch = snapshot->epoch;
	peers->view.node_n = snapshot->node_n;
}
