// Whole workers, each on a thread of its own, over a port whose wires are rings; at their other end
// is a real TCP stack with Redis clients, and behind the workers a real or a scripted store.
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdbool.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_ip.h>

#include "common/base/log.h"
#include "common/ipc/ipc_peer.h"
#include "dataplane/worker.h"
#include "tests/support/eal.h"
#include "tests/support/load.h"
#include "tests/support/store_fake.h"
#include "tests/support/store_redis.h"

#define WORKERS_MAX 4
#define WIRE_FRAMES 4096
#define WAIT_NS (30 * NS_PER_SEC)
#define PORT 8102

struct rig {
	unsigned worker_n;
	unsigned queue_n;
	struct clock clock;
	// The node.
	struct port *port;
	struct link *link;
	struct worker *worker[WORKERS_MAX];
	const struct stats *stats[WORKERS_MAX];
	pthread_t thread[WORKERS_MAX];
	// The wires, by queue.
	struct rte_ring *to_node[WORKERS_MAX];
	struct rte_ring *from_node[WORKERS_MAX];
	// The clients.
	struct rte_mempool *pool;
	struct net *net;
	struct tcp *tcp;
	struct stats client_stats;
	struct load *load;
	struct net_rx rx;
	// Their control plane.
	char dir[64];
	struct ipc_peer *cp;
	// Polled each turn, when there is one.
	struct store_fake *fake;
};

struct thread_arg {
	struct rig *rig;
	unsigned worker;
};

static struct thread_arg thread_args[WORKERS_MAX];

static struct mono rig_now(const struct rig *r)
{
	return clock_now(&r->clock);
}

// --- making it

// The driver is a plug-in that the EAL has loaded; nothing links to it.
static uint16_t ring_port(struct rig *r)
{
	static int (*from_rings)(const char *, struct rte_ring *const *, unsigned,
		struct rte_ring *const *, unsigned, unsigned);
	static unsigned serial;
	char name[32];
	int id;

	if (!from_rings) {
		void *driver = dlopen("librte_net_ring.so", RTLD_NOW);

		assert_non_null(driver);
		*(void **)&from_rings = dlsym(driver, "rte_eth_from_rings");
		assert_non_null(from_rings);
	}
	for (unsigned q = 0; q < r->queue_n; q++) {
		snprintf(name, sizeof(name), "to-node-%u-%u", serial, q);
		r->to_node[q] = rte_ring_create(name, WIRE_FRAMES, SOCKET_ID_ANY, 0);
		snprintf(name, sizeof(name), "from-node-%u-%u", serial, q);
		r->from_node[q] = rte_ring_create(name, WIRE_FRAMES, SOCKET_ID_ANY, 0);
		assert_non_null(r->to_node[q]);
		assert_non_null(r->from_node[q]);
	}
	snprintf(name, sizeof(name), "wire%u", serial++);
	id = from_rings(name, r->to_node, r->queue_n, r->from_node, r->queue_n, 0);
	assert_true(id >= 0);
	return (uint16_t)id;
}

static struct ip_prefix prefix(const char *text)
{
	struct ip_prefix out;

	assert_true(ip_prefix_parse(text, &out));
	return out;
}

static struct net_config net_settings(const char *address, uint8_t mac, uint64_t seed)
{
	return (struct net_config){
		.mac = {{0x02, 0, 0, 0, 0, mac}},
		.mtu = 1500,
		.addr = {prefix(address)},
		.addr_n = 1,
		.neigh_max = 64,
		.frag_max = 16,
		.seed = seed,
	};
}

static struct worker *make_worker(struct rig *r, unsigned id, const char *store)
{
	struct worker_config config = {
		.id = id,
		.worker_n = r->worker_n,
		.port = r->port,
		.adaptive = true, // more workers than CPUs
		.net = net_settings("192.0.2.11/24", 1, id + 1),
		.tcp = tcp_config_default(),
		.session = session_config_default(),
		.store = store_config_default(),
	};
	struct worker *w;

	config.tcp.conns_max = 256;
	config.tcp.half_open_max = 256;
	config.tcp.time_wait_max = 256;
	config.tcp.mem_max = 8 << 20;
	config.tcp.seed = id + 100;
	config.session.port = PORT;
	config.session.clients_max = 256;
	config.session.requests_max = 1024;
	config.session.core = id;
	config.session.cores = r->worker_n;
	config.store.address = store;
	w = worker_new(&config, &r->clock);
	assert_non_null(w);
	return w;
}

