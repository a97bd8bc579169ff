#include "tests/unit/dataplane/net/net_fixture.h"

#include "dataplane/net/icmp.h"
#include "dataplane/net/packet.h"

#define ECHO_MAX 9000
#define FRAG_HEADER 44
#define FRAG_PAYLOAD 1448

static uint16_t sum6(const char *src, const char *dst, const uint8_t *data, size_t len)
{
	struct rte_ipv6_hdr h = {0};

	memcpy(h.src_addr, ip(src).b, 16);
	memcpy(h.dst_addr, ip(dst).b, 16);
	return csum_add(csum_pseudo6(&h, IPPROTO_ICMPV6, (uint32_t)len), csum_bytes(data, len));
}

static size_t make_echo(uint8_t *out, uint8_t type, const char *src, const char *dst, size_t len)
{
	uint16_t sum;

	memset(out, 0, 8);
	out[0] = type;
	be16_put(out + 4, 0x1234);
	for (size_t i = 0; i < len; i++)
		out[8 + i] = (uint8_t)(i * 13);
	sum = (uint16_t)~sum6(src, dst, out, 8 + len);
	memcpy(out + 2, &sum, 2);
	return 8 + len;
}

static void feed(struct fix *f, const uint8_t *data, size_t len)
{
	uint8_t packet[8 + FRAG_PAYLOAD];

	if (len <= FRAG_PAYLOAD) {
		fix_in(f, fix_ip6(f, PEER6, OWN6, IPPROTO_ICMPV6, data, len, 64));
		return;
	}
	for (size_t at = 0; at < len; at += FRAG_PAYLOAD) {
		size_t n = RTE_MIN(len - at, (size_t)FRAG_PAYLOAD);

		packet[0] = IPPROTO_ICMPV6;
		packet[1] = 0;
		be16_put(packet + 2, (uint16_t)(at | (at + n < len ? 1 : 0)));
		be32_put(packet + 4, 7);
		memcpy(packet + 8, data + at, n);
		fix_in(f, fix_ip6(f, PEER6, OWN6, FRAG_HEADER, packet, 8 + n, 64));
	}
}

static size_t gather(struct fix *f, uint8_t *out, unsigned *frames)
{
	struct rte_mbuf *m;
	size_t total = 0;
	uint32_t id = 0;

	for (*frames = 0; (m = fix_tx(f)) != NULL; (*frames)++) {
		uint8_t frame[1600];
		struct rte_ipv6_hdr *h = (struct rte_ipv6_hdr *)(frame + 14);
		size_t n = packet_copy(m, frame, sizeof(frame));
		size_t at = 0;
		size_t headers = 54;
		bool more = false;

		assert_true(n <= 1514);
		assert_int_equal(rte_be_to_cpu_16(h->payload_len), n - 54);
		if (h->proto == FRAG_HEADER) {
			assert_int_equal(frame[54], IPPROTO_ICMPV6);
			at = be16_get(frame + 56) & 0xfff8u;
			more = be16_get(frame + 56) & 1;
			headers += 8;
			if (*frames > 0)
				assert_int_equal(be32_get(frame + 58), id);
			id = be32_get(frame + 58);
		}
		memcpy(out + at, frame + headers, n - headers);
		if (!more)
			total = at + n - headers;
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
	} rows[] = {{0, 1}, {56, 1}, {1440, 1}, {1452, 1}, {1453, 2}, {8000, 6}};
	uint8_t ask[ECHO_MAX];
	uint8_t want[ECHO_MAX];
	uint8_t got[ECHO_MAX];
	unsigned frames;

	fix_know_peer(f);
	for (size_t i = 0; i < RTE_DIM(rows); i++) {
		size_t len = make_echo(ask, 128, PEER6, OWN6, rows[i].len);

		make_echo(want, 129, OWN6, PEER6, rows[i].len);
		feed(f, ask, len);
		assert_int_equal(gather(f, got, &frames), len);
		assert_int_equal(frames, rows[i].frames);
		assert_memory_equal(got, want, len);
	}
}

static void malformed_messages_are_dropped(void **state)
{
	struct fix *f = *state;
	uint8_t ask[64];
	size_t len = make_echo(ask, 128, PEER6, OWN6, 20);

	for (size_t n = 1; n < 8; n++)
		assert_dropped(
			f, fix_ip6(f, PEER6, OWN6, IPPROTO_ICMPV6, ask, n, 64), DROP_ICMP_BAD);
	ask[9] ^= 1;
	assert_dropped(f, fix_ip6(f, PEER6, OWN6, IPPROTO_ICMPV6, ask, len, 64), DROP_ICMP_BAD);
}

static void an_echo_from_nowhere_or_to_a_group_is_dropped(void **state)
{
	struct fix *f = *state;
	uint8_t ask[64];
	size_t len = make_echo(ask, 128, "::", OWN6, 20);

	assert_dropped(f, fix_ip6(f, "::", OWN6, IPPROTO_ICMPV6, ask, len, 64), DROP_IP_MARTIAN);
	len = make_echo(ask, 128, PEER6, "ff02::1", 20);
	assert_dropped(f, fix_ip6(f, PEER6, "ff02::1", IPPROTO_ICMPV6, ask, len, 64), DROP_IP_DST);
}

