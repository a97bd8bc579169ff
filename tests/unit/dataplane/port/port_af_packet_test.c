// A port over net_af_packet on a veth pair in a network namespace of this process's own, which is
// gone with it. Skipped without root.
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_ethdev.h>

#include "dataplane/port/port.h"
#include "tests/support/eal.h"
#include "tests/support/kernel_end.h"

#define TYPE 0x88b5 // for experiments: nobody else sends it
#define WAIT_MS 2000

static struct port *port;
static struct stats stats;
static int peer = -1;

static int setup(void **state)
{
	static char vdev[] = "--vdev=net_af_packet0,iface=port0";
	char *args[] = {vdev};
	struct port_config config = {
		.worker_n = 1, .mtu = 1500, .memory = 48 << 20, .big_room = 16384};

	(void)state;
	if (kernel_end_run("ip link add port0 type veth peer name peer0 && ip link set port0 up && "
			   "ip link set peer0 up") != 0)
		return -1;
	test_eal_start_with(args, 1);
	port = port_open(&config);
	// Afterwards, so that its socket is not taken for the port's.
	peer = port == NULL ? -1 : kernel_end_open("peer0", TYPE);
	return peer < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	port_close(port);
	close(peer);
	return 0;
}

static void fill(uint8_t *p, size_t len, uint8_t mark)
{
	if (p == NULL)
		abort();
	memset(p, mark, len);
	memset(p, 0xff, 6);
	p[6] = 2;
	p[12] = TYPE >> 8;
	p[13] = TYPE & 0xff;
}

// Turns until a frame with our EtherType comes; others (the kernel's own) are let go.
static struct rte_mbuf *receive(void)
{
	for (unsigned i = 0; i < WAIT_MS; i++) {
		struct rte_mbuf *m;

		while (port_rx(port, 0, &m, 1, &stats) == 1) {
			if (rte_pktmbuf_mtod(m, uint8_t *)[12] == TYPE >> 8)
				return m;
			rte_pktmbuf_free(m);
		}
		usleep(1000);
	}
	return NULL;
}

static void a_frame_comes_in_and_wakes_the_sleeper(void **state)
{
	int fds[PORT_FDS_MAX] = {-1};
	unsigned fd_n = port_wait_fds(port, 0, fds);
	struct pollfd fd = {.fd = fds[0], .events = POLLIN};
	uint8_t bytes[1514];
	struct rte_mbuf *m;

	(void)state;
	assert_int_equal(fd_n, 1); // one worker: nobody else has anything for it
	assert_true(fd.fd >= 0);
	fill(bytes, sizeof(bytes), 0x5c);
	assert_int_equal(send(peer, bytes, sizeof(bytes), 0), (ssize_t)sizeof(bytes));
	assert_int_equal(poll(&fd, 1, WAIT_MS), 1);
	m = receive();
	assert_non_null(m);
	assert_int_equal(m->pkt_len, sizeof(bytes));
	assert_memory_equal(rte_pktmbuf_mtod(m, char *), bytes, sizeof(bytes));
	rte_pktmbuf_free(m);
}

static void a_chain_with_a_shared_tail_goes_out_whole(void **state)
{
	struct rte_mempool *pool = port_pool(port, 0);
	struct rte_mbuf *big = rte_pktmbuf_alloc(port_big_pool(port, 0));
	struct rte_mbuf *tail = rte_pktmbuf_alloc(pool);
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	struct pollfd fd = {.fd = peer, .events = POLLIN};
	uint8_t got[2000];

	(void)state;
	fill((uint8_t *)rte_pktmbuf_append(m, 54), 54, 1);
	memset(rte_pktmbuf_append(big, 5000), 0xab, 5000);
	rte_pktmbuf_attach(tail, big);
	rte_pktmbuf_free(big);
	tail->data_len = 999;
	tail->pkt_len = 999;
	assert_int_equal(rte_pktmbuf_chain(m, tail), 0);
	assert_int_equal(port_tx(port, 0, &m, 1, &stats), 1);
	assert_int_equal(poll(&fd, 1, WAIT_MS), 1);
	assert_int_equal(recv(peer, got, sizeof(got), 0), 54 + 999);
	assert_int_equal(got[53], 1);
	for (unsigned i = 54; i < 54 + 999; i++)
		assert_int_equal(got[i], 0xab);
	assert_int_equal(rte_mempool_in_use_count(port_big_pool(port, 0)), 0);
}

static void facts_are_the_interfaces(void **state)
{
	struct port_facts f;
	char mac[32] = "";
	char want[32];
	FILE *file = popen("ip -o link show port0 | sed 's/.*ether //; s/ .*//'", "r");

	(void)state;
	assert_non_null(file);
	assert_non_null(fgets(mac, sizeof(mac), file));
	pclose(file);
	port_facts(port, &f);
	snprintf(want, sizeof(want), RTE_ETHER_ADDR_PRT_FMT "\n", RTE_ETHER_ADDR_BYTES(&f.mac));
	for (char *c = want; *c; c++)
		if (*c >= 'A' && *c <= 'F')
			*c = (char)(*c - 'A' + 'a');
	assert_string_equal(mac, want);
	assert_string_equal(f.driver, "net_af_packet");
	assert_int_equal(f.mtu, 1500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_comes_in_and_wakes_the_sleeper),
		cmocka_unit_test(a_chain_with_a_shared_tail_goes_out_whole),
		cmocka_unit_test(facts_are_the_interfaces),
	};

	if (!kernel_end_alone())
		return 0;
	return cmocka_run_group_tests(tests, setup, teardown);
}
