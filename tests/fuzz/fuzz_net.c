// Frames into one network layer: nothing may be read or written out of bounds or after it was
// freed, no mbuf may leak, and what is handed on must be what net.h promises.
//
// Input: records of a control byte, a length (2 bytes, big-endian) and as many bytes of a frame.
// Control bits: see CTL_*.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <netinet/in.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "common/base/bytes.h"
#include "dataplane/net/csum.h"
#include "dataplane/net/net.h"
#include "dataplane/net/packet.h"
#include "tests/support/eal.h"

#define CTL_LEARN 0x01   // from another core
#define CTL_CUT 0x02     // in two segments, cut at the frame's last byte modulo its length
#define CTL_SUMS 0x04    // checksums are made right first
#define CTL_ADVANCE 0x08 // time passes afterwards
#define CTL_OUTPUT 0x10  // and a segment is sent to where the frame came from
#define CTL_BURST 0x20   // together with the frames that follow
#define FRAME_MAX 1600

static struct rte_mempool *pool;
static struct stats *stats;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(x)                 \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	test_eal_start();
	pool = test_pool_create(1024);
	stats = aligned_alloc(CACHE_LINE, RTE_CACHE_LINE_ROUNDUP(sizeof(*stats)));
	CHECK(stats != NULL);
	return 0;
}

static struct net *make_net(void)
{
	struct net_config c = {.mac = {{2, 0, 0, 0, 0, 1}},
		.mtu = 1500,
		.addr_n = 2,
		.neigh_max = 16,
		.frag_max = 16,
		.seed = 7};
	struct net *net;

	CHECK(ip_prefix_parse("198.18.0.11/24", &c.addr[0]));
	CHECK(ip_prefix_parse("2001:db8::11/64", &c.addr[1]));
	CHECK(ip_addr_parse("198.18.0.1", &c.gateway4));
	CHECK(ip_addr_parse("2001:db8::1", &c.gateway6));
	net = net_new(&c, pool, stats, (struct mono){NS_PER_SEC});
	CHECK(net != NULL);
	return net;
}

// Puts right checksums where they stand in a frame without options, tags and extensions.
static void fix_sums(uint8_t *p, size_t len)
{
	uint16_t sum;

	if (len >= 42 && be16_get(p + 12) == 0x0800) {
		if (p[23] == IPPROTO_ICMP) {
			memset(p + 36, 0, 2);
			sum = (uint16_t)~csum_bytes(p + 34, len - 34);
			memcpy(p + 36, &sum, 2);
		}
		memset(p + 24, 0, 2);
		sum = (uint16_t)~csum_bytes(p + 14, 20);
		memcpy(p + 24, &sum, 2);
	} else if (len >= 62 && be16_get(p + 12) == 0x86dd && p[20] == IPPROTO_ICMPV6) {
		struct rte_ipv6_hdr ip;

		memcpy(&ip, p + 14, sizeof(ip));
		memset(p + 56, 0, 2);
		sum = csum_pseudo6(&ip, IPPROTO_ICMPV6, (uint32_t)(len - 54));
		sum = (uint16_t)~csum_add(sum, csum_bytes(p + 54, len - 54));
		memcpy(p + 56, &sum, 2);
	}
}

static struct rte_mbuf *make_frame(const uint8_t *data, size_t len, uint8_t ctl)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	uint16_t cut = (uint16_t)len;
	uint8_t bytes[FRAME_MAX];

	CHECK(m != NULL);
	memcpy(bytes, data, len);
	if (ctl & CTL_SUMS)
		fix_sums(bytes, len);
	if ((ctl & CTL_CUT) && len > 0)
		cut = (uint16_t)(data[len - 1] % len);
	memcpy(rte_pktmbuf_append(m, cut), bytes, cut);
	if (cut < len) {
		struct rte_mbuf *rest = rte_pktmbuf_alloc(pool);

		CHECK(rest != NULL);
		memcpy(rte_pktmbuf_append(rest, (uint16_t)(len - cut)), bytes + cut, len - cut);
		CHECK(rte_pktmbuf_chain(m, rest) == 0);
	}
	return m;
}

