#include "tests/unit/dataplane/net/net_fixture.h"

#include "dataplane/net/packet.h"

#define SEGMENT_LEN 28
#define FRAG_HEADER 44

static const uint8_t segment_bytes[SEGMENT_LEN] = {[12] = 0x50, [20] = 'p', 'a', 'y', 'l', 'o'};

static struct rte_mbuf *segment(struct fix *f)
{
	return fix_ip6(f, PEER6, OWN6, IPPROTO_TCP, segment_bytes, SEGMENT_LEN, 64);
}

static struct rte_ipv6_hdr *header(struct rte_mbuf *m)
{
	return rte_pktmbuf_mtod_offset(m, struct rte_ipv6_hdr *, 14);
}

// A segment behind extension headers.
static struct rte_mbuf *with_chain(struct fix *f, uint8_t first, const uint8_t *chain, size_t len)
{
	uint8_t bytes[1400];

	memcpy(bytes, chain, len);
	memcpy(bytes + len, segment_bytes, SEGMENT_LEN);
	return fix_ip6(f, PEER6, OWN6, first, bytes, len + SEGMENT_LEN, 64);
}

static void assert_segment(struct fix *f, uint32_t l3_len)
{
	struct rte_mbuf *m;

	assert_int_equal(f->rx.seg_n, 1);
	m = f->rx.seg[0];
	assert_int_equal(m->l3_len, l3_len);
	assert_int_equal(m->pkt_len, l3_len + SEGMENT_LEN);
	assert_int_equal(m->packet_type & RTE_PTYPE_L3_MASK, RTE_PTYPE_L3_IPV6);
	assert_memory_equal(rte_pktmbuf_mtod_offset(m, char *, l3_len), segment_bytes, SEGMENT_LEN);
	rte_pktmbuf_free(m);
}

static void a_segment_is_handed_on_without_padding(void **state)
{
	struct fix *f = *state;
	struct rte_mbuf *m = segment(f);

	memset(rte_pktmbuf_append(m, 12), 0xee, 12);
	fix_in(f, m);
	assert_segment(f, 40);
}

static void extension_headers_are_walked(void **state)
{
	struct fix *f = *state;
	const uint8_t hop[8] = {IPPROTO_TCP, 0, 1, 4};
	const uint8_t two[24] = {IPPROTO_DSTOPTS, 0, 5, 2, [8] = IPPROTO_TCP, 1, 0, 1, 10};
	const uint8_t routing[8] = {IPPROTO_TCP, 0, 2, 0};

	fix_in(f, with_chain(f, IPPROTO_HOPOPTS, hop, sizeof(hop)));
	assert_segment(f, 48);
	fix_in(f, with_chain(f, IPPROTO_HOPOPTS, two, sizeof(two)));
	assert_segment(f, 64);
	fix_in(f, with_chain(f, IPPROTO_ROUTING, routing, sizeof(routing)));
	assert_segment(f, 48);
}

static void bad_extension_headers_are_dropped(void **state)
{
	struct fix *f = *state;
	const uint8_t too_long[8] = {IPPROTO_TCP, 200};
	const uint8_t option_beyond[8] = {IPPROTO_TCP, 0, 1, 9};
	const uint8_t option_unknown[8] = {IPPROTO_TCP, 0, 0x81, 4};
	const uint8_t hop_twice[16] = {IPPROTO_HOPOPTS, 0, 1, 4, [8] = IPPROTO_TCP, 0, 1, 4};
	const uint8_t routed_on[8] = {IPPROTO_TCP, 0, 0, 1};
	uint8_t many[80];

	fix_know_peer(f);
	assert_dropped(f, with_chain(f, IPPROTO_DSTOPTS, too_long, 8), DROP_IP_BAD);
	assert_dropped(f, with_chain(f, IPPROTO_DSTOPTS, option_beyond, 8), DROP_IP_BAD);
	assert_dropped(f, with_chain(f, IPPROTO_HOPOPTS, option_unknown, 8), DROP_IP_BAD);
	assert_dropped(f, with_chain(f, IPPROTO_HOPOPTS, hop_twice, 16), DROP_IP_BAD);
	assert_dropped(f, with_chain(f, IPPROTO_ROUTING, routed_on, 8), DROP_IP_BAD);
	for (size_t i = 0; i < sizeof(many); i += 8)
		memcpy(many + i, (const uint8_t[8]){IPPROTO_DSTOPTS, 0, 1, 4}, 8);
	many[72] = IPPROTO_TCP;
	assert_dropped(f, with_chain(f, IPPROTO_DSTOPTS, many, 80), DROP_IP_BAD);
}

