#include "tests/unit/dataplane/net/net_fixture.h"

#define NS 135
#define NA 136
#define SOLICITED 0x40
#define OVERRIDE 0x20
#define SOURCE_LLA 1
#define TARGET_LLA 2
#define OWN6_GROUP "ff02::1:ff00:11"
#define PEER6_GROUP "ff02::1:ff00:2"

struct spec {
	uint8_t type;
	const char *src;
	const char *dst;
	const char *target;
	uint8_t flags;
	uint8_t option; // 0: none
	uint8_t hops;
};

static const struct spec ask_us = {NS, PEER6, OWN6_GROUP, OWN6, 0, SOURCE_LLA, 255};
static const struct spec answer_us = {
	NA, PEER6, OWN6, PEER6, SOLICITED | OVERRIDE, TARGET_LLA, 255};

static struct rte_mbuf *message(
	struct fix *f, const struct spec *s, const struct rte_ether_addr *mac)
{
	uint8_t bytes[32] = {s->type, [4] = s->flags};
	struct ip_addr target = ip(s->target);
	struct ip_addr dst = ip(s->dst);
	struct rte_mbuf *m;

	memcpy(bytes + 8, target.b, 16);
	bytes[24] = s->option;
	bytes[25] = 1;
	memcpy(bytes + 26, mac, 6);
	m = fix_ip6(f, s->src, s->dst, IPPROTO_ICMPV6, bytes, s->option != 0 ? 32 : 24, s->hops);
	if (dst.b[0] == 0xff)
		rte_pktmbuf_mtod(m, struct rte_ether_hdr *)->dst_addr = (struct rte_ether_addr){
			{0x33, 0x33, dst.b[12], dst.b[13], dst.b[14], dst.b[15]}};
	fix_csum6(m);
	return m;
}

static struct neigh *entry(struct fix *f, const char *text)
{
	struct ip_addr a = ip(text);

	return neigh_find(&f->net->neigh, &a);
}

static void assert_nd_out(struct fix *f, uint8_t type, const char *dst, const char *target,
	uint8_t flags, uint8_t option)
{
	struct rte_mbuf *m = fix_tx(f);
	struct rte_ipv6_hdr *h;
	uint8_t *nd;

	assert_non_null(m);
	assert_int_equal(m->pkt_len, 14 + 40 + 32);
	h = rte_pktmbuf_mtod_offset(m, struct rte_ipv6_hdr *, 14);
	nd = (uint8_t *)(h + 1);
	assert_int_equal(h->hop_limits, 255);
	assert_memory_equal(h->dst_addr, ip(dst).b, 16);
	assert_int_equal(csum_add(csum_pseudo6(h, IPPROTO_ICMPV6, 32), csum_bytes(nd, 32)), 0xffff);
	assert_int_equal(nd[0], type);
	assert_int_equal(nd[4], flags);
	assert_memory_equal(nd + 8, ip(target).b, 16);
	assert_int_equal(nd[24], option);
	assert_int_equal(nd[25], 1);
	assert_memory_equal(nd + 26, &own_mac, 6);
	rte_pktmbuf_free(m);
}

static void a_solicitation_is_answered_and_the_asker_remembered(void **state)
{
	struct fix *f = *state;

	fix_in(f, message(f, &ask_us, &peer_mac));
	assert_nd_out(f, NA, PEER6, OWN6, SOLICITED | OVERRIDE, TARGET_LLA);
	assert_int_equal(f->rx.learn_n, 1);
	assert_memory_equal(&entry(f, PEER6)->mac, &peer_mac, 6);
}

static void one_without_a_link_layer_address_is_answered_after_asking_back(void **state)
{
	struct fix *f = *state;
	struct spec s = ask_us;

	s.option = 0;
	s.dst = OWN6;
	fix_in(f, message(f, &s, &peer_mac));
	assert_nd_out(f, NS, PEER6_GROUP, PEER6, 0, SOURCE_LLA);
	assert_null(fix_tx(f));
	fix_in(f, message(f, &answer_us, &peer_mac));
	assert_nd_out(f, NA, PEER6, OWN6, SOLICITED | OVERRIDE, TARGET_LLA);
}

