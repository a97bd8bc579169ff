// Several workers' stacks over a card that spreads flows by RSS, as it says or otherwise: every
// connection works, whoever opens it, and packets change cores only when they must.
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "dataplane/port/port_core.h"
#include "dataplane/tcp/tcp.h"
#include "tests/support/eal.h"
#include "tests/support/multi_port.h"

#define WORKERS_MAX 6
#define BURST NET_BURST
#define PASSIVE 240 // connections that come in
#define ACTIVE 40   // connections that each worker opens
#define MESSAGE 900
#define SERVER 8102
#define PEER 9000
#define TURNS_MAX 4000

// Everything counted over all workers.
struct totals {
	uint64_t steered;
	uint64_t misrouted;
	uint64_t hash_wrong;
	uint64_t segs;
	uint64_t no_conn;
	uint64_t resets;
	uint64_t reassembled;
};

struct stack {
	struct net *net;
	struct tcp *tcp;
	struct tcp_listener *listener;
	struct stats *stats;
	struct net_rx rx;
	uint64_t accepted;
};

struct rig {
	struct multi_port *mp;
	struct port *port;
	enum port_steering steering;
	unsigned worker_n;
	struct stack worker[WORKERS_MAX];
	struct stack client;
	struct rte_mempool *pool; // the client's
	struct mono now;
	unsigned done;  // connections that got all their bytes back
	unsigned wrong; // those that ended by an error
	uint32_t received[PASSIVE + WORKERS_MAX * ACTIVE];
	unsigned opened;
};

static struct ip_addr ip(const char *text)
{
	struct ip_addr a;

	assert_true(ip_addr_parse(text, &a));
	return a;
}

static void stack_new(struct stack *s, struct rig *r, struct rte_mempool *pool, bool node,
	unsigned id, uint16_t listens)
{
	struct net_config net = {.mac = {{2, 0, 0, 0, 0, node ? 1 : 2}},
		.mtu = 1500,
		.addr_n = 2,
		.neigh_max = 64,
		.frag_max = 64,
		.seed = id + 1};
	struct tcp_config tcp = tcp_config_default();

	assert_true(ip_prefix_parse(node ? "198.18.0.11/24" : "198.18.0.2/24", &net.addr[0]));
	assert_true(ip_prefix_parse(node ? "2001:db8::11/64" : "2001:db8::2/64", &net.addr[1]));
	tcp.conns_max = 1024;
	tcp.time_wait_max = 1024;
	tcp.seed = id + 50;
	tcp.secret.k[0] = id * 7 + 3;
	if (node) {
		tcp.steer = port_steer(r->port);
		tcp.worker = id;
	}
	memset(s, 0, sizeof(*s));
	s->stats = aligned_alloc(64, RTE_ALIGN(sizeof(*s->stats), 64));
	memset(s->stats, 0, sizeof(*s->stats));
	s->net = net_new(&net, pool, s->stats, r->now);
	assert_non_null(s->net);
	s->tcp = tcp_new(&tcp, s->net, pool, s->stats, r->now);
	assert_non_null(s->tcp);
	assert_int_equal(tcp_listen(s->tcp, NULL, listens, 1024, &s->listener), 0);
}

static void stack_free(struct stack *s)
{
	tcp_free(s->tcp);
	net_free(s->net);
	free(s->stats);
}

static struct rig *rig_new(enum multi_port_kind kind, unsigned workers, uint16_t queue_max)
{
	struct rig *r = calloc(1, sizeof(*r));
	struct port_config config = {.worker_n = workers,
		.queue_max = queue_max,
		.mtu = 1500,
		.memory = (uint64_t)workers * 24 << 20,
		.big_room = 4096};
	struct port_facts facts;

	r->now = (struct mono){5 * NS_PER_SEC};
	r->worker_n = workers;
	r->mp = multi_port_new(kind);
	r->port = port_open(&config);
	assert_non_null(r->port);
	multi_port_start(r->mp, r->port);
	port_facts(r->port, &facts);
	r->steering = facts.steering;
	assert_int_equal(facts.queue_n, queue_max ? queue_max : workers);
	r->pool = test_pool_create(8192);
	for (unsigned i = 0; i < workers; i++)
		stack_new(&r->worker[i], r, port_pool(r->port, i), true, i, SERVER);
	stack_new(&r->client, r, r->pool, false, 100, PEER);
	return r;
}

