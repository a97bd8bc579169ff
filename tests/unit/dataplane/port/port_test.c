// A port over net_ring: what is sent comes back. It has 16 queues: of 17 workers the last has none,
// and connections are spread in software.
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <netinet/in.h>
#include <string.h>

#include <rte_ethdev.h>
#include <rte_ip.h>

#include "common/base/bytes.h"
#include "dataplane/port/port.h"
#include "tests/support/eal.h"

#define BURST 32
#define QUEUES 16
#define WORKERS (QUEUES + 1)
#define LAST (WORKERS - 1)

static struct port *port;
static struct stats stats[WORKERS];

static int setup(void **state)
{
	static char text[][24] = {"--vdev=net_ring0", "-m", "640"};
	char *args[] = {text[0], text[1], text[2]};
	struct port_config config = {.worker_n = WORKERS,
		.mtu = 1500,
		.memory = (uint64_t)WORKERS * 18 << 20,
		.big_room = 16384};

	(void)state;
	test_eal_start_with(args, 3);
	port = port_open(&config);
	return port == NULL ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	port_close(port);
	return 0;
}

static unsigned in_use(void)
{
	return rte_mempool_in_use_count(port_pool(port, 0)) +
		rte_mempool_in_use_count(port_pool(port, LAST));
}

static struct rte_mbuf *frame(unsigned worker, uint8_t mark)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(port_pool(port, worker));

	assert_non_null(m);
	memset(rte_pktmbuf_append(m, 60), mark, 60);
	return m;
}

static void facts_are_the_devices(void **state)
{
	struct port_facts f;
	int fds[PORT_FDS_MAX];

	(void)state;
	port_facts(port, &f);
	assert_string_equal(f.driver, "net_ring");
	assert_string_equal(f.name, "net_ring0");
	assert_int_equal(f.mtu, 1500);
	assert_int_equal(f.queue_n, QUEUES);
	assert_true(f.link_up);
	assert_int_equal(port_wait_fds(port, 0, fds), 0);
	assert_true(
		rte_pktmbuf_data_room_size(port_pool(port, 0)) >= RTE_PKTMBUF_HEADROOM + 1500 + 18);
	assert_int_equal(
		rte_pktmbuf_data_room_size(port_big_pool(port, 1)), RTE_PKTMBUF_HEADROOM + 16384);
}

static void frames_are_sent_and_received_in_order(void **state)
{
	struct rte_mbuf *m[BURST];
	uint64_t bytes = stats[0].stat[STAT_tx_bytes];

	(void)state;
	for (uint8_t i = 0; i < BURST; i++)
		m[i] = frame(0, i);
	assert_int_equal(port_tx(port, 0, m, BURST, &stats[0]), BURST);
	assert_int_equal(stats[0].stat[STAT_tx_bytes] - bytes, BURST * 60);
	memset(m, 0, sizeof(m));
	assert_int_equal(port_rx(port, 0, m, BURST, &stats[0]), BURST);
	for (uint8_t i = 0; i < BURST; i++)
		assert_int_equal(*rte_pktmbuf_mtod(m[i], uint8_t *), i);
	rte_pktmbuf_free_bulk(m, BURST);
	assert_int_equal(port_rx(port, 0, m, BURST, &stats[0]), 0);
	assert_int_equal(in_use(), 0);
}

static void a_worker_without_a_queue_sends_through_another(void **state)
{
	struct rte_mbuf *m[BURST];

	(void)state;
	for (uint8_t i = 0; i < 4; i++)
		m[i] = frame(LAST, i);
	assert_int_equal(port_tx(port, LAST, m, 4, &stats[LAST]), 4);
	assert_int_equal(port_rx(port, LAST, m, BURST, &stats[LAST]), 0);
	// Let out by the one that has the queue, at its next turn.
	assert_int_equal(port_rx(port, 0, m, BURST, &stats[0]), 4);
	for (uint8_t i = 0; i < 4; i++)
		assert_int_equal(*rte_pktmbuf_mtod(m[i], uint8_t *), i);
	rte_pktmbuf_free_bulk(m, 4);
	assert_int_equal(in_use(), 0);
}

static void what_was_not_sent_stays_the_callers_at_the_end_of_the_list(void **state)
{
	struct rte_mbuf *m[BURST];
	struct rte_mbuf *keep[BURST];
	unsigned total = 0;
	unsigned sent = BURST;
	unsigned back = 0;
	unsigned n;

	(void)state;
	// It fills its ring, since nobody lets its frames out meanwhile.
	while (sent == BURST && total < 4096) {
		for (unsigned i = 0; i < BURST; i++)
			keep[i] = m[i] = frame(LAST, (uint8_t)i);
		sent = port_tx(port, LAST, m, BURST, &stats[LAST]);
		total += sent;
	}
	assert_true(sent < BURST);
	for (unsigned i = sent; i < BURST; i++)
		assert_ptr_equal(m[i], keep[i]);
	rte_pktmbuf_free_bulk(m + sent, BURST - sent);
	for (unsigned turn = 0; turn < 200 && back < total; turn++) {
		n = port_rx(port, 0, m, BURST, &stats[0]);
		rte_pktmbuf_free_bulk(m, n);
		back += n;
	}
	assert_int_equal(back, total);
	assert_int_equal(in_use(), 0);
}

