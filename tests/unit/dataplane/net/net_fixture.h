// One network layer without a port, a station beside it, and builders of what that station sends.
// Addresses: we are 198.18.0.11/24 and 2001:db8::11/64, the peer is .2 and ::2, the gateway .1 and
// ::1. Teardown checks that no mbuf leaked.
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <rte_arp.h>
#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>

#include "common/base/bytes.h"
#include "dataplane/net/csum.h"
#include "dataplane/net/net_core.h"
#include "tests/support/eal.h"

struct fix {
	struct rte_mempool *pool;
	struct stats *stats;
	struct net *net;
	struct mono now;
	struct net_rx rx;
};

static const struct rte_ether_addr own_mac = {{2, 0, 0, 0, 0, 1}};
static const struct rte_ether_addr peer_mac = {{2, 0, 0, 0, 0, 2}};
static const struct rte_ether_addr bcast_mac = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

#define OWN4 "198.18.0.11"
#define PEER4 "198.18.0.2"
#define GATEWAY4 "198.18.0.1"
#define OWN6 "2001:db8::11"
#define PEER6 "2001:db8::2"
#define OWN6_LOCAL "fe80::ff:fe00:1"

static inline struct ip_addr ip(const char *text)
{
	struct ip_addr a;

	assert_true(ip_addr_parse(text, &a));
	return a;
}

static inline struct net_config fix_config(void)
{
	struct net_config c = {.mac = own_mac,
		.mtu = 1500,
		.addr_n = 2,
		.gateway4 = ip(GATEWAY4),
		.gateway6 = ip("2001:db8::1"),
		.neigh_max = 64,
		.frag_max = 32,
		.seed = 7};

	assert_true(ip_prefix_parse(OWN4 "/24", &c.addr[0]));
	assert_true(ip_prefix_parse(OWN6 "/64", &c.addr[1]));
	return c;
}

static inline struct rte_mbuf *fix_tx(struct fix *f)
{
	struct rte_mbuf *m;

	return net_collect(f->net, &m, 1) == 1 ? m : NULL;
}

// Throws away what waits to be sent; returns how many frames that were.
static inline unsigned fix_flush(struct fix *f)
{
	struct rte_mbuf *m;
	unsigned n = 0;

	for (; (m = fix_tx(f)) != NULL; n++)
		rte_pktmbuf_free(m);
	return n;
}

static inline struct fix *fix_new(const struct net_config *config)
{
	struct fix *f = calloc(1, sizeof(*f));

	f->pool = test_pool_create(512);
	f->stats = aligned_alloc(64, RTE_ALIGN(sizeof(*f->stats), 64));
	memset(f->stats, 0, sizeof(*f->stats));
	f->now = (struct mono){5 * NS_PER_SEC};
	f->net = net_new(config, f->pool, f->stats, f->now);
	assert_non_null(f->net);
	fix_flush(f); // announcements
	return f;
}

static inline int fix_setup(void **state)
{
	struct net_config c;

	test_eal_start();
	c = fix_config();
	*state = fix_new(&c);
	return 0;
}

static inline void fix_free(struct fix *f)
{
	net_free(f->net);
	assert_int_equal(test_pool_in_use(f->pool), 0);
	rte_mempool_free(f->pool);
	free(f->stats);
	free(f);
}

static inline int fix_teardown(void **state)
{
	fix_free(*state);
	return 0;
}

static inline struct rte_mbuf *fix_bytes(struct fix *f, const void *data, size_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(f->pool);

	assert_non_null(m);
	memcpy(rte_pktmbuf_append(m, (uint16_t)len), data, len);
	return m;
}

static inline void fix_eth(struct rte_mbuf *m, const struct rte_ether_addr *dst, uint16_t type)
{
	struct rte_ether_hdr *eth = (void *)rte_pktmbuf_prepend(m, sizeof(*eth));

	assert_non_null(eth);
	eth->dst_addr = *dst;
	eth->src_addr = peer_mac;
	eth->ether_type = rte_cpu_to_be_16(type);
}

// An IPv4 frame from `src` with a checksum; `field` is the fragment field.
static inline struct rte_mbuf *fix_ip4(struct fix *f, const char *src, const char *dst,
	uint8_t proto, const void *data, size_t len, uint16_t field)
{
	struct rte_mbuf *m = fix_bytes(f, data, len);
	struct rte_ipv4_hdr *h = (void *)rte_pktmbuf_prepend(m, sizeof(*h));
	struct ip_addr s = ip(src);
	struct ip_addr d = ip(dst);

	*h = (struct rte_ipv4_hdr){.version_ihl = 0x45,
		.total_length = rte_cpu_to_be_16((uint16_t)(len + sizeof(*h))),
		.packet_id = rte_cpu_to_be_16(77),
		.fragment_offset = rte_cpu_to_be_16(field),
		.time_to_live = 9,
		.next_proto_id = proto,
		.src_addr = ip_addr_v4(&s),
		.dst_addr = ip_addr_v4(&d)};
	h->hdr_checksum = (uint16_t)~csum_bytes(h, sizeof(*h));
	fix_eth(m, &own_mac, RTE_ETHER_TYPE_IPV4);
	return m;
}