static void check_segment(struct rte_mbuf *m)
{
	const char *why;
	uint32_t l3 = m->packet_type & RTE_PTYPE_L3_MASK;

	CHECK(rte_mbuf_check(m, 1, &why) == 0);
	CHECK(l3 == RTE_PTYPE_L3_IPV4 || l3 == RTE_PTYPE_L3_IPV6);
	CHECK(m->l3_len >= (l3 == RTE_PTYPE_L3_IPV4 ? 20 : 40) && m->l3_len <= m->data_len);
	CHECK(m->data_len >= RTE_MIN(m->pkt_len, m->l3_len + 60u));
	// Every byte of it can be read.
	(void)csum_chain(m, 0, m->pkt_len);
	rte_pktmbuf_free(m);
}

static void collect(struct net *net)
{
	struct rte_mbuf *m;
	const char *why;

	while (net_collect(net, &m, 1) == 1) {
		CHECK(rte_mbuf_check(m, 1, &why) == 0);
		CHECK(m->pkt_len <= 1514);
		(void)csum_chain(m, 0, m->pkt_len);
		rte_pktmbuf_free(m);
	}
}

static void send_back(struct net *net, const uint8_t *data, size_t len, struct mono now)
{
	struct ip_addr dst;
	struct net_path path;
	struct rte_mbuf *m;

	if (len >= 30 && be16_get(data + 12) == 0x0800) {
		uint32_t v4;

		memcpy(&v4, data + 26, sizeof(v4));
		dst = ip_addr_from_v4(v4);
	} else if (len >= 38) {
		memcpy(dst.b, data + 22, sizeof(dst.b));
	} else {
		return;
	}
	if (net_path_find(net, &dst, NULL, &path) != 0 || net_tx_room(net) == 0)
		return;
	m = rte_pktmbuf_alloc(pool);
	CHECK(m != NULL);
	memset(rte_pktmbuf_append(m, 20), 0, 20);
	m->l4_len = 20;
	net_output(net, m, &dst, IPPROTO_TCP, &path, now);
	net_path_confirm(net, &path, now);
}

static void feed(struct net *net, struct rte_mbuf **burst, unsigned n, bool learn, struct mono now)
{
	struct net_rx rx;

	if (n == 0)
		return;
	if (learn) {
		net_learn(net, burst, n, now);
		return;
	}
	net_input(net, burst, n, now, &rx);
	CHECK(rx.seg_n + rx.icmp_n + rx.learn_n <= n);
	for (unsigned i = 0; i < rx.seg_n; i++)
		check_segment(rx.seg[i]);
	net_learn(net, rx.learn, rx.learn_n, now);
	collect(net);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mono now = {2 * NS_PER_SEC};
	struct rte_mbuf *burst[NET_BURST];
	unsigned n = 0;
	struct net *net = make_net();

	// Bounded by the pool: fragments and held packets stay in it.
	for (unsigned frames = 0; size >= 3 && frames < 64; frames++) {
		uint8_t ctl = data[0];
		size_t len = be16_get(data + 1);

		len = RTE_MIN(len, RTE_MIN(size - 3, (size_t)FRAME_MAX));
		burst[n++] = make_frame(data + 3, len, ctl);
		if (!(ctl & CTL_BURST) || n == NET_BURST) {
			feed(net, burst, n, ctl & CTL_LEARN, now);
			n = 0;
		}
		if (ctl & CTL_OUTPUT)
			send_back(net, data + 3, len, now);
		if (ctl & CTL_ADVANCE) {
			now = mono_add(now, (uint64_t)(1 + (ctl >> 6)) * 700 * NS_PER_MS);
			net_advance(net, now);
		}
		collect(net);
		data += 3 + len;
		size -= 3 + len;
	}
	feed(net, burst, n, false, now);
	net_free(net);
	CHECK(test_pool_in_use(pool) == 0);
	return 0;
}