static void make_clients(struct rig *r)
{
	struct net_config net = net_settings("192.0.2.2/24", 2, 7);
	struct tcp_config tcp = tcp_config_default();

	r->pool = rte_pktmbuf_pool_create(
		"clients", 4095, 0, 0, 2048 + RTE_PKTMBUF_HEADROOM, SOCKET_ID_ANY);
	assert_non_null(r->pool);
	tcp.conns_max = 256;
	tcp.mem_max = 4 << 20;
	tcp.seed = 8;
	r->net = net_new(&net, r->pool, &r->client_stats, rig_now(r));
	assert_non_null(r->net);
	r->tcp = tcp_new(&tcp, r->net, r->pool, &r->client_stats, rig_now(r));
	assert_non_null(r->tcp);
}

// --- the wires: frames are copied, as on real ones, so that neither side writes to the other's

static void deliver(struct rig *r, struct rte_mbuf *m)
{
	struct rte_mbuf *copy = rte_pktmbuf_copy(m, r->pool, 0, UINT32_MAX);
	const struct rte_ether_hdr *eth;
	unsigned queue = 0;

	rte_pktmbuf_free(m);
	if (!copy)
		return; // lost, as on a wire
	eth = rte_pktmbuf_mtod(copy, const struct rte_ether_hdr *);
	// As a card does: a flow stays on one queue, and all that has no ports comes by the first.
	if (eth->ether_type == rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4))
		queue = rte_pktmbuf_mtod_offset(copy, const uint8_t *,
				sizeof(*eth) + sizeof(struct rte_ipv4_hdr))[1] %
			r->queue_n;
	copy->ol_flags = 0;
	if (rte_ring_enqueue(r->to_node[queue], copy) != 0)
		rte_pktmbuf_free(copy);
}

static unsigned take(struct rig *r, struct rte_mbuf **frames)
{
	unsigned n = 0;

	for (unsigned q = 0; q < r->queue_n; q++) {
		void *m;

		while (n < NET_BURST && rte_ring_dequeue(r->from_node[q], &m) == 0) {
			frames[n] = rte_pktmbuf_copy(m, r->pool, 0, UINT32_MAX);
			if (frames[n]) {
				frames[n]->ol_flags = 0;
				n++;
			}
			rte_pktmbuf_free(m);
		}
	}
	return n;
}

static void client_turn(struct rig *r)
{
	struct rte_mbuf *frames[NET_BURST];
	struct mono now = rig_now(r);
	unsigned n = take(r, frames);

	net_advance(r->net, now);
	tcp_advance(r->tcp, now);
	net_input(r->net, frames, n, now, &r->rx);
	rte_pktmbuf_free_bulk(r->rx.learn, r->rx.learn_n);
	tcp_input(r->tcp, r->rx.seg, r->rx.seg_n, now);
	if (r->load)
		load_run(r->load);
	(void)tcp_output(r->tcp, now);
	while ((n = net_collect(r->net, frames, NET_BURST)) > 0)
		for (unsigned i = 0; i < n; i++)
			deliver(r, frames[i]);
	if (r->fake)
		fake_turn(r->fake);
	link_poll(r->link, now);
	usleep(20);
}

static bool until(struct rig *r, bool (*done)(struct rig *))
{
	struct mono end = mono_add(rig_now(r), WAIT_NS);

	while (!done(r)) {
		if (!mono_before(rig_now(r), end))
			return false;
		client_turn(r);
	}
	return true;
}

// --- the control plane

static bool linked(struct rig *r)
{
	struct ipc_peer_event event;

	while (ipc_peer_next(r->cp, &event))
		;
	return ipc_peer_linked(r->cp);
}

static bool has_epoch(struct rig *r)
{
	(void)linked(r);
	return link_epoch(r->link) == 1;
}

