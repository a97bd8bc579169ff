// Local ports of connections that we open: answers come to the own core, each port that does is as
// likely as another, and when there is none left it is said in bounded time.
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"
#include "dataplane/tcp/tcp.h"
#include "tests/support/eal.h"

#define PORTS 16384u
#define FIRST 49152u

struct rig {
	struct rte_mempool *pool;
	struct stats *stats;
	struct net *net;
	struct tcp *tcp;
	struct steer *steer;
	struct mono now;
};

static struct ip_addr ip(const char *text)
{
	struct ip_addr a;

	assert_true(ip_addr_parse(text, &a));
	return a;
}

// A device with its own key, and a table that it does not let us set.
static struct steer *device(unsigned queue_n, unsigned worker_n, uint64_t seed)
{
	struct steer *s = calloc(1, sizeof(*s));
	uint8_t key[STEER_KEY_LEN];
	uint16_t table[128];
	struct rng rng;

	rng_seed(&rng, seed);
	for (unsigned i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)rng_u64(&rng);
	for (unsigned i = 0; i < 128; i++)
		table[i] = (uint16_t)rng_below(&rng, queue_n);
	steer_key(s, key);
	steer_spread(s, table, 128, queue_n, worker_n);
	return s;
}

static struct steer *software(unsigned worker_n, uint64_t seed)
{
	struct steer *s = device(1, worker_n, seed);

	steer_spread(s, NULL, 0, 1, worker_n);
	return s;
}

static struct rig rig_new(struct steer *steer, unsigned worker, uint32_t conns, uint64_t seed)
{
	struct rig r = {.steer = steer, .now = {NS_PER_SEC}};
	struct tcp_config tcp = tcp_config_default();
	struct net_config net = {.mac = {{2, 0, 0, 0, 0, 1}},
		.mtu = 1500,
		.addr_n = 2,
		.gateway4 = ip("198.18.0.1"),
		.gateway6 = ip("2001:db8::1"),
		.neigh_max = 64,
		.frag_max = 4,
		.seed = seed};

	r.pool = test_pool_create(256);
	assert_true(ip_prefix_parse("198.18.0.11/24", &net.addr[0]));
	assert_true(ip_prefix_parse("2001:db8::11/64", &net.addr[1]));
	r.stats = aligned_alloc(64, RTE_ALIGN(sizeof(*r.stats), 64));
	memset(r.stats, 0, sizeof(*r.stats));
	r.net = net_new(&net, r.pool, r.stats, r.now);
	assert_non_null(r.net);
	tcp.conns_max = conns;
	tcp.seed = seed;
	tcp.secret.k[0] = seed * 77;
	tcp.steer = steer;
	tcp.worker = worker;
	r.tcp = tcp_new(&tcp, r.net, r.pool, r.stats, r.now);
	assert_non_null(r.tcp);
	return r;
}

static void rig_free(struct rig *r)
{
	tcp_free(r->tcp);
	net_free(r->net);
	assert_int_equal(test_pool_in_use(r->pool), 0);
	rte_mempool_free(r->pool);
	free(r->stats);
}

static uint16_t open_one(struct rig *r, const struct ip_addr *remote, uint16_t remote_port)
{
	struct tcp_conn *conn;
	struct tcp_endpoints ends;

	assert_int_equal(tcp_connect(r->tcp, remote, remote_port, 0, r->now, &conn), 0);
	ends = tcp_conn_endpoints(conn);
	assert_in_range(ends.local_port, FIRST, 65535);
	return ends.local_port;
}

// The answer as it would come in, hashed as packets are.
static unsigned answer_owner(
	struct rig *r, const struct ip_addr *remote, uint16_t remote_port, uint16_t local_port)
{
	bool v4 = ip_addr_is_v4(remote);
	struct ip_addr local = ip(v4 ? "198.18.0.11" : "2001:db8::11");
	struct rte_mbuf *m = rte_pktmbuf_alloc(r->pool);
	unsigned skip = v4 ? 12 : 0;
	unsigned len = 16 - skip;
	uint8_t *p;
	unsigned owner;

	assert_non_null(m);
	m->l3_len = v4 ? 20 : 40;
	p = (uint8_t *)rte_pktmbuf_append(m, 60);
	p[0] = v4 ? 0x45 : 0x60;
	memcpy(p + (v4 ? 12 : 8), remote->b + skip, len);
	memcpy(p + (v4 ? 12 : 8) + len, local.b + skip, len);
	p[m->l3_len] = (uint8_t)(remote_port >> 8);
	p[m->l3_len + 1] = (uint8_t)remote_port;
	p[m->l3_len + 2] = (uint8_t)(local_port >> 8);
	p[m->l3_len + 3] = (uint8_t)local_port;
	owner = steer_owner(r->steer, steer_hash(r->steer, m));
	rte_pktmbuf_free(m);
	return owner;
}

static void expect_own(struct steer *steer, unsigned worker_n)
{
	for (unsigned worker = 0; worker < worker_n; worker++) {
		struct rig r = rig_new(steer, worker, 1024, worker + 1);

		for (unsigned i = 0; i < 500; i++) {
			struct ip_addr remote = ip(i % 2 ? "203.0.113.9" : "2001:db8:5::9");
			uint16_t remote_port = (uint16_t)(8101 + i % 7);
			uint16_t port;

			remote.b[15] = (uint8_t)(i / 8);
			port = open_one(&r, &remote, remote_port);
			assert_int_equal(answer_owner(&r, &remote, remote_port, port), worker);
		}
		rig_free(&r);
	}
	free(steer);
}