static void rig_free(struct rig *r)
{
	struct rte_mbuf *m[BURST];
	unsigned n;

	for (unsigned i = 0; i < r->worker_n; i++)
		stack_free(&r->worker[i]);
	stack_free(&r->client);
	multi_port_stop(r->mp);
	for (unsigned i = 0; i < r->worker_n; i++) {
		struct stats ignored = {0};

		while ((n = port_rx(r->port, i, m, BURST, &ignored)) > 0)
			rte_pktmbuf_free_bulk(m, n);
		while ((n = port_take_handed_over(r->port, i, m, BURST)) > 0)
			rte_pktmbuf_free_bulk(m, n);
	}
	for (unsigned i = 0; i < r->worker_n; i++)
		assert_int_equal(rte_mempool_in_use_count(port_pool(r->port, i)), 0);
	assert_int_equal(test_pool_in_use(r->pool), 0);
	rte_mempool_free(r->pool);
	port_close(r->port);
	multi_port_free(r->mp);
	free(r);
}

// --- what connections do: who opened sends and counts what comes back, the other one is an echo

static void opener_reads(struct rig *r, struct tcp_conn *conn, uint32_t *received)
{
	struct rte_mbuf *m = tcp_recv(conn);
	uint32_t bytes = 0;

	while (m != NULL) {
		struct rte_mbuf *next = m->next;

		bytes += m->data_len;
		rte_pktmbuf_free_seg(m);
		m = next;
	}
	tcp_recv_done(conn, bytes);
	*received += bytes;
	if (*received == MESSAGE) {
		r->done++;
		tcp_close(conn);
	}
}

static void echo(struct tcp_conn *conn)
{
	struct rte_mbuf *chain = tcp_recv(conn);
	uint32_t bytes = 0;

	for (struct rte_mbuf *m = chain; m != NULL; m = m->next)
		bytes += m->data_len;
	if (chain != NULL)
		(void)tcp_send(conn, chain);
	tcp_recv_done(conn, bytes);
}

static void user(struct rig *r, struct stack *s)
{
	static const char message[MESSAGE];
	struct tcp_conn *conn;
	unsigned events;

	while (tcp_accept(s->listener) != NULL)
		s->accepted++;
	while ((conn = tcp_event(s->tcp, &events)) != NULL) {
		uint32_t *received = tcp_user(conn);

		if (events & TCP_CLOSED) {
			r->wrong += tcp_error(conn) != 0;
			tcp_close(conn);
			continue;
		}
		if (events & TCP_CONNECTED)
			assert_true(tcp_send_copy(conn, message, MESSAGE));
		if (received != NULL && events & TCP_READABLE)
			opener_reads(r, conn, received);
		else if (received == NULL && events & TCP_READABLE)
			echo(conn);
		if (received == NULL && events & TCP_EOF)
			tcp_close(conn);
	}
}

static void open_one(struct rig *r, struct stack *s, const char *peer, uint16_t port)
{
	struct ip_addr to = ip(peer);
	struct tcp_conn *conn;

	assert_int_equal(tcp_connect(s->tcp, &to, port, 0, r->now, &conn), 0);
	tcp_set_user(conn, &r->received[r->opened++]);
}

// --- turns

static void share(struct rig *r, unsigned from)
{
	struct net_rx *rx = &r->worker[from].rx;

	for (unsigned i = 0; i < rx->learn_n; i++) {
		for (unsigned to = 0; to < r->worker_n; to++) {
			if (to == from)
				continue;
			rte_mbuf_refcnt_update(rx->learn[i], 1);
			net_learn(r->worker[to].net, &rx->learn[i], 1, r->now);
		}
		rte_pktmbuf_free(rx->learn[i]);
	}
}

static void worker_turn(struct rig *r, unsigned id)
{
	struct stack *s = &r->worker[id];
	struct rte_mbuf *m[BURST];
	unsigned n = port_rx(r->port, id, m, BURST, s->stats);

	net_advance(s->net, r->now);
	tcp_advance(s->tcp, r->now);
	net_input(s->net, m, n, r->now, &s->rx);
	n = port_keep_own(r->port, id, s->rx.seg, s->rx.seg_n, s->stats);
	tcp_input(s->tcp, s->rx.seg, n, r->now);
	share(r, id);
	while ((n = port_take_handed_over(r->port, id, m, BURST)) > 0)
		tcp_input(s->tcp, m, n, r->now);
	user(r, s);
	(void)tcp_output(s->tcp, r->now);
	while ((n = net_collect(s->net, m, BURST)) > 0)
		assert_int_equal(port_tx(r->port, id, m, n, s->stats), n);
}

static void client_turn(struct rig *r)
{
	struct stack *s = &r->client;
	struct rte_mbuf *m[BURST];
	unsigned n;

	net_advance(s->net, r->now);
	tcp_advance(s->tcp, r->now);
	while ((n = multi_port_out(r->mp, r->pool, m, BURST)) > 0) {
		net_input(s->net, m, n, r->now, &s->rx);
		rte_pktmbuf_free_bulk(s->rx.learn, s->rx.learn_n);
		tcp_input(s->tcp, s->rx.seg, s->rx.seg_n, r->now);
	}
	user(r, s);
	(void)tcp_output(s->tcp, r->now);
	while ((n = net_collect(s->net, m, BURST)) > 0)
		for (unsigned i = 0; i < n; i++)
			multi_port_in(r->mp, m[i]);
}