// What the sender was told: code and pointer of a parameter problem; -1 when nothing.
static int told(struct fix *f, uint8_t first, const uint8_t *chain, size_t len)
{
	struct rte_mbuf *m;
	const uint8_t *icmp;
	int code;

	assert_dropped(f, with_chain(f, first, chain, len), DROP_IP_BAD);
	m = fix_tx(f);
	if (m == NULL)
		return -1;
	icmp = rte_pktmbuf_mtod_offset(m, const uint8_t *, 54);
	assert_int_equal(icmp[0], 4);
	code = icmp[1] << 8 | icmp[7];
	rte_pktmbuf_free(m);
	return code;
}

// RFC 4443 §3.4, RFC 8200 §4.2 and §4.4.
static void the_sender_is_told_what_is_wrong(void **state)
{
	struct fix *f = *state;
	const uint8_t silent[8] = {IPPROTO_TCP, 0, 0x41, 4};
	const uint8_t tell[8] = {IPPROTO_TCP, 0, 0, 0, 0x81, 2};
	const uint8_t tell_if_unicast[8] = {IPPROTO_TCP, 0, 0xc1, 4};
	const uint8_t routed_on[8] = {IPPROTO_TCP, 0, 0, 1};
	const uint8_t hop_late[16] = {IPPROTO_HOPOPTS, 0, 1, 4, [8] = IPPROTO_TCP, 0, 1, 4};
	const uint8_t about_error[16] = {IPPROTO_ICMPV6, 0, 0x81, 4, [8] = 1};
	const uint8_t about_echo[16] = {IPPROTO_ICMPV6, 0, 0x81, 4, [8] = 128};

	fix_know_peer(f);
	assert_int_equal(told(f, IPPROTO_HOPOPTS, silent, 8), -1);
	assert_int_equal(told(f, IPPROTO_HOPOPTS, tell, 8), 2 << 8 | 44);
	assert_int_equal(told(f, IPPROTO_DSTOPTS, tell_if_unicast, 8), 2 << 8 | 42);
	assert_int_equal(told(f, IPPROTO_ROUTING, routed_on, 8), 0 << 8 | 42);
	assert_int_equal(told(f, IPPROTO_DSTOPTS, hop_late, 16), 1 << 8 | 40);
	assert_int_equal(told(f, IPPROTO_DSTOPTS, about_error, 16), -1);
	assert_int_equal(told(f, IPPROTO_DSTOPTS, about_echo, 16), 2 << 8 | 42);
}

static void malformed_headers_are_dropped(void **state)
{
	struct fix *f = *state;
	struct rte_mbuf *m = segment(f);

	header(m)->vtc_flow = rte_cpu_to_be_32(0x40000000);
	assert_dropped(f, m, DROP_IP_BAD);
	m = segment(f);
	header(m)->payload_len = rte_cpu_to_be_16(SEGMENT_LEN + 1);
	assert_dropped(f, m, DROP_IP_BAD);
	m = segment(f);
	header(m)->payload_len = 0;
	assert_dropped(f, m, DROP_IP_BAD);
	for (uint16_t len = 14; len < 54; len++) {
		m = segment(f);
		packet_trim(m, len);
		assert_dropped(f, m, DROP_IP_BAD);
	}
}

