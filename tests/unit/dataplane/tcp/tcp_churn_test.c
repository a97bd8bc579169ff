// Connections that come and go, a million of them: afterwards the stack holds what it held before.
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <unistd.h>

#include "dataplane/tcp/tcp_seg.h"
#include "tests/support/tcp_cost_peer.h"

#ifdef __SANITIZE_ADDRESS__
#define CONNS (RIG_BURST * 1000u)
#else
#define CONNS (RIG_BURST * 31250u) // a million
#endif
// After so many, all memory that is asked for at first use was asked for.
#define WARM (CONNS / 4)
// What the C library and the kernel round, not what a connection holds.
#define SLACK (256u * 1024)
#define AT_ONCE 4096u

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

// One segment of each, and what the stack answers.
static void say(struct rig *rig, struct peer *peer, uint32_t from, uint8_t flags)
{
	struct rte_mbuf *in[RIG_BURST];
	struct rte_mbuf *out[NET_BURST];

	for (unsigned i = 0; i < RIG_BURST; i++)
		in[i] = peer_segment(peer, from + i, flags, 0);
	rig_step(rig);
	rig_input(rig, in, RIG_BURST);
	peer_take(peer, out, rig_output(rig, out, NET_BURST));
}

static void hear(struct rig *rig, struct peer *peer)
{
	struct rte_mbuf *out[NET_BURST];

	peer_take(peer, out, rig_output(rig, out, NET_BURST));
}

// Closed by the peer first, as clients do; or by us, which is what leaves TIME_WAIT behind.
static void live(struct rig *rig, struct peer *peer, uint32_t from, bool we_close)
{
	struct tcp_conn *conns[RIG_BURST];
	unsigned events;

	say(rig, peer, from, TCP_SYN);
	say(rig, peer, from, TCP_ACK);
	for (unsigned i = 0; i < RIG_BURST; i++) {
		conns[i] = tcp_accept(rig->listener);
		assert_non_null(conns[i]);
	}
	assert_int_equal(tcp_usage(rig->tcp).conns, RIG_BURST);
	if (!we_close)
		say(rig, peer, from, TCP_FIN | TCP_ACK);
	while (tcp_event(rig->tcp, &events) != NULL)
		;
	for (unsigned i = 0; i < RIG_BURST; i++)
		tcp_close(conns[i]);
	hear(rig, peer);
	say(rig, peer, from, we_close ? TCP_FIN | TCP_ACK : TCP_ACK);
}

static void nothing_is_held(const struct rig *rig)
{
	struct tcp_usage usage = tcp_usage(rig->tcp);

	assert_int_equal(usage.conns, 0);
	assert_int_equal(usage.half_open, 0);
	assert_int_equal(usage.mem, 0);
	assert_int_equal(rig->stats->stat[STAT_tcp_curr_estab], 0);
	assert_int_equal(rig->stats->stat[STAT_tcp_half_open], 0);
	assert_int_equal(rte_mempool_in_use_count(rig->pool), 0);
}

static void churn(bool we_close)
{
	struct rig_options options = {.conns = AT_ONCE, .mbufs = 4096, .software_csum = true};
	uint32_t time_wait_max = tcp_config_default().time_wait_max;
	uint64_t warm = 0;
	struct peer peer;
	struct rig rig;

	rig_start(&rig, &options);
	peer_start(&peer, &rig, CONNS);
	for (uint32_t from = 0; from < CONNS; from += RIG_BURST) {
		if (from == WARM / RIG_BURST * RIG_BURST)
			warm = resident();
		live(&rig, &peer, from, we_close);
		assert_true(tcp_usage(rig.tcp).time_wait <= time_wait_max);
	}
	nothing_is_held(&rig);
	print_message("%u connections, %u of them in TIME_WAIT; memory grew by %lld bytes\n", CONNS,
		tcp_usage(rig.tcp).time_wait, (long long)(resident() - warm));
#ifndef __SANITIZE_ADDRESS__
	assert_true(resident() <= warm + SLACK);
#endif
	assert_int_equal(
		tcp_usage(rig.tcp).time_wait, we_close ? RTE_MIN(CONNS, time_wait_max) : 0);
	for (unsigned second = 0; second <= 60; second++) {
		rig.now = mono_add(rig.now, NS_PER_SEC);
		for (unsigned i = 0; i < 40; i++)
			tcp_advance(rig.tcp, rig.now);
	}
	assert_int_equal(tcp_usage(rig.tcp).time_wait, 0);
	peer_stop(&peer);
	rig_stop(&rig);
}

static void test_clients_that_come_and_go(void **state)
{
	(void)state;
	churn(false);
}

static void test_clients_that_are_sent_away(void **state)
{
	(void)state;
	churn(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clients_that_come_and_go),
		cmocka_unit_test(test_clients_that_are_sent_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