static void duplicate_address_detection_of_others_is_answered(void **state)
{
	struct fix *f = *state;
	struct spec s = ask_us;

	s.src = "::";
	s.option = 0;
	fix_in(f, message(f, &s, &peer_mac));
	assert_nd_out(f, NA, "ff02::1", OWN6, OVERRIDE, TARGET_LLA);
	s.option = SOURCE_LLA;
	assert_dropped(f, message(f, &s, &peer_mac), DROP_ND_BAD);
	s.option = 0;
	s.dst = OWN6;
	assert_dropped(f, message(f, &s, &peer_mac), DROP_ND_BAD);
}

static void packets_wait_for_the_advertisement(void **state)
{
	struct fix *f = *state;
	struct net_path path;
	struct rte_mbuf *m;

	assert_int_equal(fix_send(f, PEER6, 9, &path), 0);
	assert_nd_out(f, NS, PEER6_GROUP, PEER6, 0, SOURCE_LLA);
	assert_null(fix_tx(f));
	fix_in(f, message(f, &answer_us, &peer_mac));
	m = fix_tx(f);
	assert_non_null(m);
	assert_int_equal(m->pkt_len, 14 + 40 + 20 + 9);
	assert_memory_equal(rte_pktmbuf_mtod(m, char *), &peer_mac, 6);
	rte_pktmbuf_free(m);
	assert_int_equal(entry(f, PEER6)->state, NEIGH_REACHABLE);
}

static void solicitations_are_repeated_and_given_up(void **state)
{
	struct fix *f = *state;
	struct net_path path;

	f->net->announce_left = 0;
	assert_int_equal(fix_send(f, PEER6, 9, &path), 0);
	for (unsigned i = 0; i < NEIGH_SOLICITS; i++) {
		assert_nd_out(f, NS, PEER6_GROUP, PEER6, 0, SOURCE_LLA);
		fix_advance(f, NEIGH_RETRANS_NS + NS_PER_MS);
	}
	assert_null(fix_tx(f));
	assert_int_equal(f->stats->drop[DROP_NEIGH_FAILED], 1);
}

static void a_probe_goes_to_the_neighbour_alone(void **state)
{
	struct fix *f = *state;
	struct net_path path;
	struct spec s = answer_us;

	f->net->announce_left = 0;
	fix_know_peer(f);
	fix_advance(f, NEIGH_REACHABLE_NS + NS_PER_SEC);
	assert_int_equal(fix_send(f, PEER6, 1, &path), 0);
	assert_int_equal(fix_flush(f), 1);
	fix_advance(f, NEIGH_DELAY_NS + NS_PER_MS);
	assert_nd_out(f, NS, PEER6, PEER6, 0, SOURCE_LLA);
	s.option = 0; // an answer to a unicast question may leave it out
	fix_in(f, message(f, &s, &peer_mac));
	assert_int_equal(entry(f, PEER6)->state, NEIGH_REACHABLE);
}

static void an_advertisement_for_nobody_teaches_nothing(void **state)
{
	struct fix *f = *state;

	fix_in(f, message(f, &answer_us, &peer_mac));
	assert_null(entry(f, PEER6));
}