static void sources_and_destinations_are_checked(void **state)
{
	struct fix *f = *state;
	const char *martians[] = {"::", "::1", "ff02::1", OWN6, "::ffff:10.0.0.1"};
	const char *others[] = {"2001:db8::12", "ff02::2"};
	const char *groups[] = {"ff02::1", "ff02::1:ff00:11"};

	for (size_t i = 0; i < RTE_DIM(martians); i++)
		assert_dropped(f,
			fix_ip6(f, martians[i], OWN6, IPPROTO_TCP, segment_bytes, SEGMENT_LEN, 64),
			DROP_IP_MARTIAN);
	for (size_t i = 0; i < RTE_DIM(others); i++)
		assert_dropped(f,
			fix_ip6(f, PEER6, others[i], IPPROTO_TCP, segment_bytes, SEGMENT_LEN, 64),
			DROP_IP_DST);
	// No TCP to a group, though we listen to it.
	for (size_t i = 0; i < RTE_DIM(groups); i++)
		assert_dropped(f,
			fix_ip6(f, PEER6, groups[i], IPPROTO_TCP, segment_bytes, SEGMENT_LEN, 64),
			DROP_IP_DST);
	fix_in(f, fix_ip6(f, "fe80::2", OWN6_LOCAL, IPPROTO_TCP, segment_bytes, SEGMENT_LEN, 64));
	assert_segment(f, 40);
}

static void a_packet_to_send_is_written_right(void **state)
{
	struct fix *f = *state;
	struct net_path path;
	struct rte_mbuf *m;
	struct rte_ipv6_hdr *h;

	fix_know_peer(f);
	assert_int_equal(fix_send(f, PEER6, 101, &path), 0);
	m = fix_tx(f);
	assert_non_null(m);
	h = header(m);
	assert_int_equal(rte_be_to_cpu_32(h->vtc_flow), 0x60000000);
	assert_int_equal(rte_be_to_cpu_16(h->payload_len), 121);
	assert_int_equal(h->hop_limits, 64);
	assert_int_equal(rte_ipv6_udptcp_cksum_verify(h, h + 1), 0);
	assert_int_equal(m->l3_len, 40);
	rte_pktmbuf_free(m);
}

static void the_traffic_class_is_that_of_the_path(void **state)
{
	struct fix *f = *state;
	struct net_path path;
	struct ip_addr dst = ip(PEER6);
	uint8_t tcp[20] = {[12] = 0x50};
	struct rte_mbuf *m = fix_bytes(f, tcp, sizeof(tcp));

	fix_know_peer(f);
	assert_int_equal(net_path_find(f->net, &dst, NULL, &path), 0);
	assert_int_equal(path.tclass, 0);
	path.tclass = 0xb9;
	m->l4_len = 20;
	net_output(f->net, m, &dst, IPPROTO_TCP, &path, f->now);
	m = fix_tx(f);
	assert_non_null(m);
	assert_int_equal(rte_be_to_cpu_32(header(m)->vtc_flow), 0x6b900000);
	assert_int_equal(rte_ipv6_udptcp_cksum_verify(header(m), header(m) + 1), 0);
	rte_pktmbuf_free(m);
}

// --- fragments

// Bytes [from, to) of a segment of 1000 bytes, behind `chain` bytes of destination options.
static struct rte_mbuf *piece(
	struct fix *f, const uint8_t *bytes, unsigned from, unsigned to, bool more, bool chain)
{
	uint8_t packet[1300] = {FRAG_HEADER, 0, 1, 4};
	uint8_t *ext = packet + (chain ? 8 : 0);
	size_t headers = chain ? 16 : 8;

	ext[0] = IPPROTO_TCP;
	ext[1] = 0;
	be16_put(ext + 2, (uint16_t)(from | (more ? 1 : 0)));
	be32_put(ext + 4, 99);
	memcpy(packet + headers, bytes + from, to - from);
	return fix_ip6(f, PEER6, OWN6, chain ? IPPROTO_DSTOPTS : FRAG_HEADER, packet,
		headers + to - from, 64);
}

