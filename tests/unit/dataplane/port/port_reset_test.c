// A device that asks to be reset, over net_ring: what is sent comes back. Four workers, all with a
// queue.
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include <rte_ethdev.h>

#include "dataplane/port/port.h"
#include "tests/support/eal.h"

#define WORKERS 4
#define BURST 8
#define RESETS 20

// Drivers' own: how they say that something happened. The only port is the first of the devices.
struct rte_eth_dev;
extern unsigned char rte_eth_devices[];
int rte_eth_dev_callback_process(struct rte_eth_dev *dev, enum rte_eth_event_type event, void *ret);

static struct port *port;
static struct stats stats[WORKERS];

static int setup(void **state)
{
	static char text[][24] = {"--vdev=net_ring0", "-m", "256"};
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

static void device_asks(void)
{
	struct rte_eth_dev *dev = (struct rte_eth_dev *)(void *)rte_eth_devices;

	assert_int_equal(rte_eth_dev_callback_process(dev, RTE_ETH_EVENT_INTR_RESET, NULL), 0);
}

static struct rte_mbuf *frame(unsigned worker, uint8_t mark)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(port_pool(port, worker));

	if (m != NULL)
		memset(rte_pktmbuf_append(m, 60), mark, 60);
	return m;
}

static unsigned in_use(void)
{
	unsigned n = 0;

	for (unsigned w = 0; w < WORKERS; w++)
		n += rte_mempool_in_use_count(port_pool(port, w));
	return n;
}

static unsigned send_one(unsigned worker)
{
	struct rte_mbuf *m = frame(worker, (uint8_t)worker);
	unsigned sent;

	assert_non_null(m);
	sent = port_tx(port, worker, &m, 1, &stats[worker]);
	if (sent == 0)
		rte_pktmbuf_free(m);
	return sent;
}

static unsigned receive(unsigned worker)
{
	struct rte_mbuf *m[BURST];
	unsigned n = port_rx(port, worker, m, BURST, &stats[worker]);

	rte_pktmbuf_free_bulk(m, n);
	return n;
}

static void without_an_event_nothing_happens(void **state)
{
	(void)state;
	assert_true(port_recover(port));
	assert_int_equal(send_one(0), 1);
	assert_int_equal(receive(0), 1);
	assert_int_equal(stats[0].stat[STAT_port_resets], 0);
}

static void the_device_is_reset_when_the_last_worker_is_off_it(void **state)
{
	struct port_facts before;
	struct port_facts after;

	(void)state;
	port_facts(port, &before);
	device_asks();
	assert_true(port_recover(port));
	// Each says so by its next call, whichever it is; nothing goes in or out.
	assert_int_equal(send_one(0), 0);
	for (unsigned w = 1; w < WORKERS - 1; w++)
		assert_int_equal(receive(w), 0);
	assert_true(port_recover(port));
	assert_int_equal(send_one(0), 0);
	assert_int_equal(receive(WORKERS - 1), 0);
	assert_true(port_recover(port));
	for (unsigned w = 0; w < WORKERS; w++) {
		assert_int_equal(send_one(w), 1);
		assert_int_equal(receive(w), 1);
	}
	port_facts(port, &after);
	assert_int_equal(after.queue_n, before.queue_n);
	assert_int_equal(after.mtu, before.mtu);
	assert_int_equal(after.tx_offloads, before.tx_offloads);
	assert_int_equal(after.steering, before.steering);
	assert_true(after.link_up);
	assert_int_equal(stats[0].stat[STAT_port_resets], 1);
	assert_int_equal(in_use(), 0);
}

static bool over; // atomic

struct runner {
	pthread_t thread;
	unsigned worker;
	uint64_t sent;
	uint64_t got;
};

static void *run(void *arg)
{
	struct runner *r = arg;
	struct rte_mbuf *m[BURST];
	unsigned n;

	while (!__atomic_load_n(&over, __ATOMIC_RELAXED)) {
		n = port_rx(port, r->worker, m, BURST, &stats[r->worker]);
		rte_pktmbuf_free_bulk(m, n);
		r->got += n;
		m[0] = frame(r->worker, (uint8_t)r->got);
		if (m[0] == NULL)
			continue;
		if (port_tx(port, r->worker, m, 1, &stats[r->worker]) == 1)
			r->sent++;
		else
			rte_pktmbuf_free(m[0]);
	}
	return NULL;
}

static void workers_go_on_through_many(void **state)
{
	uint64_t before = stats[0].stat[STAT_port_resets];
	struct runner runner[WORKERS] = {0};

	(void)state;
	for (unsigned w = 0; w < WORKERS; w++) {
		runner[w].worker = w;
		assert_int_equal(pthread_create(&runner[w].thread, NULL, run, &runner[w]), 0);
	}
	for (unsigned i = 0; i < RESETS; i++) {
		device_asks();
		assert_true(port_recover(port));
		usleep(1000);
	}
	// On a machine that is busy a halt may be waited for in several calls.
	for (unsigned i = 0; i < 50; i++) {
		assert_true(port_recover(port));
		usleep(1000);
	}
	__atomic_store_n(&over, true, __ATOMIC_RELAXED);
	for (unsigned w = 0; w < WORKERS; w++) {
		pthread_join(runner[w].thread, NULL);
		runner[w].got += receive(w);
		// net_ring keeps what it holds; nothing is lost, and nothing came twice.
		assert_int_equal(runner[w].got, runner[w].sent);
		assert_true(runner[w].sent > 0);
	}
	assert_in_range(stats[0].stat[STAT_port_resets] - before, 1, RESETS);
	assert_int_equal(in_use(), 0);
}

// Last: there is no port any more.
static void a_device_that_is_gone_is_said(void **state)
{
	(void)state;
	device_asks();
	assert_int_equal(rte_eth_dev_stop(0), 0);
	assert_int_equal(rte_eth_dev_close(0), 0);
	assert_true(port_recover(port)); // nobody has halted
	for (unsigned w = 0; w < WORKERS; w++)
		assert_int_equal(receive(w), 0);
	assert_false(port_recover(port));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_an_event_nothing_happens),
		cmocka_unit_test(the_device_is_reset_when_the_last_worker_is_off_it),
		cmocka_unit_test(workers_go_on_through_many),
		cmocka_unit_test(a_device_that_is_gone_is_said),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
