// What connections cost that do nothing: a million of them, by the memory of the whole process.
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dataplane/tcp/tcp_seg.h"
#include "tests/support/tcp_cost_peer.h"

#define CONNS 1000000
#define GIB (UINT64_C(1) << 30)

static uint64_t resident(void)
{
	unsigned long size;
	unsigned long pages;
	FILE *f = fopen("/proc/self/statm", "r");

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lu %lu", &size, &pages), 2);
	fclose(f);
	return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

// One request of each of a few, found among all others.
static void ask_some(struct rig *rig, struct peer *peer)
{
	for (uint32_t i = 0; i < CONNS; i += CONNS / 10) {
		struct rte_mbuf *m = peer_segment(peer, i, TCP_ACK | TCP_PSH, 32);
		struct rte_mbuf *out[NET_BURST];
		unsigned events = 0;
		struct tcp_conn *conn;
		struct rte_mbuf *got;

		rig_step(rig);
		rig_input(rig, &m, 1);
		conn = tcp_event(rig->tcp, &events);
		assert_ptr_equal(conn, peer->conns[i].ours);
		assert_true(events & TCP_READABLE);
		got = tcp_recv(conn);
		assert_int_equal(got->data_len, 32);
		rte_pktmbuf_free_seg(got);
		tcp_recv_done(conn, 32);
		peer_take(peer, out, rig_output(rig, out, NET_BURST));
	}
}

static void test_a_million_idle_connections_in_a_gibibyte(void **state)
{
	struct rig_options options = {.conns = CONNS, .mbufs = 4096};
	struct peer peer;
	struct rig rig;
	uint64_t before;
	uint64_t after;

	(void)state;
	rig_start(&rig, &options);
	peer_start(&peer, &rig, CONNS);
	before = resident();
	peer_open(&peer, 0, CONNS);
	after = resident();
	assert_int_equal(tcp_usage(rig.tcp).conns, CONNS);
	assert_int_equal(tcp_usage(rig.tcp).mem, 0);
	print_message("%llu bytes a connection, %llu MiB in all\n",
		(unsigned long long)((after - before) / CONNS), (unsigned long long)(after >> 20));
	assert_true(after - before <= GIB);
	ask_some(&rig, &peer);
	peer_stop(&peer);
	rig_stop(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_million_idle_connections_in_a_gibibyte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
