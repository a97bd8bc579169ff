#include "tests/unit/dataplane/net/net_fixture.h"

#include "dataplane/net/ip4.h"
#include "dataplane/net/packet.h"

#define MF RTE_IPV4_HDR_MF_FLAG
#define SEGMENT_LEN 28

static const uint8_t segment_bytes[SEGMENT_LEN] = {[12] = 0x50, [20] = 'p', 'a', 'y', 'l', 'o'};

static struct rte_mbuf *segment(struct fix *f)
{
	return fix_ip4(f, PEER4, OWN4, IPPROTO_TCP, segment_bytes, SEGMENT_LEN, 0x4000);
}

static struct rte_ipv4_hdr *header(struct rte_mbuf *m)
{
	return rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, 14);
}

static void sum(struct rte_mbuf *m)
{
	struct rte_ipv4_hdr *h = header(m);

	h->hdr_checksum = 0;
	h->hdr_checksum = (uint16_t)~csum_bytes(h, rte_ipv4_hdr_len(h));
}

static void a_segment_is_handed_on_without_padding(void **state)
{
	struct fix *f = *state;
	struct rte_mbuf *m = segment(f);

	memset(rte_pktmbuf_append(m, 12), 0xee, 12);
	m->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	fix_in(f, m);
	assert_int_equal(f->rx.seg_n, 1);
	m = f->rx.seg[0];
	assert_int_equal(m->pkt_len, 20 + SEGMENT_LEN);
	assert_int_equal(m->l3_len, 20);
	assert_int_equal(m->packet_type & RTE_PTYPE_L3_MASK, RTE_PTYPE_L3_IPV4);
	assert_int_equal(m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK, RTE_MBUF_F_RX_L4_CKSUM_GOOD);
	assert_memory_equal(rte_pktmbuf_mtod_offset(m, char *, 20), segment_bytes, SEGMENT_LEN);
	rte_pktmbuf_free(m);
}

static void options_are_skipped(void **state)
{
	struct fix *f = *state;
	struct rte_mbuf *m = segment(f);
	uint8_t *p = (uint8_t *)rte_pktmbuf_prepend(m, 8);

	if (p == NULL)
		abort();
	memmove(p, p + 8, 34);
	memset(p + 34, 1, 8); // no operation
	header(m)->version_ihl = 0x47;
	header(m)->total_length = rte_cpu_to_be_16(28 + SEGMENT_LEN);
	sum(m);
	fix_in(f, m);
	assert_int_equal(f->rx.seg_n, 1);
	assert_int_equal(f->rx.seg[0]->l3_len, 28);
	assert_memory_equal(
		rte_pktmbuf_mtod_offset(f->rx.seg[0], char *, 28), segment_bytes, SEGMENT_LEN);
	rte_pktmbuf_free(f->rx.seg[0]);
}

static void malformed_headers_are_dropped(void **state)
{
	struct fix *f = *state;
	struct rte_mbuf *m;
	const uint8_t bad_first[] = {0x44, 0x40, 0x55, 0x65, 0x4f};

	for (size_t i = 0; i < RTE_DIM(bad_first); i++) {
		m = segment(f);
		header(m)->version_ihl = bad_first[i];
		assert_dropped(f, m, DROP_IP_BAD);
	}
	for (uint16_t len = 14; len < 34; len++) {
		m = segment(f);
		packet_trim(m, len);
		assert_dropped(f, m, DROP_IP_BAD);
	}
	m = segment(f);
	header(m)->total_length = rte_cpu_to_be_16(20 + SEGMENT_LEN + 1);
	sum(m);
	assert_dropped(f, m, DROP_IP_BAD);
	m = segment(f);
	header(m)->total_length = rte_cpu_to_be_16(19);
	sum(m);
	assert_dropped(f, m, DROP_IP_BAD);
}

static void the_checksum_is_checked_unless_the_port_did(void **state)
{
	struct fix *f = *state;
	struct rte_mbuf *m = segment(f);

	header(m)->hdr_checksum ^= 0x0100;
	assert_dropped(f, m, DROP_IP_CSUM);
	m = segment(f);
	m->ol_flags |= RTE_MBUF_F_RX_IP_CKSUM_BAD;
	assert_dropped(f, m, DROP_IP_CSUM);
	m = segment(f);
	header(m)->hdr_checksum ^= 0x0100;
	m->ol_flags |= RTE_MBUF_F_RX_IP_CKSUM_GOOD;
	fix_in(f, m);
	assert_int_equal(f->rx.seg_n, 1);
	rte_pktmbuf_free(f->rx.seg[0]);
	m = segment(f);
	header(m)->hdr_checksum ^= 0x0100;
	m->ol_flags |= RTE_MBUF_F_RX_IP_CKSUM_NONE;
	fix_in(f, m);
	assert_int_equal(f->rx.seg_n, 1);
	rte_pktmbuf_free(f->rx.seg[0]);
}