static void spoofed_and_malformed_messages_are_dropped(void **state)
{
	struct fix *f = *state;
	struct spec s = ask_us;
	struct rte_mbuf *m;

	s.hops = 254; // came through a router
	assert_dropped(f, message(f, &s, &peer_mac), DROP_ND_BAD);
	s = ask_us;
	s.target = "ff02::5";
	assert_dropped(f, message(f, &s, &peer_mac), DROP_ND_BAD);
	s = answer_us;
	s.dst = "ff02::1";
	assert_dropped(f, message(f, &s, &peer_mac), DROP_ND_BAD); // solicited, but to all
	m = message(f, &ask_us, &peer_mac);
	*rte_pktmbuf_mtod_offset(m, uint8_t *, 55) = 1; // code
	fix_csum6(m);
	assert_dropped(f, m, DROP_ND_BAD);
	m = message(f, &ask_us, &peer_mac);
	*rte_pktmbuf_mtod_offset(m, uint8_t *, 54 + 25) = 0; // option of length 0
	fix_csum6(m);
	assert_dropped(f, m, DROP_ND_BAD);
	m = message(f, &ask_us, &peer_mac);
	*rte_pktmbuf_mtod_offset(m, uint8_t *, 54 + 25) = 2; // longer than the message
	fix_csum6(m);
	assert_dropped(f, m, DROP_ND_BAD);
	m = message(f, &ask_us, &peer_mac);
	*rte_pktmbuf_mtod_offset(m, uint8_t *, 54 + 26) ^= 1; // checksum
	assert_dropped(f, m, DROP_ICMP_BAD);
}

static void somebody_with_our_address_is_counted(void **state)
{
	struct fix *f = *state;
	struct spec s = answer_us;

	s.target = OWN6;
	fix_in(f, message(f, &s, &peer_mac));
	assert_int_equal(f->stats->stat[STAT_arp_conflict], 1);
}

static void router_advertisements_are_ignored(void **state)
{
	struct fix *f = *state;
	struct spec s = answer_us;

	s.type = 134;
	fix_in(f, message(f, &s, &peer_mac));
	assert_null(fix_tx(f));
	assert_null(entry(f, PEER6));
	assert_int_equal(f->rx.seg_n, 0);
}

static void another_cores_frames_are_learned_from_and_not_answered(void **state)
{
	struct fix *f = *state;
	struct net_path path;
	struct rte_mbuf *m;

	assert_int_equal(fix_send(f, PEER6, 1, &path), 0);
	fix_flush(f);
	m = message(f, &answer_us, &peer_mac);
	net_learn(f->net, &m, 1, f->now);
	assert_int_equal(fix_flush(f), 1);
	m = message(f, &ask_us, &peer_mac);
	net_learn(f->net, &m, 1, f->now);
	assert_null(fix_tx(f));
}

static void a_flood_of_sources_leaves_the_neighbour_in_use(void **state)
{
	struct fix *f = *state;
	struct net_path path;
	struct spec s = ask_us;
	char text[IP_ADDR_TEXT_MAX];

	fix_know_peer(f);
	assert_int_equal(fix_send(f, PEER6, 1, &path), 0);
	s.src = text;
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "2001:db8::1:%x", i);
		s.option = i % 2 ? SOURCE_LLA : 0; // half of them make us ask back
		fix_in(f, message(f, &s, &peer_mac));
		fix_flush(f);
	}
	assert_int_equal(entry(f, PEER6)->state, NEIGH_REACHABLE);
	assert_int_equal(fix_send(f, PEER6, 1, &path), 0);
	assert_int_equal(fix_flush(f), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fix_test(a_solicitation_is_answered_and_the_asker_remembered),
		fix_test(one_without_a_link_layer_address_is_answered_after_asking_back),
		fix_test(duplicate_address_detection_of_others_is_answered),
		fix_test(packets_wait_for_the_advertisement),
		fix_test(solicitations_are_repeated_and_given_up),
		fix_test(a_probe_goes_to_the_neighbour_alone),
		fix_test(an_advertisement_for_nobody_teaches_nothing),
		fix_test(spoofed_and_malformed_messages_are_dropped),
		fix_test(somebody_with_our_address_is_counted),
		fix_test(router_advertisements_are_ignored),
		fix_test(another_cores_frames_are_learned_from_and_not_answered),
		fix_test(a_flood_of_sources_leaves_the_neighbour_in_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