static inline struct rte_mbuf *fix_ip6(struct fix *f, const char *src, const char *dst,
	uint8_t proto, const void *data, size_t len, uint8_t hops)
{
	struct rte_mbuf *m = fix_bytes(f, data, len);
	struct rte_ipv6_hdr *h = (void *)rte_pktmbuf_prepend(m, sizeof(*h));
	struct ip_addr s = ip(src);
	struct ip_addr d = ip(dst);

	*h = (struct rte_ipv6_hdr){.vtc_flow = rte_cpu_to_be_32(0x60000000),
		.payload_len = rte_cpu_to_be_16((uint16_t)len),
		.proto = proto,
		.hop_limits = hops};
	memcpy(h->src_addr, s.b, 16);
	memcpy(h->dst_addr, d.b, 16);
	fix_eth(m, &own_mac, RTE_ETHER_TYPE_IPV6);
	return m;
}

// Fills in the checksum of an ICMPv6 message that follows the fixed header at once.
static inline void fix_csum6(struct rte_mbuf *m)
{
	struct rte_ipv6_hdr *h = rte_pktmbuf_mtod_offset(m, void *, 14);
	uint8_t *icmp = (uint8_t *)(h + 1);
	uint32_t len = m->pkt_len - 54;
	uint16_t sum;

	memset(icmp + 2, 0, 2);
	sum = (uint16_t)~csum_add(csum_pseudo6(h, IPPROTO_ICMPV6, len), csum_chain(m, 54, len));
	memcpy(icmp + 2, &sum, 2);
}

static inline struct rte_mbuf *fix_arp(struct fix *f, uint16_t op, const struct rte_ether_addr *sha,
	const char *sip, const char *tip, const struct rte_ether_addr *dst)
{
	struct ip_addr s = ip(sip);
	struct ip_addr t = ip(tip);
	struct rte_arp_hdr arp = {.arp_hardware = rte_cpu_to_be_16(1),
		.arp_protocol = rte_cpu_to_be_16(0x0800),
		.arp_hlen = 6,
		.arp_plen = 4,
		.arp_opcode = rte_cpu_to_be_16(op),
		.arp_data = {
			.arp_sha = *sha, .arp_sip = ip_addr_v4(&s), .arp_tip = ip_addr_v4(&t)}};
	struct rte_mbuf *m = fix_bytes(f, &arp, sizeof(arp));

	fix_eth(m, dst, RTE_ETHER_TYPE_ARP);
	return m;
}

// Feeds one frame. Frames for other cores are freed; segments are left in f->rx.
static inline void fix_in(struct fix *f, struct rte_mbuf *m)
{
	net_input(f->net, &m, 1, f->now, &f->rx);
	rte_pktmbuf_free_bulk(f->rx.learn, f->rx.learn_n);
}

// Feeds a frame that must end in this drop and nothing else.
#define assert_dropped(f, m, reason)                                                         \
	do {                                                                                 \
		uint64_t before_ = (f)->stats->drop[reason];                                 \
		fix_in(f, m);                                                                \
		assert_int_equal((f)->stats->drop[reason], before_ + 1);                     \
		assert_int_equal((f)->rx.seg_n, 0);                                          \
		assert_int_equal(                                                            \
			test_pool_in_use((f)->pool), (f)->net->tx.tail - (f)->net->tx.head); \
	} while (0)

static inline void fix_advance(struct fix *f, uint64_t ns)
{
	f->now = mono_add(f->now, ns);
	net_advance(f->net, f->now);
}

// The peer becomes a reachable neighbour.
static inline void fix_know_peer(struct fix *f)
{
	struct ip_addr v4 = ip(PEER4);
	struct ip_addr v6 = ip(PEER6);
	struct neigh *n = neigh_add(&f->net->neigh, &v4, NEIGH_UNRESOLVED, f->now);

	neigh_learn(&f->net->neigh, n, &peer_mac, NEIGH_SOLICITED, f->now);
	n = neigh_add(&f->net->neigh, &v6, NEIGH_UNRESOLVED, f->now);
	neigh_learn(&f->net->neigh, n, &peer_mac, NEIGH_SOLICITED, f->now);
}

// Sends a TCP header with `len` bytes of payload to `dst`; returns net_path_find's result.
static inline int fix_send(struct fix *f, const char *dst, size_t len, struct net_path *path)
{
	struct rte_tcp_hdr tcp = {.src_port = rte_cpu_to_be_16(8102), .data_off = 0x50};
	struct ip_addr d = ip(dst);
	int rc = net_path_find(f->net, &d, NULL, path);
	struct rte_mbuf *m;
	char *payload;

	if (rc != 0)
		return rc;
	m = fix_bytes(f, &tcp, sizeof(tcp));
	m->l4_len = sizeof(tcp);
	payload = rte_pktmbuf_append(m, (uint16_t)len);
	for (size_t i = 0; i < len; i++)
		payload[i] = (char)i;
	net_output(f->net, m, &d, IPPROTO_TCP, path, f->now);
	return 0;
}

#define fix_test(fn) cmocka_unit_test_setup_teardown(fn, fix_setup, fix_teardown)