static void assert_reassembled(struct fix *f, const uint8_t *bytes, size_t len)
{
	struct rte_mbuf *m;
	uint8_t flat[1400];
	struct rte_ipv6_hdr *h;

	assert_int_equal(f->rx.seg_n, 1);
	m = f->rx.seg[0];
	assert_int_equal(m->l3_len, 40);
	assert_int_equal(packet_copy(m, flat, sizeof(flat)), 40 + len);
	h = (struct rte_ipv6_hdr *)flat;
	assert_int_equal(h->proto, IPPROTO_TCP);
	assert_int_equal(rte_be_to_cpu_16(h->payload_len), len);
	assert_memory_equal(h->src_addr, ip(PEER6).b, 16);
	assert_memory_equal(flat + 40, bytes, len);
	rte_pktmbuf_free(m);
}

static void fragments_become_the_packet(void **state)
{
	struct fix *f = *state;
	uint8_t bytes[1000] = {[12] = 0x50};

	for (size_t i = 20; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7);
	for (unsigned chain = 0; chain < 2; chain++) {
		fix_in(f, piece(f, bytes, 800, 1000, false, chain));
		fix_in(f, piece(f, bytes, 0, 400, true, chain));
		assert_int_equal(f->rx.seg_n, 0);
		fix_in(f, piece(f, bytes, 400, 800, true, chain));
		assert_reassembled(f, bytes, sizeof(bytes));
	}
}

static void an_atomic_fragment_is_a_packet(void **state)
{
	struct fix *f = *state;
	uint8_t bytes[100] = {[12] = 0x50, [99] = 4};

	// One of the same ID that is still incomplete has nothing to do with it.
	fix_in(f, piece(f, bytes, 0, 64, true, false));
	fix_in(f, piece(f, bytes, 0, 100, false, false));
	assert_reassembled(f, bytes, sizeof(bytes));
	fix_in(f, piece(f, bytes, 0, 100, false, true));
	assert_reassembled(f, bytes, sizeof(bytes));
}

static void overlapping_fragments_never_become_a_packet(void **state)
{
	struct fix *f = *state;
	uint8_t bytes[200] = {[12] = 0x50};

	fix_in(f, piece(f, bytes, 0, 64, true, false));
	fix_in(f, piece(f, bytes, 56, 128, true, false));
	fix_in(f, piece(f, bytes, 128, 200, false, false));
	assert_int_equal(f->rx.seg_n, 0);
	fix_advance(f, FRAG_TIMEOUT_NS + NS_PER_SEC);
	fix_advance(f, 2 * NS_PER_SEC);
	fix_flush(f);
	assert_int_equal(test_pool_in_use(f->pool), 0);
}

static void bad_fragments_are_dropped(void **state)
{
	struct fix *f = *state;
	uint8_t bytes[200] = {[12] = 0x50};
	struct rte_mbuf *m;

	assert_dropped(f, piece(f, bytes, 0, 63, true, false), DROP_FRAG_BAD);
	assert_dropped(f, piece(f, bytes, 8, 8, false, false), DROP_FRAG_BAD);
	m = piece(f, bytes, 0, 64, true, false);
	packet_trim(m, 14 + 40 + 4);
	header(m)->payload_len = rte_cpu_to_be_16(4);
	assert_dropped(f, m, DROP_IP_BAD);
	// Fragments of a fragment.
	m = piece(f, bytes, 0, 64, false, false);
	*rte_pktmbuf_mtod_offset(m, uint8_t *, 54) = FRAG_HEADER;
	assert_dropped(f, m, DROP_FRAG_BAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fix_test(a_segment_is_handed_on_without_padding),
		fix_test(extension_headers_are_walked),
		fix_test(bad_extension_headers_are_dropped),
		fix_test(the_sender_is_told_what_is_wrong),
		fix_test(malformed_headers_are_dropped),
		fix_test(sources_and_destinations_are_checked),
		fix_test(a_packet_to_send_is_written_right),
		fix_test(the_traffic_class_is_that_of_the_path),
		fix_test(fragments_become_the_packet),
		fix_test(an_atomic_fragment_is_a_packet),
		fix_test(overlapping_fragments_never_become_a_packet),
		fix_test(bad_fragments_are_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
