#include "tests/unit/dataplane/net/net_fixture.h"

#include "dataplane/net/icmp.h"
#include "dataplane/net/packet.h"

#define ECHO_MAX 9000

// An echo request with `len` bytes of payload, or what its answer must be.
static size_t make_echo(uint8_t *out, uint8_t type, size_t len)
{
	uint16_t sum;

	memset(out, 0, 8);
	out[0] = type;
	be16_put(out + 4, 0x1234);
	be16_put(out + 6, 1);
	for (size_t i = 0; i < len; i++)
		out[8 + i] = (uint8_t)(i * 13);
	sum = (uint16_t)~csum_bytes(out, 8 + len);
	memcpy(out + 2, &sum, 2);
	return 8 + len;
}

static void feed_in_fragments(struct fix *f, const uint8_t *data, size_t len)
{
	for (size_t at = 0; at < len; at += 1480) {
		size_t n = RTE_MIN(len - at, (size_t)1480);
		uint16_t field = (uint16_t)((at + n < len ? RTE_IPV4_HDR_MF_FLAG : 0) | (at / 8));

		fix_in(f, fix_ip4(f, PEER4, OWN4, IPPROTO_ICMP, data + at, n, field));
	}
}

// Puts what was sent together by hand; returns its length, and the number of frames.
static size_t gather(struct fix *f, uint8_t *out, unsigned *frames)
{
	struct rte_mbuf *m;
	size_t total = 0;
	uint16_t id = 0;

	for (*frames = 0; (m = fix_tx(f)) != NULL; (*frames)++) {
		uint8_t frame[1600];
		struct rte_ipv4_hdr *h = (struct rte_ipv4_hdr *)(frame + 14);
		size_t n = packet_copy(m, frame, sizeof(frame));
		uint16_t field = rte_be_to_cpu_16(h->fragment_offset);
		size_t at = (field & RTE_IPV4_HDR_OFFSET_MASK) * 8u;

		assert_true(n <= 1514);
		assert_int_equal(rte_be_to_cpu_16(h->total_length), n - 14);
		assert_true(csum_ip4_ok(h, 20));
		if (*frames > 0)
			assert_int_equal(h->packet_id, id);
		id = h->packet_id;
		memcpy(out + at, frame + 34, n - 34);
		if (!(field & RTE_IPV4_HDR_MF_FLAG))
			total = at + n - 34;
		rte_pktmbuf_free(m);
	}
	return total;
}

static void echo_of_every_size(void **state)
{
	struct fix *f = *state;
	static const struct {
		size_t len;
		unsigned frames;
	} rows[] = {{0, 1}, {1, 1}, {56, 1}, {1471, 1}, {1472, 1}, {1473, 2}, {4000, 3}, {8000, 6}};
	uint8_t ask[ECHO_MAX];
	uint8_t want[ECHO_MAX];
	uint8_t got[ECHO_MAX];
	unsigned frames;

	fix_know_peer(f);
	for (size_t i = 0; i < RTE_DIM(rows); i++) {
		size_t len = make_echo(ask, 8, rows[i].len);

		make_echo(want, 0, rows[i].len);
		feed_in_fragments(f, ask, len);
		assert_int_equal(gather(f, got, &frames), len);
		assert_int_equal(frames, rows[i].frames);
		assert_memory_equal(got, want, len);
	}
}

static void a_large_echo_waits_for_the_neighbour_whole(void **state)
{
	struct fix *f = *state;
	uint8_t ask[ECHO_MAX];
	uint8_t got[ECHO_MAX];
	size_t len = make_echo(ask, 8, 8000);
	unsigned frames;

	feed_in_fragments(f, ask, len);
	fix_flush(f); // the question for its MAC
	fix_in(f, fix_arp(f, RTE_ARP_OP_REPLY, &peer_mac, PEER4, OWN4, &own_mac));
	assert_int_equal(gather(f, got, &frames), len);
	assert_int_equal(frames, 6);
}

static void an_echo_without_room_for_headers_is_dropped_cleanly(void **state)
{
	struct fix *f = *state;
	uint8_t ask[64];
	struct rte_mbuf *hold[512];
	unsigned n = 0;
	struct rte_mbuf *m;

	fix_know_peer(f);
	m = fix_ip4(f, PEER4, OWN4, 99, ask, 32, 0); // wants an error, but no mbuf is left
	while ((hold[n] = rte_pktmbuf_alloc(f->pool)) != NULL)
		n++;
	fix_in(f, m);
	assert_int_equal(f->stats->drop[DROP_NO_MBUF], 1);
	assert_null(fix_tx(f));
	rte_pktmbuf_free_bulk(hold, n);
}

