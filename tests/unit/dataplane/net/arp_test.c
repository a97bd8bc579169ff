#include "tests/unit/dataplane/net/net_fixture.h"

#define REQUEST RTE_ARP_OP_REQUEST
#define REPLY RTE_ARP_OP_REPLY

// The next frame to send must be an ARP packet like this.
static void assert_arp_out(struct fix *f, uint16_t op, const struct rte_ether_addr *dst,
	const char *sip, const char *tip)
{
	struct rte_mbuf *m = fix_tx(f);
	struct rte_ether_hdr *eth;
	struct rte_arp_hdr *arp;
	struct ip_addr s = ip(sip);
	struct ip_addr t = ip(tip);

	assert_non_null(m);
	assert_int_equal(m->pkt_len, 42);
	eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
	arp = (struct rte_arp_hdr *)(eth + 1);
	assert_memory_equal(&eth->dst_addr, dst, 6);
	assert_memory_equal(&eth->src_addr, &own_mac, 6);
	assert_int_equal(rte_be_to_cpu_16(eth->ether_type), 0x0806);
	assert_int_equal(rte_be_to_cpu_16(arp->arp_opcode), op);
	assert_memory_equal(&arp->arp_data.arp_sha, &own_mac, 6);
	assert_int_equal(arp->arp_data.arp_sip, ip_addr_v4(&s));
	assert_int_equal(arp->arp_data.arp_tip, ip_addr_v4(&t));
	rte_pktmbuf_free(m);
}

static struct neigh *entry(struct fix *f, const char *text)
{
	struct ip_addr a = ip(text);

	return neigh_find(&f->net->neigh, &a);
}

static void a_request_for_us_is_answered_and_the_asker_remembered(void **state)
{
	struct fix *f = *state;

	fix_in(f, fix_arp(f, REQUEST, &peer_mac, PEER4, OWN4, &bcast_mac));
	assert_arp_out(f, REPLY, &peer_mac, OWN4, PEER4);
	assert_int_equal(f->rx.learn_n, 1);
	assert_non_null(entry(f, PEER4));
	assert_int_equal(entry(f, PEER4)->state, NEIGH_STALE);
	assert_null(fix_tx(f));
}

static void requests_for_others_teach_nothing_new(void **state)
{
	struct fix *f = *state;
	const struct rte_ether_addr moved = {{2, 0, 0, 0, 0, 7}};

	fix_in(f, fix_arp(f, REQUEST, &peer_mac, PEER4, "198.18.0.99", &bcast_mac));
	assert_null(entry(f, PEER4));
	assert_null(fix_tx(f));
	// But an entry that exists follows a station that moved.
	fix_know_peer(f);
	fix_in(f, fix_arp(f, REQUEST, &moved, PEER4, PEER4, &bcast_mac));
	assert_memory_equal(&entry(f, PEER4)->mac, &moved, 6);
	assert_int_equal(entry(f, PEER4)->state, NEIGH_STALE);
}

static void a_stranger_from_another_network_is_answered_but_not_remembered(void **state)
{
	struct fix *f = *state;

	fix_in(f, fix_arp(f, REQUEST, &peer_mac, "10.9.9.9", OWN4, &own_mac));
	assert_arp_out(f, REPLY, &peer_mac, OWN4, "10.9.9.9");
	assert_null(entry(f, "10.9.9.9"));
}

static void a_probe_of_our_address_is_answered(void **state)
{
	struct fix *f = *state;

	fix_in(f, fix_arp(f, REQUEST, &peer_mac, "0.0.0.0", OWN4, &bcast_mac));
	assert_arp_out(f, REPLY, &peer_mac, OWN4, "0.0.0.0");
	assert_null(entry(f, "0.0.0.0"));
	assert_int_equal(f->stats->stat[STAT_arp_conflict], 0);
}

static void packets_wait_for_the_answer(void **state)
{
	struct fix *f = *state;
	struct net_path path;

	assert_int_equal(fix_send(f, PEER4, 1, &path), 0);
	assert_int_equal(fix_send(f, PEER4, 2, &path), 0);
	assert_arp_out(f, REQUEST, &bcast_mac, OWN4, PEER4);
	assert_null(fix_tx(f));
	fix_in(f, fix_arp(f, REPLY, &peer_mac, PEER4, OWN4, &own_mac));
	for (unsigned i = 1; i <= 2; i++) {
		struct rte_mbuf *m = fix_tx(f);

		assert_non_null(m);
		assert_int_equal(m->pkt_len, 54 + i);
		assert_memory_equal(rte_pktmbuf_mtod(m, char *), &peer_mac, 6);
		rte_pktmbuf_free(m);
	}
	assert_int_equal(entry(f, PEER4)->state, NEIGH_REACHABLE);
	assert_int_equal(fix_send(f, PEER4, 3, &path), 0);
	assert_int_equal(fix_flush(f), 1);
}

