#include "dataplane/port/port_core.h"

static void add(struct stats *stats, enum stat_id id, uint64_t now, uint64_t seen)
{
	stat_add(stats, id, now >= seen ? now - seen : now);
}

void port_count_as(
	const struct rte_eth_stats *device, struct rte_eth_stats *seen, struct stats *stats)
{
	add(stats, STAT_device_rx_missed, device->imissed, seen->imissed);
	add(stats, STAT_device_rx_no_buffer, device->rx_nombuf, seen->rx_nombuf);
	add(stats, STAT_device_rx_errors, device->ierrors, seen->ierrors);
	add(stats, STAT_device_tx_errors, device->oerrors, seen->oerrors);
	*seen = *device;
}

void port_count(struct port *port, struct stats *stats)
{
	struct rte_eth_stats device;

	if (rte_eth_stats_get(port->id, &device) == 0)
		port_count_as(&device, &port->counted, stats);
}