static void answers_come_to_the_core_that_opened(void **state)
{
	(void)state;
	expect_own(device(4, 4, 1), 4); // a queue each
	expect_own(device(3, 8, 2), 8); // fewer queues
	expect_own(software(5, 3), 5);  // no RSS
	expect_own(software(16, 4), 16);
	expect_own(device(8, 128, 5), 128); // each has 128 of the 16384 ports
}

// Chi-square over cells of ports that serve this worker: 64 cells, so 63 degrees of freedom; 120 is
// beyond once in 50,000 times. The seeds are fixed, so it holds always or never.
#define CELLS 64

static void expect_uniform(const uint32_t *count, const uint32_t *weight, uint32_t total)
{
	double sum = 0;
	double all = 0;

	for (unsigned i = 0; i < CELLS; i++)
		all += weight[i];
	for (unsigned i = 0; i < CELLS; i++) {
		double want = total * weight[i] / all;

		sum += (count[i] - want) * (count[i] - want) / want;
	}
	assert_true(sum < 120);
}

static void every_port_that_will_do_is_as_likely(void **state)
{
	struct steer *steer = device(4, 4, 11);
	struct rig r = rig_new(steer, 2, 60000, 12);
	uint32_t count[CELLS] = {0};
	uint32_t weight[CELLS] = {0};
	uint32_t before = 0;
	uint32_t follows = 0;
	const uint32_t total = 50000;

	(void)state;
	// Many peers: the ports that will do differ between them, so that all ports do for some.
	for (uint32_t i = 0; i < total; i++) {
		struct ip_addr remote = ip("198.51.0.0");
		uint16_t port;

		remote.b[14] = (uint8_t)(i >> 8);
		remote.b[15] = (uint8_t)i;
		port = open_one(&r, &remote, 8101);
		count[(port - FIRST) / (PORTS / CELLS)]++;
		follows += port > before && port - before < 64;
		before = port;
	}
	for (unsigned i = 0; i < CELLS; i++)
		weight[i] = 1;
	expect_uniform(count, weight, total);
	// Ports do not follow each other: that near above the last one lies 1 of 256.
	assert_in_range(follows, 100, 300);
	rig_free(&r);
	free(steer);
}

static void to_one_peer_they_are_chance_too(void **state)
{
	struct steer *steer = device(4, 4, 21);
	struct ip_addr remote = ip("203.0.113.77");
	uint32_t count[CELLS] = {0};
	uint32_t weight[CELLS] = {0};
	uint32_t opened = 0;

	(void)state;
	// New stacks, so that every port is free again: 40 of the 4096 at a time.
	for (unsigned round = 0; round < 200; round++) {
		struct rig r = rig_new(steer, 1, 64, 1000 + round);

		for (unsigned i = 0; i < 40; i++, opened++)
			count[(open_one(&r, &remote, 8101) - FIRST) / (PORTS / CELLS)]++;
		if (round == 0)
			for (uint32_t p = FIRST; p < FIRST + PORTS; p++)
				weight[(p - FIRST) / (PORTS / CELLS)] +=
					answer_owner(&r, &remote, 8101, (uint16_t)p) == 1;
		rig_free(&r);
	}
	expect_uniform(count, weight, opened);
	free(steer);
}

static void all_ports_of_the_core_are_found_and_then_none(void **state)
{
	struct steer *steer = device(4, 8, 31);
	struct rig r = rig_new(steer, 5, PORTS, 32);
	struct ip_addr remote = ip("2001:db8:7::1");
	struct tcp_conn *conn;
	bool used[PORTS] = {false};
	uint32_t mine = 0;
	uint32_t opened = 0;

	(void)state;
	for (uint32_t p = FIRST; p < FIRST + PORTS; p++)
		mine += answer_owner(&r, &remote, 8101, (uint16_t)p) == 5;
	assert_true(mine > PORTS / 32);
	while (opened < mine) {
		uint16_t port = open_one(&r, &remote, 8101);

		assert_false(used[port - FIRST]);
		used[port - FIRST] = true;
		opened++;
	}
	assert_int_equal(tcp_connect(r.tcp, &remote, 8101, 0, r.now, &conn), -EADDRNOTAVAIL);
	// Another peer's port is another matter.
	(void)open_one(&r, &remote, 8102);
	rig_free(&r);
	free(steer);
}

// A core that no bucket belongs to can't open anything, and says so.
static void a_core_without_buckets_is_told(void **state)
{
	struct steer *steer = software(2, 41);
	struct rig r = rig_new(steer, 7, 16, 42);
	struct ip_addr remote = ip("203.0.113.1");
	struct tcp_conn *conn;

	(void)state;
	assert_int_equal(tcp_connect(r.tcp, &remote, 8101, 0, r.now, &conn), -EADDRNOTAVAIL);
	// A port that is asked for is the caller's decision.
	assert_int_equal(tcp_connect(r.tcp, &remote, 8101, 2000, r.now, &conn), 0);
	rig_free(&r);
	free(steer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_come_to_the_core_that_opened),
		cmocka_unit_test(every_port_that_will_do_is_as_likely),
		cmocka_unit_test(to_one_peer_they_are_chance_too),
		cmocka_unit_test(all_ports_of_the_core_are_found_and_then_none),
		cmocka_unit_test(a_core_without_buckets_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
