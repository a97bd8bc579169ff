#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "dataplane/port/port_core.h"

static void each_figure_goes_into_its_row_and_no_other_is_touched(void **state)
{
	struct rte_eth_stats device;
	struct rte_eth_stats seen = {0};
	static struct stats stats;
	static struct stats want;

	(void)state;
	memset(&device, 0xaa, sizeof(device)); // what is not meant shows
	device.imissed = 11;
	device.rx_nombuf = 22;
	device.ierrors = 33;
	device.oerrors = 44;
	stats.stat[STAT_rx_packets] = 6;
	want = stats;
	want.stat[STAT_device_rx_missed] = 11;
	want.stat[STAT_device_rx_no_buffer] = 22;
	want.stat[STAT_device_rx_errors] = 33;
	want.stat[STAT_device_tx_errors] = 44;
	port_count_as(&device, &seen, &stats);
	assert_memory_equal(&stats, &want, sizeof(want));
	port_count_as(&device, &seen, &stats); // nothing new
	assert_memory_equal(&stats, &want, sizeof(want));
}

static void a_device_that_begins_again_takes_nothing_back(void **state)
{
	static const uint64_t said[] = {10, 15, 0, 3, 3, 2};
	static const uint64_t want[] = {10, 15, 15, 18, 18, 20};
	struct rte_eth_stats seen = {0};
	static struct stats stats;

	(void)state;
	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		struct rte_eth_stats device = {.imissed = said[i]};

		port_count_as(&device, &seen, &stats);
		assert_int_equal(stats.stat[STAT_device_rx_missed], want[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_figure_goes_into_its_row_and_no_other_is_touched),
		cmocka_unit_test(a_device_that_begins_again_takes_nothing_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