static void turn(struct rig *r)
{
	for (unsigned i = 0; i < r->worker_n; i++)
		worker_turn(r, i);
	client_turn(r);
	r->now = mono_add(r->now, NS_PER_MS);
}

static struct totals totals(const struct rig *r)
{
	struct totals t = {0};

	for (unsigned i = 0; i < r->worker_n; i++) {
		const struct stats *s = r->worker[i].stats;

		t.steered += s->stat[STAT_rx_steered];
		t.misrouted += s->stat[STAT_rx_misrouted];
		t.hash_wrong += s->stat[STAT_rx_hash_wrong];
		t.segs += s->stat[STAT_tcp_in_segs];
		t.no_conn += s->drop[DROP_TCP_NO_CONN];
		t.resets += s->stat[STAT_tcp_out_rsts];
		t.reassembled += s->stat[STAT_frag_reassembled];
	}
	return t;
}

// Opens and echoes all; returns what was counted.
static struct totals run(struct rig *r)
{
	struct totals t;
	unsigned want = PASSIVE + r->worker_n * ACTIVE;
	uint64_t accepted = 0;

	for (unsigned i = 0; i < PASSIVE || i < ACTIVE; i++) {
		open_one(r, &r->client, i % 2 ? "198.18.0.11" : "2001:db8::11", SERVER);
		for (unsigned w = 0; w < r->worker_n && i < ACTIVE; w++)
			open_one(r, &r->worker[w], i % 2 ? "198.18.0.2" : "2001:db8::2", PEER);
		turn(r);
	}
	for (unsigned i = 0; i < TURNS_MAX && r->done < want; i++)
		turn(r);
	assert_int_equal(r->done, want);
	assert_int_equal(r->wrong, 0);
	for (unsigned i = 0; i < 50; i++)
		turn(r); // the last words
	t = totals(r);
	// Nothing came to a core that did not know the connection.
	assert_int_equal(t.no_conn, 0);
	assert_int_equal(t.resets, 0);
	for (unsigned w = 0; w < r->worker_n; w++) {
		accepted += r->worker[w].accepted;
		// Each has its share of those that came in.
		assert_in_range(r->worker[w].accepted, PASSIVE / r->worker_n / 3,
			PASSIVE * 3 / r->worker_n);
	}
	assert_int_equal(accepted, PASSIVE);
	assert_int_equal(r->client.accepted, r->worker_n * ACTIVE);
	return t;
}

// --- cards and numbers of queues

static void with_a_queue_each_nothing_changes_cores(void **state)
{
	struct rig *r = rig_new(MULTI_PORT_HONEST, 4, 0);
	struct totals t = run(r);

	(void)state;
	assert_int_equal(r->steering, PORT_STEER_DEVICE);
	assert_int_equal(t.steered, 0);
	assert_int_equal(t.misrouted, 0);
	assert_int_equal(t.hash_wrong, 0);
	for (unsigned w = 0; w < r->worker_n; w++)
		assert_true(r->worker[w].stats->stat[STAT_rx_packets] > 100);
	rig_free(r);
}

static void the_mbufs_hash_is_not_needed(void **state)
{
	struct rig *r = rig_new(MULTI_PORT_SILENT, 3, 0);
	struct totals t = run(r);

	(void)state;
	assert_int_equal(t.steered, 0);
	assert_int_equal(t.hash_wrong, 0);
	rig_free(r);
}

static void the_mbufs_hash_is_not_believed(void **state)
{
	struct rig *r = rig_new(MULTI_PORT_LIES, 4, 0);
	struct totals t = run(r);

	(void)state;
	assert_int_equal(t.steered, 0);
	assert_int_equal(t.misrouted, 0);
	assert_int_equal(t.hash_wrong, t.segs);
	rig_free(r);
}

// A connection stays on its core whatever the device does: it costs a hand-over.
static void another_key_than_it_says_costs_no_connection(void **state)
{
	struct rig *r = rig_new(MULTI_PORT_OTHER_KEY, 4, 0);
	struct totals t = run(r);

	(void)state;
	assert_int_equal(r->steering, PORT_STEER_DEVICE);
	assert_int_equal(t.hash_wrong, t.segs);
	assert_int_equal(t.steered, t.misrouted);
	assert_in_range(t.misrouted * 100 / t.segs, 60, 90); // three of four
	rig_free(r);
}

static void packets_that_come_by_any_queue_cost_no_connection(void **state)
{
	struct rig *r = rig_new(MULTI_PORT_SPRAYS, 4, 0);
	struct totals t = run(r);

	(void)state;
	assert_int_equal(t.hash_wrong, 0);
	assert_int_equal(t.steered, t.misrouted);
	assert_in_range(t.misrouted * 100 / t.segs, 65, 85);
	rig_free(r);
}

