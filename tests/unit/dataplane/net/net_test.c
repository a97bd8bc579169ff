#include "tests/unit/dataplane/net/net_fixture.h"

#include <errno.h>

static void addresses_are_announced_twice(void **state)
{
	struct net_config c;
	struct fix *f;
	struct net *net;
	struct rte_mbuf *m[8];
	unsigned n;

	f = *state;
	c = fix_config();
	net = net_new(&c, f->pool, f->stats, f->now);
	n = net_collect(net, m, 8);
	assert_int_equal(n, 4); // IPv4, IPv6, link-local; groups
	assert_int_equal(be16_get(rte_pktmbuf_mtod_offset(m[0], char *, 12)), 0x0806);
	assert_int_equal(be16_get(rte_pktmbuf_mtod_offset(m[1], char *, 12)), 0x86dd);
	rte_pktmbuf_free_bulk(m, n);
	assert_int_equal(net_next(net).ns, f->now.ns + 2 * NS_PER_SEC);
	net_advance(net, mono_add(f->now, NS_PER_SEC));
	assert_int_equal(net_collect(net, m, 8), 0);
	net_advance(net, mono_add(f->now, 2 * NS_PER_SEC));
	n = net_collect(net, m, 8);
	assert_int_equal(n, 4);
	rte_pktmbuf_free_bulk(m, n);
	net_advance(net, mono_add(f->now, 20 * NS_PER_SEC));
	assert_int_equal(net_collect(net, m, 8), 0);
	assert_int_equal(net_next(net).ns, UINT64_MAX);
	net_free(net);
}

static void a_burst_is_sorted_by_what_it_is(void **state)
{
	struct fix *f = *state;
	uint8_t tcp[20] = {[12] = 0x50};
	struct rte_mbuf *m[NET_BURST];

	fix_know_peer(f);
	for (unsigned i = 0; i < NET_BURST; i++) {
		if (i % 4 == 0)
			m[i] = fix_ip4(f, PEER4, OWN4, IPPROTO_TCP, tcp, 20, 0);
		else if (i % 4 == 1)
			m[i] = fix_ip6(f, PEER6, OWN6, IPPROTO_TCP, tcp, 20, 64);
		else if (i % 4 == 2)
			m[i] = fix_arp(f, RTE_ARP_OP_REQUEST, &peer_mac, PEER4, OWN4, &own_mac);
		else
			m[i] = fix_ip4(f, PEER4, "198.18.0.13", IPPROTO_TCP, tcp, 20, 0);
	}
	net_input(f->net, m, NET_BURST, f->now, &f->rx);
	assert_int_equal(f->rx.seg_n, NET_BURST / 2);
	assert_int_equal(f->rx.learn_n, NET_BURST / 4);
	assert_int_equal(f->stats->drop[DROP_IP_DST], NET_BURST / 4);
	rte_pktmbuf_free_bulk(f->rx.seg, f->rx.seg_n);
	rte_pktmbuf_free_bulk(f->rx.learn, f->rx.learn_n);
	assert_int_equal(fix_flush(f), NET_BURST / 4);
}

static void the_queue_is_bounded_and_keeps_its_order(void **state)
{
	struct fix *f = *state;
	struct net_path path;
	struct rte_mbuf *m;
	unsigned room = 300;

	fix_know_peer(f);
	for (unsigned i = 0; i < room; i++)
		assert_int_equal(fix_send(f, PEER4, i % 200, &path), 0);
	assert_int_equal(net_tx_room(f->net), NET_TX_MAX - room);
	for (unsigned i = 0; i < room; i++) {
		m = fix_tx(f);
		assert_non_null(m);
		assert_int_equal(m->pkt_len, 54 + i % 200);
		rte_pktmbuf_free(m);
	}
	// One mbuf many times, since the pool is smaller than the queue.
	m = fix_bytes(f, "x", 1);
	rte_mbuf_refcnt_update(m, NET_TX_MAX - 1);
	for (unsigned i = 0; i < NET_TX_MAX; i++)
		assert_true(txq_push(&f->net->tx, m));
	assert_int_equal(net_tx_room(f->net), 0);
	assert_int_equal(fix_send(f, PEER4, 1, &path), 0);
	assert_int_equal(f->stats->drop[DROP_TX_FULL], 1);
	assert_int_equal(fix_flush(f), NET_TX_MAX);
}

static void progress_keeps_a_neighbour_reachable(void **state)
{
	struct fix *f = *state;
	struct net_path path;

	f->net->announce_left = 0;
	fix_know_peer(f);
	assert_int_equal(fix_send(f, PEER4, 1, &path), 0);
	fix_flush(f);
	for (unsigned i = 0; i < 100; i++) {
		fix_advance(f, NS_PER_SEC);
		net_path_confirm(f->net, &path, f->now);
		assert_int_equal(fix_send(f, PEER4, 1, &path), 0);
		assert_int_equal(fix_flush(f), 1); // and no question
	}
}

static void a_path_outlives_its_neighbour(void **state)
{
	struct fix *f = *state;
	struct ip_addr dst = ip(PEER4);
	struct net_path path;
	struct rte_mbuf *m;

	f->net->announce_left = 0;
	assert_int_equal(fix_send(f, PEER4, 1, &path), 0);
	for (unsigned i = 0; i < 6; i++)
		fix_advance(f, NS_PER_SEC + NS_PER_MS);
	assert_null(neigh_find(&f->net->neigh, &dst));
	fix_flush(f);
	net_path_confirm(f->net, &path, f->now); // harmless
	m = fix_bytes(f, "01234567890123456789", 20);
	m->l4_len = 20;
	net_output(f->net, m, &dst, IPPROTO_TCP, &path, f->now);
	assert_int_equal(fix_flush(f), 1); // asked for again
}

static void no_route_is_an_error(void **state)
{
	struct fix *f = *state;
	struct ip_addr dst = ip("224.1.1.1");
	struct net_path path;

	assert_int_equal(net_path_find(f->net, &dst, NULL, &path), -EHOSTUNREACH);
	assert_int_equal(f->stats->drop[DROP_NO_ROUTE], 1);
	dst = ip(OWN6_LOCAL);
	assert_true(net_is_local(f->net, &dst));
	dst = ip(PEER6);
	assert_false(net_is_local(f->net, &dst));
}

static void a_packet_without_headroom_is_dropped(void **state)
{
	struct fix *f = *state;
	struct ip_addr dst = ip(PEER4);
	struct net_path path;
	struct rte_mbuf *m = fix_bytes(f, "01234567890123456789", 20);

	fix_know_peer(f);
	assert_int_equal(net_path_find(f->net, &dst, NULL, &path), 0);
	assert_non_null(rte_pktmbuf_prepend(m, RTE_PKTMBUF_HEADROOM - 10));
	net_output(f->net, m, &dst, IPPROTO_TCP, &path, f->now);
	assert_int_equal(f->stats->drop[DROP_NO_MBUF], 1);
	assert_null(fix_tx(f));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fix_test(addresses_are_announced_twice),
		fix_test(a_burst_is_sorted_by_what_it_is),
		fix_test(the_queue_is_bounded_and_keeps_its_order),
		fix_test(progress_keeps_a_neighbour_reachable),
		fix_test(a_path_outlives_its_neighbour),
		fix_test(no_route_is_an_error),
		fix_test(a_packet_without_headroom_is_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