static void malformed_messages_are_dropped(void **state)
{
	struct fix *f = *state;
	uint8_t ask[64];
	size_t len = make_echo(ask, 8, 20);

	ask[9] ^= 1;
	assert_dropped(f, fix_ip4(f, PEER4, OWN4, IPPROTO_ICMP, ask, len, 0), DROP_ICMP_BAD);
	for (size_t n = 0; n < 8; n++)
		assert_dropped(f, fix_ip4(f, PEER4, OWN4, IPPROTO_ICMP, ask, n, 0), DROP_ICMP_BAD);
}

// --- errors about our segments

static struct rte_mbuf *error(struct fix *f, uint8_t type, uint8_t code, uint16_t mtu,
	const char *src, uint8_t proto, uint16_t field, size_t cut)
{
	uint8_t bytes[8 + 20 + 8] = {type, code};
	struct rte_mbuf *quoted =
		fix_ip4(f, src, PEER4, proto, "\x1f\xa6\xc0\x01\x01\x02\x03\x04", 8, field);
	uint16_t sum;

	be16_put(bytes + 6, mtu);
	memcpy(bytes + 8, rte_pktmbuf_mtod_offset(quoted, char *, 14), 28);
	be16_put(bytes + 10, 1500); // its whole length
	rte_pktmbuf_free(quoted);
	sum = (uint16_t)~csum_bytes(bytes, sizeof(bytes) - cut);
	memcpy(bytes + 2, &sum, 2);
	return fix_ip4(f, GATEWAY4, OWN4, IPPROTO_ICMP, bytes, sizeof(bytes) - cut, 0);
}

static void errors_about_our_segments_are_passed_on(void **state)
{
	struct fix *f = *state;
	struct ip_addr own = ip(OWN4);
	struct ip_addr peer = ip(PEER4);

	fix_in(f, error(f, 3, 4, 1400, OWN4, IPPROTO_TCP, 0x4000, 0));
	assert_int_equal(f->rx.icmp_n, 1);
	assert_int_equal(f->rx.icmp[0].kind, NET_ICMP_TOO_BIG);
	assert_int_equal(f->rx.icmp[0].mtu, 1400);
	assert_int_equal(f->rx.icmp[0].local_port, 8102);
	assert_int_equal(f->rx.icmp[0].remote_port, 0xc001);
	assert_int_equal(f->rx.icmp[0].seq, 0x01020304);
	assert_true(ip_addr_eq(&f->rx.icmp[0].local, &own));
	assert_true(ip_addr_eq(&f->rx.icmp[0].remote, &peer));
	fix_in(f, error(f, 3, 4, 0, OWN4, IPPROTO_TCP, 0x4000, 0));
	assert_int_equal(f->rx.icmp[0].mtu, 1492); // RFC 1191: the next lower plateau
	fix_in(f, error(f, 3, 1, 0, OWN4, IPPROTO_TCP, 0x4000, 0));
	assert_int_equal(f->rx.icmp[0].kind, NET_ICMP_UNREACHABLE);
	fix_in(f, error(f, 11, 0, 0, OWN4, IPPROTO_TCP, 0x4000, 0));
	assert_int_equal(f->rx.icmp_n, 1);
	assert_int_equal(f->rx.icmp[0].kind, NET_ICMP_UNREACHABLE);
}

static void errors_about_anything_else_are_dropped(void **state)
{
	struct fix *f = *state;

	assert_dropped(f, error(f, 3, 4, 1400, PEER4, IPPROTO_TCP, 0, 0), DROP_ICMP_BAD);
	assert_dropped(f, error(f, 3, 4, 1400, OWN4, IPPROTO_UDP, 0, 0), DROP_ICMP_BAD);
	assert_dropped(f, error(f, 3, 4, 1400, OWN4, IPPROTO_TCP, 8, 0), DROP_ICMP_BAD);
	for (size_t cut = 1; cut <= 28; cut++)
		assert_dropped(f, error(f, 3, 4, 1400, OWN4, IPPROTO_TCP, 0, cut), DROP_ICMP_BAD);
}

// --- errors of ours