static void fragments_find_the_core_of_their_connection(void **state)
{
	struct rig *r = rig_new(MULTI_PORT_CUTS, 4, 0);
	struct totals t = run(r);

	(void)state;
	assert_true(t.reassembled >= PASSIVE / 2);
	assert_true(t.misrouted > 0);
	// Only they are handed over.
	assert_int_equal(t.steered, t.misrouted);
	assert_true(t.misrouted <= t.reassembled);
	assert_int_equal(t.hash_wrong, 0);
	rig_free(r);
}

static void workers_share_queues_when_there_are_fewer(void **state)
{
	struct rig *r = rig_new(MULTI_PORT_HONEST, 5, 2);
	struct totals t = run(r);

	(void)state;
	assert_int_equal(r->steering, PORT_STEER_DEVICE);
	assert_int_equal(t.misrouted, 0);
	// Three of five have no queue: the others receive for them, and for nobody else.
	assert_in_range(t.steered * 100 / t.segs, 40, 80);
	for (unsigned w = 2; w < 5; w++)
		assert_int_equal(r->worker[w].stats->stat[STAT_rx_packets], 0);
	rig_free(r);
}

static void one_queue_serves_all(void **state)
{
	struct rig *r = rig_new(MULTI_PORT_HONEST, 6, 1);
	struct totals t = run(r);

	(void)state;
	assert_int_equal(r->steering, PORT_STEER_SOFTWARE);
	assert_int_equal(t.misrouted, 0);
	assert_in_range(t.steered * 100 / t.segs, 70, 95); // five of six
	rig_free(r);
}

// As many queues as there are workers, however many more the device has.
static void one_worker_computes_nothing(void **state)
{
	struct rig *r = rig_new(MULTI_PORT_OTHER_KEY, 1, 0);
	struct totals t = run(r);

	(void)state;
	assert_int_equal(r->steering, PORT_STEER_NONE);
	assert_null(port_steer(r->port));
	assert_int_equal(t.steered + t.misrouted + t.hash_wrong, 0);
	rig_free(r);
}

// What comes to a worker that sleeps wakes it, also between its last look and its sleep.
static void who_sleeps_is_woken(void **state)
{
	struct rig *r = rig_new(MULTI_PORT_SPRAYS, 2, 0);
	struct rte_mbuf *m[BURST];
	int fds[PORT_FDS_MAX];
	struct pollfd bell;
	unsigned handed = 0;

	(void)state;
	assert_int_equal(port_wait_fds(r->port, 0, fds), 0); // the card has no descriptor
	bell = (struct pollfd){.fd = r->port->lane[1].bell, .events = POLLIN};
	assert_true(port_sleep(r->port, 1));
	assert_int_equal(poll(&bell, 1, 0), 0);
	for (unsigned i = 0; handed == 0 && i < 64; i++) {
		uint8_t *p;

		m[0] = rte_pktmbuf_alloc(port_pool(r->port, 0));
		p = m[0] ? (uint8_t *)rte_pktmbuf_append(m[0], 40) : NULL;
		if (p == NULL)
			abort();
		memset(p, (int)i, 40);
		p[0] = 0x45;
		m[0]->l3_len = 20;
		handed = port_keep_own(r->port, 0, m, 1, r->worker[0].stats) == 0;
		if (!handed)
			rte_pktmbuf_free(m[0]);
	}
	assert_int_equal(handed, 1);
	assert_int_equal(poll(&bell, 1, 0), 1);
	port_wake(r->port, 1);
	assert_int_equal(poll(&bell, 1, 0), 0);
	assert_false(port_sleep(r->port, 1));
	assert_int_equal(port_take_handed_over(r->port, 1, m, BURST), 1);
	rte_pktmbuf_free(m[0]);
	assert_true(port_sleep(r->port, 1));
	port_wake(r->port, 1);
	rig_free(r);
}

static int setup(void **state)
{
	(void)state;
	log_set_level(LOG_ERR);
	test_eal_start_sized(512);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(with_a_queue_each_nothing_changes_cores),
		cmocka_unit_test(the_mbufs_hash_is_not_needed),
		cmocka_unit_test(the_mbufs_hash_is_not_believed),
		cmocka_unit_test(another_key_than_it_says_costs_no_connection),
		cmocka_unit_test(packets_that_come_by_any_queue_cost_no_connection),
		cmocka_unit_test(fragments_find_the_core_of_their_connection),
		cmocka_unit_test(workers_share_queues_when_there_are_fewer),
		cmocka_unit_test(one_queue_serves_all),
		cmocka_unit_test(one_worker_computes_nothing),
		cmocka_unit_test(who_sleeps_is_woken),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
