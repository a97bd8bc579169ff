// Packets larger than the MTU: what the device is asked for, and what is cut in its place, must
// reach the wire as the same frames.
#include "tests/unit/dataplane/net/net_fixture.h"

#include "common/base/rng.h"
#include "dataplane/net/packet.h"
#include "dataplane/net/tso.h"
#include "tests/support/tso_device.h"

#define TSO_OFFLOADS                                                    \
	(RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM | \
		RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_MULTI_SEGS)
#define FRAMES_MAX 64
#define FIN_PSH_CWR 0x89

static struct fix *fix_tso(struct tso_limits limits, uint64_t offloads, uint16_t vlan)
{
	struct net_config c;
	struct fix *f;

	test_eal_start();
	c = fix_config();
	c.tso = limits;
	c.tx_offloads = offloads;
	c.vlan = vlan;
	f = fix_new(&c);
	fix_know_peer(f);
	return f;
}

static const struct tso_limits wide = {.max = 65000, .segs = 64, .frame_segs = 64};

// A TCP packet of `len` bytes of payload in mbufs of `piece` bytes; the options are timestamps.
static struct rte_mbuf *large(struct fix *f, uint32_t len, uint32_t piece, uint16_t segsz)
{
	uint8_t tcp[32] = {0x1f, 0xa6, 0x30, 0x39, 0xff, 0xff, 0xff, 0x00, 0, 0, 0, 1, 0x80,
		0x10 | FIN_PSH_CWR, 0x20, 0, 0, 0, 0, 0, 1, 1, 8, 10};
	struct rte_mbuf *m = fix_bytes(f, tcp, sizeof(tcp));
	uint8_t fill = 0;

	m->l4_len = sizeof(tcp);
	m->tso_segsz = segsz;
	m->ol_flags |= RTE_MBUF_F_TX_TCP_SEG;
	while (len > 0) {
		uint32_t n = RTE_MIN(len, piece);
		struct rte_mbuf *next = rte_pktmbuf_alloc(f->pool);
		uint8_t *at;

		assert_non_null(next);
		at = (uint8_t *)rte_pktmbuf_append(next, (uint16_t)n);
		for (uint32_t i = 0; i < n; i++)
			at[i] = fill++;
		assert_int_equal(rte_pktmbuf_chain(m, next), 0);
		len -= n;
	}
	return m;
}

static bool is_v4(const char *peer)
{
	return strchr(peer, '.') != NULL;
}

static void output(struct fix *f, const char *peer, struct rte_mbuf *m)
{
	struct ip_addr dst = ip(peer);
	struct net_path path;

	assert_int_equal(net_path_find(f->net, &dst, NULL, &path), 0);
	net_output(f->net, m, &dst, IPPROTO_TCP, &path, f->now);
}

// Checks frames as a receiver would, and that they carry the `len` bytes that large() made.
static void expect_frames(
	struct rte_mbuf **frame, unsigned n, unsigned l2, bool v4, uint32_t len, uint16_t segsz)
{
	uint32_t off = 0;

	assert_int_equal(n, (len + segsz - 1) / segsz);
	for (unsigned i = 0; i < n; i++) {
		uint8_t flat[2048];
		uint32_t got = packet_copy(frame[i], flat, sizeof(flat));
		uint32_t head = l2 + (v4 ? 20 : 40) + 32;
		uint8_t *p = flat + l2;
		uint8_t *tcp = p + (v4 ? 20 : 40);
		uint32_t part = RTE_MIN(len - off, (uint32_t)segsz);

		assert_int_equal(got, head + part);
		if (v4) {
			assert_int_equal(be16_get(p + 2), got - l2);
			assert_true(csum_ip4_ok((void *)p, 20));
			assert_int_equal(rte_ipv4_udptcp_cksum_verify((void *)p, tcp), 0);
		} else {
			assert_int_equal(be16_get(p + 4), got - l2 - 40);
			assert_int_equal(rte_ipv6_udptcp_cksum_verify((void *)p, tcp), 0);
		}
		assert_int_equal(be32_get(tcp + 4), 0xffffff00 + off);
		assert_int_equal(tcp[13] & 0x80, i == 0 ? 0x80 : 0);
		assert_int_equal(tcp[13] & 0x09, i == n - 1 ? 0x09 : 0);
		assert_int_equal(tcp[13] & 0x10, 0x10);
		for (uint32_t k = 0; k < part; k++)
			assert_int_equal(flat[head + k], (uint8_t)(off + k));
		off += part;
	}
	assert_int_equal(off, len);
}