static void assert_unreachable(struct fix *f, uint8_t code, const char *quote, size_t quote_len)
{
	struct rte_mbuf *m = fix_tx(f);
	const uint8_t *p;

	assert_non_null(m);
	p = rte_pktmbuf_mtod(m, const uint8_t *);
	assert_int_equal(p[14 + 9], IPPROTO_ICMP);
	assert_int_equal(p[34], 3);
	assert_int_equal(p[35], code);
	assert_int_equal(m->pkt_len, 34 + 8 + 20 + quote_len);
	assert_int_equal(csum_bytes(p + 34, m->pkt_len - 34), 0xffff);
	assert_memory_equal(p + 34 + 8 + 20, quote, quote_len);
	rte_pktmbuf_free(m);
}

static void what_nobody_takes_is_answered_with_an_error(void **state)
{
	struct fix *f = *state;
	static const char big[1400];
	struct rte_mbuf *m;

	fix_know_peer(f);
	fix_in(f, fix_ip4(f, PEER4, OWN4, IPPROTO_UDP, "abcdefghi", 9, 0));
	assert_unreachable(f, ICMP_PORT_UNREACHABLE, "abcdefghi", 9);
	fix_in(f, fix_ip4(f, PEER4, OWN4, IPPROTO_SCTP, "abcdefghi", 9, 0));
	assert_unreachable(f, ICMP_PROTOCOL_UNREACHABLE, "abcdefghi", 9);
	assert_int_equal(f->stats->drop[DROP_IP_PROTO], 2);
	fix_in(f, fix_ip4(f, PEER4, OWN4, IPPROTO_UDP, big, sizeof(big), 0));
	m = fix_tx(f);
	assert_non_null(m);
	assert_int_equal(m->pkt_len, 14 + 576);
	rte_pktmbuf_free(m);
}

static void errors_are_not_sent_where_they_may_not_be(void **state)
{
	struct fix *f = *state;
	uint8_t unreachable[36] = {3, 1};
	struct rte_mbuf *m;
	uint16_t sum = (uint16_t)~csum_bytes(unreachable, sizeof(unreachable));

	fix_know_peer(f);
	m = fix_ip4(f, PEER4, OWN4, IPPROTO_UDP, "abcdefghi", 9, 0);
	rte_pktmbuf_mtod(m, struct rte_ether_hdr *)->dst_addr = bcast_mac;
	fix_in(f, m);
	fix_in(f, fix_ip4(f, PEER4, "198.18.0.255", IPPROTO_UDP, "abcdefghi", 9, 0));
	// In fragments.
	fix_in(f, fix_ip4(f, PEER4, OWN4, IPPROTO_UDP, "abcdefgh", 8, RTE_IPV4_HDR_MF_FLAG));
	fix_in(f, fix_ip4(f, PEER4, OWN4, IPPROTO_UDP, "ijklmnop", 8, 1));
	// About an error.
	memcpy(unreachable + 2, &sum, 2);
	fix_in(f, fix_ip4(f, PEER4, OWN4, IPPROTO_ICMP, unreachable, sizeof(unreachable), 0));
	assert_null(fix_tx(f));
}

static void errors_are_limited_in_rate(void **state)
{
	struct fix *f = *state;

	fix_know_peer(f);
	for (unsigned i = 0; i < 500; i++)
		fix_in(f, fix_ip4(f, PEER4, OWN4, IPPROTO_UDP, "abcdefghi", 9, 0));
	assert_int_equal(fix_flush(f), ICMP_ERROR_BURST);
	assert_int_equal(f->stats->drop[DROP_ICMP_RATE], 500 - ICMP_ERROR_BURST);
	f->now = mono_add(f->now, 3 * ICMP_ERROR_INTERVAL_NS);
	for (unsigned i = 0; i < 10; i++)
		fix_in(f, fix_ip4(f, PEER4, OWN4, IPPROTO_UDP, "abcdefghi", 9, 0));
	assert_int_equal(fix_flush(f), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fix_test(echo_of_every_size),
		fix_test(a_large_echo_waits_for_the_neighbour_whole),
		fix_test(an_echo_without_room_for_headers_is_dropped_cleanly),
		fix_test(malformed_messages_are_dropped),
		fix_test(errors_about_our_segments_are_passed_on),
		fix_test(errors_about_anything_else_are_dropped),
		fix_test(what_nobody_takes_is_answered_with_an_error),
		fix_test(errors_are_not_sent_where_they_may_not_be),
		fix_test(errors_are_limited_in_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
