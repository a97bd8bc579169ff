// Large TCP packets through net_tap, a device that cuts them itself, to the kernel's end of it in a
// network namespace of this process's own. Skipped without root.
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_ether.h>

#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include "common/base/bytes.h"
#include "dataplane/net/csum.h"
#include "dataplane/net/net.h"
#include "dataplane/port/port.h"
#include "tests/support/eal.h"
#include "tests/support/kernel_end.h"

#define TURNS 2000
#define HEADERS (14 + 20 + 20)
#define LEN 20000

static struct port *port;
static struct port_facts facts;
static struct stats *stats;
static int peer = -1;

static int setup(void **state)
{
	static char vdev[] = "--vdev=net_tap0,iface=tap0,mac=fixed";
	char *args[] = {vdev};
	struct port_config config = {
		.worker_n = 1, .mtu = 1500, .memory = 48 << 20, .big_room = 16384};

	(void)state;
	test_eal_start_with(args, 1);
	port = port_open(&config);
	if (port == NULL ||
		kernel_end_run("ip addr add 198.18.0.2/24 dev tap0 && ip link set tap0 up") != 0)
		return -1;
	port_facts(port, &facts);
	stats = aligned_alloc(64, RTE_ALIGN(sizeof(*stats), 64));
	memset(stats, 0, sizeof(*stats));
	// Sees what comes out of the device, before the kernel's own stack, which resets the
	// connection that it does not know.
	peer = kernel_end_open("tap0", ETH_P_IP);
	return peer < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	port_close(port);
	close(peer);
	free(stats);
	return 0;
}

static struct net *make_net(struct tso_limits tso)
{
	struct net_config c = {.mac = {{2, 0, 0, 0, 0, 9}},
		.mtu = 1500,
		.addr_n = 1,
		.tx_offloads = facts.tx_offloads,
		.tso = tso,
		.neigh_max = 16,
		.frag_max = 4};
	struct net *net;

	assert_true(ip_prefix_parse("198.18.0.11/24", &c.addr[0]));
	net = net_new(&c, port_pool(port, 0), stats, (struct mono){NS_PER_SEC});
	assert_non_null(net);
	return net;
}

// A turn between the net and the port.
static void turn(struct net *net)
{
	struct rte_mbuf *m[NET_BURST];
	struct net_rx rx;
	unsigned n = port_rx(port, 0, m, NET_BURST, stats);
	unsigned at = 0;

	net_input(net, m, n, (struct mono){NS_PER_SEC}, &rx);
	rte_pktmbuf_free_bulk(rx.learn, rx.learn_n);
	rte_pktmbuf_free_bulk(rx.seg, rx.seg_n);
	n = net_collect(net, m, NET_BURST);
	for (unsigned tries = 0; at < n && tries < 100; tries++)
		at += port_tx(port, 0, m + at, n - at, stats);
	assert_int_equal(at, n); // a packet that is never taken would stop all behind it
	usleep(500);
}

static struct rte_mbuf *large(uint16_t segsz)
{
	struct rte_tcp_hdr tcp = {.src_port = htons(8102),
		.dst_port = htons(4711),
		.sent_seq = htonl(0xfffffff0),
		.data_off = 0x50,
		.tcp_flags = RTE_TCP_ACK_FLAG | RTE_TCP_PSH_FLAG};
	struct rte_mbuf *m = rte_pktmbuf_alloc(port_pool(port, 0));
	uint8_t fill = 0;

	if (m == NULL)
		abort();
	memcpy(rte_pktmbuf_append(m, sizeof(tcp)), &tcp, sizeof(tcp));
	m->l4_len = sizeof(tcp);
	m->tso_segsz = segsz;
	m->ol_flags |= RTE_MBUF_F_TX_TCP_SEG;
	for (unsigned off = 0; off < LEN; off += 1000) {
		struct rte_mbuf *part = rte_pktmbuf_alloc(port_pool(port, 0));
		uint8_t *p = part ? (uint8_t *)rte_pktmbuf_append(part, 1000) : NULL;

		if (p == NULL)
			abort();
		for (unsigned i = 0; i < 1000; i++)
			p[i] = fill++;
		assert_int_equal(rte_pktmbuf_chain(m, part), 0);
	}
	return m;
}

// The next TCP frame that came out.
static ssize_t next_frame(struct net *net, uint8_t *frame, size_t size)
{
	for (unsigned i = 0; i < TURNS; i++) {
		ssize_t n = recv(peer, frame, size, 0);

		if (n > HEADERS && frame[14 + 9] == IPPROTO_TCP && be16_get(frame + 34) == 8102)
			return n;
		if (n < 0)
			turn(net);
	}
	return -1;
}

static void expect_frames(struct net *net, uint16_t segsz)
{
	uint32_t off = 0;

	while (off < LEN) {
		uint8_t frame[65536];
		uint32_t want = RTE_MIN((uint32_t)LEN - off, (uint32_t)segsz);
		ssize_t n = next_frame(net, frame, sizeof(frame));
		uint8_t *ip = frame + 14;

		assert_int_equal(n, HEADERS + want);
		assert_true(csum_ip4_ok((void *)ip, 20));
		assert_int_equal(rte_ipv4_udptcp_cksum_verify((void *)ip, ip + 20), 0);
		assert_int_equal(be32_get(ip + 24), 0xfffffff0 + off);
		assert_int_equal((ip[33] & RTE_TCP_PSH_FLAG) != 0, off + want == LEN);
		for (uint32_t i = 0; i < want; i++)
			assert_int_equal(frame[HEADERS + i], (uint8_t)(off + i));
		off += want;
	}
}

static void send_large(struct tso_limits tso, uint16_t segsz)
{
	struct net *net = make_net(tso);
	struct ip_addr dst;
	struct net_path path;

	assert_true(ip_addr_parse("198.18.0.2", &dst));
	assert_int_equal(net_path_find(net, &dst, NULL, &path), 0);
	net_output(net, large(segsz), &dst, IPPROTO_TCP, &path, (struct mono){NS_PER_SEC});
	expect_frames(net, segsz);
	net_free(net);
}

// What is done with this device in earnest: it would never take packets whose frames fill the MTU.
static void large_packets_arrive_in_frames_of_the_mtu(void **state)
{
	(void)state;
	assert_int_equal(facts.tso.max, 0);
	send_large(facts.tso, 1460);
	send_large(facts.tso, 536);
}

static const struct tso_limits wide = {.max = 65000, .segs = 64, .frame_segs = 64};

static void the_device_cuts_what_it_is_asked_to(void **state)
{
	(void)state;
	send_large(wide, 1400);
}

// The kernel takes nothing from an interface that is down.
static void what_the_device_loses_is_counted(void **state)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(port_pool(port, 0));

	(void)state;
	assert_non_null(m);
	memset(rte_pktmbuf_append(m, 60), 0xff, 60);
	port_count(port, stats);
	assert_int_equal(stats->stat[STAT_device_tx_errors], 0);
	assert_int_equal(kernel_end_run("ip link set tap0 down"), 0);
	if (port_tx(port, 0, &m, 1, stats) == 0)
		rte_pktmbuf_free(m);
	port_count(port, stats);
	assert_true(stats->stat[STAT_device_tx_errors] > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_device_cuts_what_it_is_asked_to),
		cmocka_unit_test(large_packets_arrive_in_frames_of_the_mtu),
		cmocka_unit_test(what_the_device_loses_is_counted),
	};

	if (!kernel_end_alone())
		return 0;
	return cmocka_run_group_tests(tests, setup, teardown);
}