static void device_cuts(
	struct fix *f, const char *peer, unsigned l2, uint32_t len, uint32_t piece, uint16_t segsz)
{
	struct rte_mbuf *out[FRAMES_MAX];
	const char *why;
	struct rte_mbuf *m;
	unsigned n;

	output(f, peer, large(f, len, piece, segsz));
	m = fix_tx(f);
	assert_non_null(m);
	assert_null(fix_tx(f));
	assert_true(m->ol_flags & RTE_MBUF_F_TX_TCP_SEG);
	n = tso_device_cut(m, f->pool, out, FRAMES_MAX, &why);
	if (why)
		fail_msg("%s", why);
	expect_frames(out, n, l2, is_v4(peer), len, segsz);
	rte_pktmbuf_free_bulk(out, n);
}

static void the_device_is_asked_in_its_own_words(void **state)
{
	struct fix *f = fix_tso(wide, TSO_OFFLOADS, 0);

	(void)state;
	device_cuts(f, PEER4, 14, 20000, 1448, 1448);
	device_cuts(f, PEER6, 14, 20000, 1428, 1428);
	device_cuts(f, PEER4, 14, 1449, 2000, 1448);
	device_cuts(f, PEER6, 14, 60001, 2001, 1001);
	fix_free(f);
}

static void a_tag_goes_with_every_frame(void **state)
{
	struct fix *f = fix_tso(wide, TSO_OFFLOADS, 7);

	(void)state;
	device_cuts(f, PEER4, 18, 5000, 999, 1448);
	device_cuts(f, PEER6, 18, 5000, 999, 1428);
	fix_free(f);
}

// Goes out as frames made here, with checksums made here.
static void software_cuts(
	struct fix *f, const char *peer, uint32_t len, uint32_t piece, uint16_t segsz)
{
	struct rte_mbuf *out[FRAMES_MAX];
	unsigned n = 0;

	output(f, peer, large(f, len, piece, segsz));
	while (n < FRAMES_MAX && (out[n] = fix_tx(f)) != NULL) {
		assert_false(out[n]->ol_flags & RTE_MBUF_F_TX_TCP_SEG);
		n++;
	}
	expect_frames(out, n, 14, is_v4(peer), len, segsz);
	rte_pktmbuf_free_bulk(out, n);
}

static void what_the_device_cannot_take_is_cut_here(void **state)
{
	struct tso_limits few = {.max = 65000, .segs = 5, .frame_segs = 5};
	struct tso_limits small = {.max = 4000, .segs = 64, .frame_segs = 64};
	struct tso_limits thin = {.max = 65000, .segs = 64, .frame_segs = 3};
	struct tso_limits ip4 = {.max = 65000, .segs = 64, .frame_segs = 64, .ip4_only = true};
	const struct tso_limits *all[] = {&few, &small, &thin};
	struct fix *f;

	(void)state;
	for (size_t i = 0; i < RTE_DIM(all); i++) {
		f = fix_tso(*all[i], 0, 0);
		software_cuts(f, PEER4, 10000, 400, 1448);
		software_cuts(f, PEER6, 10001, 333, 1428);
		fix_free(f);
	}
	f = fix_tso(ip4, 0, 0);
	software_cuts(f, PEER6, 10001, 1428, 1428);
	fix_free(f);
	// A port that does not cut at all.
	f = fix_tso((struct tso_limits){0}, 0, 0);
	assert_int_equal(net_tso_max(f->net), 0);
	software_cuts(f, PEER4, 3000, 1000, 1448);
	fix_free(f);
}