static void sources_and_destinations_are_checked(void **state)
{
	struct fix *f = *state;
	const char *martians[] = {
		"127.0.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "198.18.0.255", OWN4};
	const char *others[] = {"198.18.0.12", "198.18.0.255", "255.255.255.255", "224.0.0.1"};

	for (size_t i = 0; i < RTE_DIM(martians); i++)
		assert_dropped(f,
			fix_ip4(f, martians[i], OWN4, IPPROTO_TCP, segment_bytes, SEGMENT_LEN, 0),
			DROP_IP_MARTIAN);
	for (size_t i = 0; i < RTE_DIM(others); i++)
		assert_dropped(f,
			fix_ip4(f, PEER4, others[i], IPPROTO_TCP, segment_bytes, SEGMENT_LEN, 0),
			DROP_IP_DST);
}

static void a_packet_to_send_is_written_right(void **state)
{
	struct fix *f = *state;
	struct net_path path;
	struct rte_mbuf *m;
	struct rte_ipv4_hdr *h;

	fix_know_peer(f);
	assert_int_equal(fix_send(f, PEER4, 100, &path), 0);
	assert_int_equal(path.mtu, 1500);
	m = fix_tx(f);
	assert_non_null(m);
	h = header(m);
	assert_int_equal(h->version_ihl, 0x45);
	assert_int_equal(h->type_of_service, 0);
	assert_int_equal(rte_be_to_cpu_16(h->total_length), 140);
	assert_int_equal(rte_be_to_cpu_16(h->fragment_offset), 0x4000);
	assert_int_equal(h->time_to_live, 64);
	assert_true(csum_ip4_ok(h, 20));
	assert_int_equal(rte_ipv4_udptcp_cksum_verify(h, h + 1), 0);
	assert_int_equal(m->l2_len, 14);
	assert_int_equal(m->l3_len, 20);
	assert_int_equal(m->l4_len, 20);
	rte_pktmbuf_free(m);
}

static void the_traffic_class_is_that_of_the_path(void **state)
{
	struct fix *f = *state;
	struct net_path path = {.tclass = 0xff}; // what was there before does not count
	struct ip_addr dst = ip(PEER4);
	uint8_t tcp[20] = {[12] = 0x50};
	struct rte_mbuf *m = fix_bytes(f, tcp, sizeof(tcp));

	fix_know_peer(f);
	assert_int_equal(net_path_find(f->net, &dst, NULL, &path), 0);
	assert_int_equal(path.tclass, 0);
	path.tclass = 0xb9; // a code point and ECT(1)
	m->l4_len = 20;
	net_output(f->net, m, &dst, IPPROTO_TCP, &path, f->now);
	m = fix_tx(f);
	assert_non_null(m);
	assert_int_equal(header(m)->type_of_service, 0xb9);
	assert_true(csum_ip4_ok(header(m), 20));
	rte_pktmbuf_free(m);
}

static void payload_may_be_shared_and_indirect(void **state)
{
	struct fix *f = *state;
	uint8_t tcp[20] = {[12] = 0x50};
	struct rte_mbuf *big = fix_bytes(f, "The bytes of a reply that others hold too.", 41);
	struct rte_mbuf *ref = rte_pktmbuf_clone(big, f->pool);
	struct rte_mbuf *m = fix_bytes(f, tcp, sizeof(tcp));
	struct ip_addr dst = ip(PEER4);
	struct net_path path;
	uint8_t flat[200];
	struct rte_ipv4_hdr *h = (struct rte_ipv4_hdr *)(flat + 14);

	assert_non_null(ref);
	rte_pktmbuf_adj(ref, 1); // odd lengths on both sides
	fix_know_peer(f);
	m->l4_len = 20;
	assert_int_equal(rte_pktmbuf_chain(m, ref), 0);
	assert_int_equal(net_path_find(f->net, &dst, NULL, &path), 0);
	net_output(f->net, m, &dst, IPPROTO_TCP, &path, f->now);
	m = fix_tx(f);
	assert_non_null(m);
	assert_int_equal(packet_copy(m, flat, sizeof(flat)), 14 + 20 + 20 + 40);
	assert_int_equal(rte_ipv4_udptcp_cksum_verify(h, h + 1), 0);
	assert_memory_equal(rte_pktmbuf_mtod(big, char *), "The bytes of", 12);
	rte_pktmbuf_free(m);
	rte_pktmbuf_free(big);
}

// --- fragments

static void fragments_in_any_order_become_the_packet(void **state)
{
	struct fix *f = *state;
	static const uint8_t order[6][3] = {
		{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
	uint8_t bytes[1000] = {[12] = 0x50};

	for (size_t i = 20; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7);
	for (unsigned o = 0; o < 6; o++) {
		uint8_t flat[sizeof(bytes)];
		struct rte_mbuf *m;

		for (unsigned i = 0; i < 3; i++) {
			unsigned k = order[o][i];
			size_t len = k < 2 ? 400 : 200;

			assert_int_equal(i == 0 || f->rx.seg_n == 0, true);
			m = fix_ip4(f, PEER4, OWN4, IPPROTO_TCP, bytes + k * 400, len,
				(uint16_t)((k < 2 ? MF : 0) | (k * 50)));
			header(m)->packet_id = rte_cpu_to_be_16((uint16_t)(o + 1));
			sum(m);
			memset(rte_pktmbuf_append(m, 9), 0xee, 9); // padding
			m->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_BAD;
			fix_in(f, m);
		}
		assert_int_equal(f->rx.seg_n, 1);
		m = f->rx.seg[0];
		assert_int_equal(m->ol_flags, 0);
		assert_int_equal(m->pkt_len, 1020);
		assert_int_equal(
			rte_be_to_cpu_16(rte_pktmbuf_mtod(m, struct rte_ipv4_hdr *)->total_length),
			1020);
		rte_pktmbuf_adj(m, 20);
		packet_copy(m, flat, sizeof(flat));
		assert_memory_equal(flat, bytes, sizeof(bytes));
		rte_pktmbuf_free(m);
	}
	assert_int_equal(f->stats->stat[STAT_frag_reassembled], 6);
}

static struct rte_mbuf *piece(struct fix *f, unsigned from, unsigned to, bool more)
{
	static uint8_t bytes[2048];

	return fix_ip4(f, PEER4, OWN4, IPPROTO_TCP, bytes, to - from,
		(uint16_t)((more ? MF : 0) | (from / 8)));
}

static void overlapping_fragments_never_become_a_packet(void **state)
{
	struct fix *f = *state;

	fix_in(f, piece(f, 0, 64, true));
	fix_in(f, piece(f, 48, 128, true));
	assert_int_equal(f->rx.seg_n, 0);
	fix_in(f, piece(f, 128, 200, false));
	assert_int_equal(f->rx.seg_n, 0);
	// The bytes add up here, but they overlap and leave a hole.
	fix_in(f, piece(f, 0, 64, true));
	fix_in(f, piece(f, 0, 64, true));
	fix_in(f, piece(f, 128, 200, false));
	assert_int_equal(f->rx.seg_n, 0);
	fix_advance(f, FRAG_TIMEOUT_NS + NS_PER_SEC);
	fix_advance(f, 2 * NS_PER_SEC);
	fix_flush(f);
	assert_int_equal(test_pool_in_use(f->pool), 0);
}

static void bad_fragments_are_dropped(void **state)
{
	struct fix *f = *state;
	static uint8_t bytes[1400];

	assert_dropped(f, piece(f, 0, 63, true), DROP_FRAG_BAD); // not a multiple of 8
	assert_dropped(f, fix_ip4(f, PEER4, OWN4, IPPROTO_TCP, bytes, 0, MF), DROP_FRAG_BAD);
	assert_dropped(f, fix_ip4(f, PEER4, OWN4, IPPROTO_TCP, bytes, 1400, 0x1fff),
		DROP_FRAG_BAD); // would end beyond 65535
}

static void what_never_becomes_whole_is_forgotten(void **state)
{
	struct fix *f = *state;

	f->net->announce_left = 0;
	fix_in(f, piece(f, 0, 64, true));
	assert_int_equal(test_pool_in_use(f->pool), 1);
	assert_true(net_next(f->net).ns < UINT64_MAX);
	for (unsigned i = 0; i < 18; i++)
		fix_advance(f, NS_PER_SEC);
	assert_int_equal(test_pool_in_use(f->pool), 0);
	assert_true(f->stats->drop[DROP_FRAG_TIMEOUT] > 0);
	assert_int_equal(f->net->frag.sweep.ns, UINT64_MAX);
	// The rest comes too late.
	fix_in(f, piece(f, 64, 128, false));
	assert_int_equal(f->rx.seg_n, 0);
}

static void reassembly_is_bounded(void **state)
{
	struct fix *f = *state;

	for (unsigned i = 0; i < 300; i++) {
		struct rte_mbuf *m = piece(f, 0, 64, true);

		header(m)->packet_id = (uint16_t)(i * 31);
		sum(m);
		fix_in(f, m);
	}
	assert_true(test_pool_in_use(f->pool) <= 32);
	assert_true(f->stats->drop[DROP_FRAG_FULL] >= 300 - 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fix_test(a_segment_is_handed_on_without_padding),
		fix_test(options_are_skipped),
		fix_test(malformed_headers_are_dropped),
		fix_test(the_checksum_is_checked_unless_the_port_did),
		fix_test(sources_and_destinations_are_checked),
		fix_test(a_packet_to_send_is_written_right),
		fix_test(the_traffic_class_is_that_of_the_path),
		fix_test(payload_may_be_shared_and_indirect),
		fix_test(fragments_in_any_order_become_the_packet),
		fix_test(overlapping_fragments_never_become_a_packet),
		fix_test(bad_fragments_are_dropped),
		fix_test(what_never_becomes_whole_is_forgotten),
		fix_test(reassembly_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
