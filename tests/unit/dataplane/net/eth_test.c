#include "tests/unit/dataplane/net/net_fixture.h"

#include "dataplane/net/packet.h"

#define SYN_LEN 20

static struct rte_mbuf *segment(struct fix *f)
{
	uint8_t tcp[SYN_LEN] = {[12] = 0x50};

	return fix_ip4(f, PEER4, OWN4, IPPROTO_TCP, tcp, sizeof(tcp), 0);
}

static struct fix *with_vlan(uint16_t vlan, uint64_t offloads)
{
	struct net_config c;

	test_eal_start();
	c = fix_config();
	c.vlan = vlan;
	c.tx_offloads = offloads;
	return fix_new(&c);
}

static void tag(struct rte_mbuf *m, uint16_t tci)
{
	uint8_t *p = (uint8_t *)rte_pktmbuf_prepend(m, 4);

	if (p == NULL)
		abort();
	memmove(p, p + 4, 12);
	be16_put(p + 12, 0x8100);
	be16_put(p + 14, tci);
}

static void frames_for_others_are_dropped(void **state)
{
	struct fix *f = *state;
	struct rte_mbuf *m = segment(f);
	const struct rte_ether_addr other = {{2, 0, 0, 0, 0, 9}};
	const struct rte_ether_addr group4 = {{1, 0, 0x5e, 0, 0, 1}};

	rte_pktmbuf_mtod(m, struct rte_ether_hdr *)->dst_addr = other;
	assert_dropped(f, m, DROP_ETH_DST);
	m = segment(f);
	rte_pktmbuf_mtod(m, struct rte_ether_hdr *)->dst_addr = group4;
	assert_dropped(f, m, DROP_ETH_DST);
	// A segment that was sent to everybody is not for us, whatever its IP header says.
	m = segment(f);
	rte_pktmbuf_mtod(m, struct rte_ether_hdr *)->dst_addr = bcast_mac;
	assert_dropped(f, m, DROP_IP_DST);
}

static void short_and_strange_frames_are_dropped(void **state)
{
	struct fix *f = *state;
	struct rte_mbuf *m;

	for (size_t len = 0; len < 14; len++)
		assert_dropped(f,
			fix_bytes(f, "\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02\x08", len),
			DROP_ETH_SHORT);
	m = segment(f);
	be16_put(rte_pktmbuf_mtod_offset(m, char *, 12), 0x88cc);
	assert_dropped(f, m, DROP_ETH_TYPE);
	m = segment(f);
	packet_trim(m, 16);
	be16_put(rte_pktmbuf_mtod_offset(m, char *, 12), 0x8100);
	assert_dropped(f, m, DROP_ETH_SHORT);
}

static void tags_of_a_node_without_vlan(void **state)
{
	struct fix *f = *state;
	struct rte_mbuf *m = segment(f);

	tag(m, 5);
	assert_dropped(f, m, DROP_ETH_VLAN);
	m = segment(f);
	tag(m, 0xe000); // a priority, and VLAN 0
	fix_in(f, m);
	assert_int_equal(f->rx.seg_n, 1);
	rte_pktmbuf_free(f->rx.seg[0]);
}

static void a_node_in_a_vlan_takes_its_own_frames_only(void **state)
{
	struct fix *f = with_vlan(5, 0);
	struct rte_mbuf *m;

	(void)state;
	assert_dropped(f, segment(f), DROP_ETH_VLAN);
	m = segment(f);
	tag(m, 6);
	assert_dropped(f, m, DROP_ETH_VLAN);
	m = segment(f);
	tag(m, 0x2005);
	fix_in(f, m);
	assert_int_equal(f->rx.seg_n, 1);
	rte_pktmbuf_free(f->rx.seg[0]);

	// Taken out by the port.
	m = segment(f);
	m->ol_flags |= RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
	m->vlan_tci = 5;
	fix_in(f, m);
	assert_int_equal(f->rx.seg_n, 1);
	rte_pktmbuf_free(f->rx.seg[0]);
	m = segment(f);
	m->ol_flags |= RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
	m->vlan_tci = 6;
	assert_dropped(f, m, DROP_ETH_VLAN);
	fix_free(f);
}

static void tags_are_written_into_frames(void **state)
{
	struct fix *f = with_vlan(5, 0);
	struct net_path path;
	struct rte_mbuf *m;
	const uint8_t *p;

	(void)state;
	fix_know_peer(f);
	assert_int_equal(fix_send(f, PEER4, 10, &path), 0);
	m = fix_tx(f);
	assert_non_null(m);
	p = rte_pktmbuf_mtod(m, const uint8_t *);
	assert_int_equal(be16_get(p + 12), 0x8100);
	assert_int_equal(be16_get(p + 14), 5);
	assert_int_equal(be16_get(p + 16), 0x0800);
	assert_int_equal(m->l2_len, 18);
	assert_int_equal(m->pkt_len, 18 + 20 + 20 + 10);
	rte_pktmbuf_free(m);
	fix_free(f);
}

static void tags_are_left_to_a_port_that_inserts_them(void **state)
{
	struct fix *f = with_vlan(5, RTE_ETH_TX_OFFLOAD_VLAN_INSERT);
	struct net_path path;
	struct rte_mbuf *m;

	(void)state;
	fix_know_peer(f);
	assert_int_equal(fix_send(f, PEER4, 10, &path), 0);
	m = fix_tx(f);
	assert_non_null(m);
	assert_int_equal(be16_get(rte_pktmbuf_mtod_offset(m, char *, 12)), 0x0800);
	assert_true(m->ol_flags & RTE_MBUF_F_TX_VLAN);
	assert_int_equal(m->vlan_tci, 5);
	assert_int_equal(m->l2_len, 14);
	rte_pktmbuf_free(m);
	fix_free(f);
}

static void headers_cut_into_segments_are_read(void **state)
{
	struct fix *f = *state;

	for (uint16_t cut = 0; cut < 54; cut++) {
		struct rte_mbuf *whole = segment(f);
		struct rte_mbuf *m = fix_bytes(f, rte_pktmbuf_mtod(whole, char *), cut);

		rte_pktmbuf_adj(whole, cut);
		assert_int_equal(rte_pktmbuf_chain(m, whole), 0);
		fix_in(f, m);
		assert_int_equal(f->rx.seg_n, 1);
		assert_int_equal(f->rx.seg[0]->data_len, 40);
		assert_int_equal(f->rx.seg[0]->nb_segs, 1);
		rte_pktmbuf_free(f->rx.seg[0]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fix_test(frames_for_others_are_dropped),
		fix_test(short_and_strange_frames_are_dropped),
		fix_test(tags_of_a_node_without_vlan),
		cmocka_unit_test(a_node_in_a_vlan_takes_its_own_frames_only),
		cmocka_unit_test(tags_are_written_into_frames),
		cmocka_unit_test(tags_are_left_to_a_port_that_inserts_them),
		fix_test(headers_cut_into_segments_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