static struct rte_mbuf *segment(bool v6, uint32_t host, uint16_t port_number)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(port_pool(port, 0));
	uint8_t *p;

	assert_non_null(m);
	m->l3_len = v6 ? 40 : 20;
	p = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)(m->l3_len + 20));
	memset(p, 0, m->l3_len + 20u);
	p[0] = v6 ? 0x60 : 0x45;
	be32_put(p + (v6 ? 20 : 12), host);
	be16_put(p + m->l3_len, port_number);
	return m;
}

static void segments_are_spread_and_none_is_lost(void **state)
{
	struct rte_mbuf *m[BURST];
	unsigned count[WORKERS] = {0};
	uint64_t steered = stats[0].stat[STAT_rx_steered];

	(void)state;
	for (unsigned round = 0; round < 128; round++) {
		unsigned total;

		for (unsigned i = 0; i < BURST; i++)
			m[i] = segment(round % 2, 0x0a000001 + round, (uint16_t)(1024 + i));
		total = port_keep_own(port, 0, m, BURST, &stats[0]);
		count[0] += total;
		rte_pktmbuf_free_bulk(m, total);
		for (unsigned w = 1; w < WORKERS; w++) {
			unsigned n = port_take_handed_over(port, w, m, BURST);

			// It agrees that they are its own.
			assert_int_equal(port_keep_own(port, w, m, n, &stats[w]), n);
			rte_pktmbuf_free_bulk(m, n);
			count[w] += n;
			total += n;
		}
		assert_int_equal(total, BURST);
	}
	assert_int_equal(stats[0].stat[STAT_rx_steered] - steered, 128 * BURST - count[0]);
	// Of 4096, 241 on average; the hash is linear and its key is drawn anew each time, so that
	// a few hundred flows of one pattern may be spread less evenly than by chance.
	for (unsigned w = 0; w < WORKERS; w++)
		assert_in_range(count[w], 40, 800);
	assert_int_equal(in_use(), 0);
}

// Takes the only segment that was handed over; returns who had it.
static unsigned taken_by(struct rte_mbuf **m)
{
	for (unsigned w = 1; w < WORKERS; w++)
		if (port_take_handed_over(port, w, m, 1) == 1)
			return w;
	fail_msg("the segment is lost");
	return 0;
}

static void a_flow_stays_with_its_worker(void **state)
{
	(void)state;
	for (unsigned flow = 0; flow < 64; flow++) {
		unsigned first = 0;

		for (unsigned i = 0; i < 4; i++) {
			struct rte_mbuf *m = segment(flow % 2, 0x0a000001 + flow, 5000);
			unsigned owner = 0;

			if (port_keep_own(port, 0, &m, 1, &stats[0]) == 0)
				owner = taken_by(&m);
			rte_pktmbuf_free(m);
			assert_true(i == 0 || first == owner);
			first = owner;
		}
	}
}

static void a_worker_that_takes_nothing_bounds_what_waits_for_it(void **state)
{
	uint64_t before = stats[0].drop[DROP_HAND_OVER];
	struct rte_mbuf *m;
	unsigned waiting = 0;
	unsigned given = 0;

	(void)state;
	// One flow of another worker, again and again.
	for (unsigned i = 0; i < 3000; i++) {
		m = segment(false, 0x0a000001, (uint16_t)(given == 0 ? i : 7777));
		if (port_keep_own(port, 0, &m, 1, &stats[0]) == 1)
			rte_pktmbuf_free(m);
		else
			given++;
	}
	for (unsigned w = 1; w < WORKERS; w++) {
		while (port_take_handed_over(port, w, &m, 1) == 1) {
			rte_pktmbuf_free(m);
			waiting++;
		}
	}
	assert_int_equal(stats[0].drop[DROP_HAND_OVER] - before, given - waiting);
	assert_in_range(waiting, 1, 1100);
	assert_int_equal(in_use(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(facts_are_the_devices),
		cmocka_unit_test(frames_are_sent_and_received_in_order),
		cmocka_unit_test(a_worker_without_a_queue_sends_through_another),
		cmocka_unit_test(what_was_not_sent_stays_the_callers_at_the_end_of_the_list),
		cmocka_unit_test(segments_are_spread_and_none_is_lost),
		cmocka_unit_test(a_flow_stays_with_its_worker),
		cmocka_unit_test(a_worker_that_takes_nothing_bounds_what_waits_for_it),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