// A limit of mbufs for each frame counts those with its headers and its payload only.
static void few_pieces_a_frame_are_the_devices_matter(void **state)
{
	struct tso_limits thin = {.max = 65000, .segs = 64, .frame_segs = 3};
	struct fix *f = fix_tso(thin, TSO_OFFLOADS, 0);
	struct rte_mbuf *m;

	(void)state;
	// Frames of 1448 that begin anywhere in pieces of 2000 touch two of them at most.
	device_cuts(f, PEER4, 14, 30000, 2000, 1448);
	// Of 700, they touch four.
	m = large(f, 30000, 700, 1448);
	assert_false(tso_fits(&thin, m, true));
	rte_pktmbuf_free(m);
	fix_free(f);
}

// Whether the model of pieces agrees with counting, byte by byte, which mbufs a frame touches.
static void pieces_are_counted_right(void **state)
{
	struct fix *f = fix_tso(wide, TSO_OFFLOADS, 0);
	struct rng rng;

	(void)state;
	rng_seed(&rng, 3);
	for (unsigned round = 0; round < 300; round++) {
		uint32_t len = 2 + (uint32_t)(rng_u64(&rng) % 3000);
		uint32_t piece = 60 + (uint32_t)(rng_u64(&rng) % 900);
		uint16_t segsz = (uint16_t)(1 + rng_u64(&rng) % 1400);
		struct rte_mbuf *m = large(f, len, piece, segsz);
		unsigned most = 0;

		for (uint32_t off = 0; off < len; off += segsz) {
			uint32_t last = RTE_MIN(off + segsz, len) - 1;

			most = RTE_MAX(most, last / piece - off / piece + 2);
		}
		for (uint16_t limit = 1; limit < 64 && limit < m->nb_segs; limit++) {
			struct tso_limits l = wide;

			l.frame_segs = limit;
			assert_int_equal(tso_fits(&l, m, true), most <= limit);
		}
		rte_pktmbuf_free(m);
	}
	fix_free(f);
}

static void one_frame_is_an_ordinary_packet(void **state)
{
	struct fix *f = fix_tso(wide, TSO_OFFLOADS, 0);
	struct rte_mbuf *m;

	(void)state;
	output(f, PEER4, large(f, 1448, 1448, 1448));
	m = fix_tx(f);
	assert_non_null(m);
	assert_false(m->ol_flags & RTE_MBUF_F_TX_TCP_SEG);
	assert_true(m->ol_flags & RTE_MBUF_F_TX_TCP_CKSUM);
	rte_pktmbuf_free(m);
	fix_free(f);
}

// Without buffers to cut into, the packet is lost, counted, and leaks nothing.
static void without_buffers_it_is_lost(void **state)
{
	struct fix *f = fix_tso((struct tso_limits){0}, 0, 0);
	struct rte_mbuf *held[512];
	struct rte_mbuf *m = large(f, 5000, 1000, 1448);
	uint64_t before = f->stats->drop[DROP_NO_MBUF];
	unsigned n = 0;

	(void)state;
	while ((held[n] = rte_pktmbuf_alloc(f->pool)) != NULL)
		n++;
	rte_pktmbuf_free(held[--n]); // enough for the first frame
	output(f, PEER4, m);
	assert_int_equal(f->stats->drop[DROP_NO_MBUF], before + 1);
	assert_int_equal(fix_flush(f), 1);
	rte_pktmbuf_free_bulk(held, n);
	fix_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_device_is_asked_in_its_own_words),
		cmocka_unit_test(a_tag_goes_with_every_frame),
		cmocka_unit_test(what_the_device_cannot_take_is_cut_here),
		cmocka_unit_test(few_pieces_a_frame_are_the_devices_matter),
		cmocka_unit_test(pieces_are_counted_right),
		cmocka_unit_test(one_frame_is_an_ordinary_packet),
		cmocka_unit_test(without_buffers_it_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