static void unanswered_requests_are_repeated_and_given_up(void **state)
{
	struct fix *f = *state;
	struct net_path path;

	assert_int_equal(fix_send(f, PEER4, 1, &path), 0);
	for (unsigned i = 0; i < NEIGH_SOLICITS; i++) {
		// Their announcements come in between.
		f->net->announce_left = 0;
		assert_arp_out(f, REQUEST, &bcast_mac, OWN4, PEER4);
		assert_null(fix_tx(f));
		assert_true(net_next(f->net).ns <= f->now.ns + NEIGH_RETRANS_NS + 2 * NS_PER_MS);
		fix_advance(f, NEIGH_RETRANS_NS + NS_PER_MS);
	}
	assert_null(fix_tx(f));
	assert_int_equal(f->stats->drop[DROP_NEIGH_FAILED], 1);
	assert_int_equal(fix_send(f, PEER4, 1, &path), 0);
	assert_int_equal(f->stats->drop[DROP_NEIGH_FAILED], 2);
	fix_advance(f, NEIGH_FAILED_NS + NS_PER_MS);
	assert_int_equal(fix_send(f, PEER4, 1, &path), 0);
	assert_arp_out(f, REQUEST, &bcast_mac, OWN4, PEER4);
}

static void the_hold_queue_is_bounded(void **state)
{
	struct fix *f = *state;
	struct net_path path;

	for (unsigned i = 0; i < NEIGH_HOLD_MAX + 3; i++)
		assert_int_equal(fix_send(f, PEER4, i, &path), 0);
	assert_int_equal(f->stats->drop[DROP_NEIGH_HOLD], 3);
	fix_flush(f);
	fix_in(f, fix_arp(f, REPLY, &peer_mac, PEER4, OWN4, &own_mac));
	for (unsigned i = 3; i < NEIGH_HOLD_MAX + 3; i++) {
		struct rte_mbuf *m = fix_tx(f);

		assert_non_null(m);
		assert_int_equal(m->pkt_len, 54 + i); // the oldest gave way, order is kept
		rte_pktmbuf_free(m);
	}
	assert_null(fix_tx(f));
}

static void an_aged_neighbour_is_probed_by_unicast(void **state)
{
	struct fix *f = *state;
	struct net_path path;

	f->net->announce_left = 0;
	fix_know_peer(f);
	fix_advance(f, NEIGH_REACHABLE_NS + NS_PER_SEC);
	assert_int_equal(fix_send(f, PEER4, 1, &path), 0);
	assert_int_equal(fix_flush(f), 1); // sent at once
	fix_advance(f, NEIGH_DELAY_NS + NS_PER_MS);
	assert_arp_out(f, REQUEST, &peer_mac, OWN4, PEER4);
	fix_in(f, fix_arp(f, REPLY, &peer_mac, PEER4, OWN4, &own_mac));
	assert_int_equal(entry(f, PEER4)->state, NEIGH_REACHABLE);
}

static void somebody_with_our_address_is_counted_and_told_at_a_limited_rate(void **state)
{
	struct fix *f = *state;

	f->net->announce_left = 0;
	for (unsigned i = 0; i < 5; i++)
		fix_in(f, fix_arp(f, REQUEST, &peer_mac, OWN4, OWN4, &bcast_mac));
	assert_int_equal(f->stats->stat[STAT_arp_conflict], 5);
	assert_arp_out(f, REQUEST, &bcast_mac, OWN4, OWN4);
	assert_null(fix_tx(f));
	assert_null(entry(f, OWN4));
	f->now = mono_add(f->now, 10 * NS_PER_SEC);
	fix_in(f, fix_arp(f, REPLY, &peer_mac, OWN4, PEER4, &bcast_mac));
	assert_arp_out(f, REQUEST, &bcast_mac, OWN4, OWN4);
	// Our own announcement, come back, is no conflict.
	fix_in(f, fix_arp(f, REQUEST, &own_mac, OWN4, OWN4, &bcast_mac));
	assert_int_equal(f->stats->stat[STAT_arp_conflict], 6);
}

static void another_cores_frames_are_learned_from_and_not_answered(void **state)
{
	struct fix *f = *state;
	struct net_path path;
	struct rte_mbuf *m;

	assert_int_equal(fix_send(f, PEER4, 1, &path), 0);
	fix_flush(f);
	m = fix_arp(f, REPLY, &peer_mac, PEER4, OWN4, &own_mac);
	net_learn(f->net, &m, 1, f->now);
	assert_int_equal(entry(f, PEER4)->state, NEIGH_REACHABLE);
	assert_int_equal(fix_flush(f), 1);
	m = fix_arp(f, REQUEST, &peer_mac, PEER4, OWN4, &bcast_mac);
	net_learn(f->net, &m, 1, f->now);
	assert_null(fix_tx(f));
}