static struct rte_mbuf *error(
	struct fix *f, uint8_t type, uint32_t mtu, const char *src, uint8_t proto, size_t cut)
{
	uint8_t bytes[8 + 40 + 8] = {type};
	struct rte_mbuf *quoted =
		fix_ip6(f, src, PEER6, proto, "\x1f\xa6\xc0\x01\x01\x02\x03\x04", 8, 64);
	struct rte_mbuf *m;

	be32_put(bytes + 4, mtu);
	memcpy(bytes + 8, rte_pktmbuf_mtod_offset(quoted, char *, 14), 48);
	rte_pktmbuf_free(quoted);
	m = fix_ip6(f, "2001:db8::1", OWN6, IPPROTO_ICMPV6, bytes, sizeof(bytes) - cut, 64);
	fix_csum6(m);
	return m;
}

static void errors_about_our_segments_are_passed_on(void **state)
{
	struct fix *f = *state;
	struct ip_addr own = ip(OWN6);

	fix_in(f, error(f, 2, 1280, OWN6, IPPROTO_TCP, 0));
	assert_int_equal(f->rx.icmp_n, 1);
	assert_int_equal(f->rx.icmp[0].kind, NET_ICMP_TOO_BIG);
	assert_int_equal(f->rx.icmp[0].mtu, 1280);
	assert_int_equal(f->rx.icmp[0].local_port, 8102);
	assert_int_equal(f->rx.icmp[0].remote_port, 0xc001);
	assert_int_equal(f->rx.icmp[0].seq, 0x01020304);
	assert_true(ip_addr_eq(&f->rx.icmp[0].local, &own));
	fix_in(f, error(f, 2, 70000, OWN6, IPPROTO_TCP, 0));
	assert_int_equal(f->rx.icmp[0].mtu, 65535);
	fix_in(f, error(f, 1, 0, OWN6, IPPROTO_TCP, 0));
	assert_int_equal(f->rx.icmp[0].kind, NET_ICMP_UNREACHABLE);
	assert_dropped(f, error(f, 2, 1280, PEER6, IPPROTO_TCP, 0), DROP_ICMP_BAD);
	assert_dropped(f, error(f, 2, 1280, OWN6, IPPROTO_UDP, 0), DROP_ICMP_BAD);
	for (size_t cut = 1; cut <= 40; cut++)
		assert_dropped(f, error(f, 2, 1280, OWN6, IPPROTO_TCP, cut), DROP_ICMP_BAD);
}

static void assert_error_out(struct fix *f, uint8_t type, uint8_t code, uint32_t pointer)
{
	struct rte_mbuf *m = fix_tx(f);
	const uint8_t *p;

	assert_non_null(m);
	p = rte_pktmbuf_mtod(m, const uint8_t *);
	assert_int_equal(p[54], type);
	assert_int_equal(p[55], code);
	assert_int_equal(be32_get(p + 58), pointer);
	assert_int_equal(sum6(OWN6, PEER6, p + 54, m->pkt_len - 54), 0xffff);
	rte_pktmbuf_free(m);
}

static void what_nobody_takes_is_answered_with_an_error(void **state)
{
	struct fix *f = *state;
	static const char big[1400];
	const char behind_options[16] = {(char)99, 0, 1, 4};
	struct rte_mbuf *m;

	fix_know_peer(f);
	fix_in(f, fix_ip6(f, PEER6, OWN6, IPPROTO_UDP, "abcdefghi", 9, 64));
	assert_error_out(f, 1, 4, 0);
	fix_in(f, fix_ip6(f, PEER6, OWN6, 99, "abcdefghi", 9, 64));
	assert_error_out(f, 4, 1, 6);
	fix_in(f, fix_ip6(f, PEER6, OWN6, IPPROTO_DSTOPTS, behind_options, 16, 64));
	assert_error_out(f, 4, 1, 40);
	fix_in(f, fix_ip6(f, PEER6, OWN6, IPPROTO_UDP, big, sizeof(big), 64));
	m = fix_tx(f);
	assert_non_null(m);
	assert_int_equal(m->pkt_len, 14 + 1280);
	rte_pktmbuf_free(m);
	fix_in(f, fix_ip6(f, PEER6, OWN6, IPPROTO_NONE, "abcdefghi", 9, 64));
	assert_null(fix_tx(f));
	for (unsigned i = 0; i < 200; i++)
		fix_in(f, fix_ip6(f, PEER6, OWN6, IPPROTO_UDP, "abcdefghi", 9, 64));
	assert_int_equal(fix_flush(f), ICMP_ERROR_BURST - 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fix_test(echo_of_every_size),
		fix_test(malformed_messages_are_dropped),
		fix_test(an_echo_from_nowhere_or_to_a_group_is_dropped),
		fix_test(errors_about_our_segments_are_passed_on),
		fix_test(what_nobody_takes_is_answered_with_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