static void make_link(struct rig *r)
{
	static char path[96];
	struct link_config config = {
		.path = path,
		.version = "test",
		.stats = r->stats,
		.worker_n = r->worker_n,
	};
	struct ipc_peer_config peer = {
		.role = IPC_CONTROLPLANE,
		.path = path,
		.hello = ipc_hello_make(IPC_CONTROLPLANE, "test"),
	};

	strcpy(r->dir, "/tmp/dyn-worker-XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	snprintf(path, sizeof(path), "%s/ipc.sock", r->dir);
	r->link = link_new(&config, rig_now(r));
	assert_non_null(r->link);
	r->cp = ipc_peer_new(&peer);
	assert_non_null(r->cp);
}

static void send_snapshot(struct rig *r)
{
	static _Alignas(8) unsigned char bytes[4096];
	struct snapshot *s = (struct snapshot *)(void *)bytes;
	struct snapshot_node *node = (struct snapshot_node *)(void *)(s + 1);

	memset(bytes, 0, sizeof(bytes));
	*s = (struct snapshot){.epoch = 1, .node_n = 1, .timeout_ms = 20000, .state = NODE_NORMAL};
	strcpy(node->dc, "dc");
	strcpy(node->rack, "rack");
	node->state = NODE_NORMAL;
	node->is_local = 1;
	assert_true(ipc_peer_send(r->cp, IPC_SNAPSHOT, bytes, snapshot_size(1, 0)));
}

// --- start and end

static void *run(void *arg)
{
	struct thread_arg *a = arg;

	worker_run(a->rig->worker[a->worker], a->rig->link);
	return NULL;
}

static struct rig *rig_start(
	unsigned workers, unsigned queues, const char *store, const struct load_config *load)
{
	struct rig *r = calloc(1, sizeof(*r));
	struct port_config port = {.worker_n = workers,
		.mtu = 1500,
		.memory = (uint64_t)workers * 24 << 20,
		.big_room = 16384};
	struct load_config clients = *load;

	assert_non_null(r);
	r->worker_n = workers;
	r->queue_n = queues;
	r->clock = clock_make();
	(void)ring_port(r);
	r->port = port_open(&port);
	assert_non_null(r->port);
	for (unsigned i = 0; i < workers; i++) {
		r->worker[i] = make_worker(r, i, store);
		r->stats[i] = worker_stats(r->worker[i]);
	}
	worker_join(r->worker, workers);
	make_link(r);
	make_clients(r);
	for (unsigned i = 0; i < workers; i++) {
		thread_args[i] = (struct thread_arg){.rig = r, .worker = i};
		assert_int_equal(pthread_create(&r->thread[i], NULL, run, &thread_args[i]), 0);
	}
	assert_true(until(r, linked));
	send_snapshot(r);
	assert_true(until(r, has_epoch));
	clients.peer = prefix("192.0.2.11/32").addr;
	clients.port = PORT;
	r->load = load_new(&clients, r->tcp, rig_now(r));
	assert_non_null(r->load);
	return r;
}

static void join(struct rig *r)
{
	for (unsigned i = 0; i < r->worker_n; i++)
		assert_int_equal(pthread_join(r->thread[i], NULL), 0);
}

static void stop(struct rig *r)
{
	for (unsigned i = 0; i < r->worker_n; i++)
		worker_stop(r->worker[i]);
}

static void drain_wires(struct rig *r)
{
	struct rte_mbuf *frames[NET_BURST];
	struct stats ignored = {0};
	void *m;
	unsigned n;

	for (unsigned i = 0; i < r->worker_n; i++) {
		while ((n = port_take_handed_over(r->port, i, frames, NET_BURST)) > 0)
			rte_pktmbuf_free_bulk(frames, n);
		while ((n = port_rx(r->port, i, frames, NET_BURST, &ignored)) > 0)
			rte_pktmbuf_free_bulk(frames, n);
	}
	for (unsigned q = 0; q < r->queue_n; q++)
		while (rte_ring_dequeue(r->from_node[q], &m) == 0)
			rte_pktmbuf_free(m);
}

// After the workers ended: nothing may be left anywhere.
static void rig_free(struct rig *r)
{
	ipc_peer_free(r->cp);
	link_free(r->link);
	rmdir(r->dir);
	for (unsigned i = 0; i < r->worker_n; i++)
		worker_free(r->worker[i]);
	load_free(r->load);
	tcp_free(r->tcp);
	net_free(r->net);
	drain_wires(r);
	for (unsigned i = 0; i < r->worker_n; i++) {
		assert_int_equal(rte_mempool_in_use_count(port_pool(r->port, i)), 0);
		assert_int_equal(rte_mempool_in_use_count(port_big_pool(r->port, i)), 0);
	}
	assert_int_equal(rte_mempool_in_use_count(r->pool), 0);
	port_close(r->port);
	rte_mempool_free(r->pool);
	for (unsigned q = 0; q < r->queue_n; q++) {
		rte_ring_free(r->to_node[q]);
		rte_ring_free(r->from_node[q]);
	}
	free(r);
}