// Several cores hold references to one mbuf: none may write to it.
static void a_frame_shared_between_cores_is_not_changed(void **state)
{
	struct fix *f = *state;
	struct rte_mbuf *m = fix_arp(f, REQUEST, &peer_mac, PEER4, OWN4, &bcast_mac);
	struct rte_mbuf *given = m;
	uint16_t off = m->data_off;
	uint32_t len = m->pkt_len;

	rte_mbuf_refcnt_update(m, 1);
	net_learn(f->net, &given, 1, f->now);
	assert_int_equal(rte_mbuf_refcnt_read(m), 1);
	assert_int_equal(m->data_off, off);
	assert_int_equal(m->pkt_len, len);
	assert_non_null(entry(f, PEER4));
	rte_pktmbuf_free(m);
}

static void what_net_input_hands_on_another_core_understands(void **state)
{
	struct fix *f = *state;
	struct rte_mbuf *m = fix_arp(f, REQUEST, &peer_mac, PEER4, OWN4, &bcast_mac);
	struct net_config c = fix_config();
	struct net *other = net_new(&c, f->pool, f->stats, f->now);
	struct ip_addr peer = ip(PEER4);

	net_input(f->net, &m, 1, f->now, &f->rx);
	assert_int_equal(f->rx.learn_n, 1);
	net_learn(other, f->rx.learn, 1, f->now);
	assert_non_null(neigh_find(&other->neigh, &peer));
	net_free(other);
	fix_flush(f);
}

static void malformed_packets_are_dropped(void **state)
{
	struct fix *f = *state;
	const size_t fields[] = {14, 16, 18, 19, 20};
	const struct rte_ether_addr group = {{3, 0, 0, 0, 0, 2}};
	const struct rte_ether_addr zero = {{0}};
	struct rte_mbuf *m;

	for (size_t i = 0; i < RTE_DIM(fields); i++) {
		m = fix_arp(f, REQUEST, &peer_mac, PEER4, OWN4, &bcast_mac);
		*rte_pktmbuf_mtod_offset(m, uint8_t *, fields[i]) ^= 0x40;
		assert_dropped(f, m, DROP_ARP_BAD);
	}
	m = fix_arp(f, REQUEST, &peer_mac, PEER4, OWN4, &bcast_mac);
	rte_pktmbuf_trim(m, 1);
	assert_dropped(f, m, DROP_ARP_BAD);
	assert_dropped(f, fix_arp(f, 3, &peer_mac, PEER4, OWN4, &bcast_mac), DROP_ARP_BAD);
	assert_dropped(f, fix_arp(f, REQUEST, &group, PEER4, OWN4, &bcast_mac), DROP_ARP_BAD);
	assert_dropped(f, fix_arp(f, REQUEST, &zero, PEER4, OWN4, &bcast_mac), DROP_ARP_BAD);
	assert_dropped(
		f, fix_arp(f, REQUEST, &peer_mac, "224.0.0.5", OWN4, &bcast_mac), DROP_ARP_BAD);
	assert_dropped(
		f, fix_arp(f, REQUEST, &peer_mac, "198.18.0.255", OWN4, &bcast_mac), DROP_ARP_BAD);
}

static void a_flood_of_askers_leaves_the_neighbour_in_use(void **state)
{
	struct fix *f = *state;
	struct net_path path;
	char text[IP_ADDR_TEXT_MAX];

	fix_know_peer(f);
	assert_int_equal(fix_send(f, PEER4, 1, &path), 0);
	for (unsigned i = 12; i < 250; i++) {
		snprintf(text, sizeof(text), "198.18.0.%u", i);
		fix_in(f, fix_arp(f, REQUEST, &peer_mac, text, OWN4, &bcast_mac));
		fix_flush(f);
	}
	assert_non_null(entry(f, PEER4));
	assert_int_equal(fix_send(f, PEER4, 1, &path), 0);
	assert_int_equal(fix_flush(f), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fix_test(a_request_for_us_is_answered_and_the_asker_remembered),
		fix_test(requests_for_others_teach_nothing_new),
		fix_test(a_stranger_from_another_network_is_answered_but_not_remembered),
		fix_test(a_probe_of_our_address_is_answered),
		fix_test(packets_wait_for_the_answer),
		fix_test(unanswered_requests_are_repeated_and_given_up),
		fix_test(the_hold_queue_is_bounded),
		fix_test(an_aged_neighbour_is_probed_by_unicast),
		fix_test(somebody_with_our_address_is_counted_and_told_at_a_limited_rate),
		fix_test(another_cores_frames_are_learned_from_and_not_answered),
		fix_test(a_frame_shared_between_cores_is_not_changed),
		fix_test(what_net_input_hands_on_another_core_understands),
		fix_test(malformed_packets_are_dropped),
		fix_test(a_flood_of_askers_leaves_the_neighbour_in_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
