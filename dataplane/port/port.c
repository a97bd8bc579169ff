#include "dataplane/port/port.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_timer.h>

#include "common/base/log.h"
#include "dataplane/port/port_core.h"
#include "dataplane/port/wait_fd.h"

#define RX_DESCRIPTORS 1024
#define TX_DESCRIPTORS 1024

#define WANT_RX \
	(RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_RSS_HASH)
#define WANT_TX                                                         \
	(RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM | \
		RTE_ETH_TX_OFFLOAD_MULTI_SEGS | RTE_ETH_TX_OFFLOAD_TCP_TSO)
// Without any of these a device can't cut packets in a way that is of use.
#define NEED_TSO WANT_TX
// IP's total length, less the longest headers of IPv6 and TCP.
#define TSO_MAX (UINT16_MAX - 40 - 60)

static bool failed(const char *what, int rc)
{
	log_err("port: %s: %s", what, strerror(-rc));
	return false;
}

// A feature that is not there is no error.
static void optional(const char *what, int rc)
{
	if (rc != 0)
		log_info("port: %s: %s; going on without", what, strerror(-rc));
}

// The longest packet that the device has room for. One that says nothing of packets says it of
// frames.
static uint16_t mtu_max(const struct rte_eth_dev_info *info)
{
	const uint32_t overhead = RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN;

	if (info->max_mtu && info->max_mtu != UINT16_MAX)
		return info->max_mtu;
	if (info->max_rx_pktlen > overhead && info->max_rx_pktlen - overhead < UINT16_MAX)
		return (uint16_t)(info->max_rx_pktlen - overhead);
	return UINT16_MAX;
}

static uint16_t mtu_in_effect(const struct port *port)
{
	uint16_t mtu = port->config.mtu;
	uint16_t limit = mtu_max(&port->info);

	if (mtu > limit)
		mtu = limit;
	if (port->quirk->mtu_max && mtu > port->quirk->mtu_max)
		mtu = port->quirk->mtu_max;
	if (mtu != port->config.mtu)
		log_warn("mtu: %u is more than %s can do; using %u", port->config.mtu,
			port->info.driver_name, mtu);
	return mtu;
}

// How many mbufs a frame, and a packet that the device cuts, may be of. 0 is no limit.
static void choose_segs(struct port *port)
{
	const struct rte_eth_desc_lim *limit = &port->info.tx_desc_lim;
	uint16_t packet = limit->nb_seg_max ? limit->nb_seg_max : UINT16_MAX;
	uint16_t frame = limit->nb_mtu_seg_max ? limit->nb_mtu_seg_max : packet;

	port->segs_max = 1;
	if (!(port->tx_offloads & RTE_ETH_TX_OFFLOAD_MULTI_SEGS) ||
		port->quirk->flags & QUIRK_LINEAR)
		return;
	port->segs_max = frame < packet ? frame : packet;
	// Cut from one or two mbufs, nothing would be gained.
	if ((port->tx_offloads & NEED_TSO) == NEED_TSO && packet > 2)
		port->tso = (struct tso_limits){
			.max = TSO_MAX,
			.segs = packet,
			.frame_segs = port->segs_max,
			.ip4_only = (port->quirk->flags & QUIRK_TSO4) != 0,
		};
}

static void choose_offloads(struct port *port, struct rte_eth_conf *conf)
{
	uint64_t rx = WANT_RX;
	uint64_t tx =
		port->quirk->flags & QUIRK_NO_TSO ? WANT_TX & ~RTE_ETH_TX_OFFLOAD_TCP_TSO : WANT_TX;

	if (port->config.vlan) {
		rx |= RTE_ETH_RX_OFFLOAD_VLAN_STRIP;
		tx |= RTE_ETH_TX_OFFLOAD_VLAN_INSERT;
	}
	conf->rxmode.offloads = rx & port->info.rx_offload_capa;
	conf->txmode.offloads = tx & port->info.tx_offload_capa;
	port->tx_offloads = conf->txmode.offloads;
	log_info("port: offloads wanted rx %#" PRIx64 " tx %#" PRIx64 ", in use rx %#" PRIx64
		 " tx %#" PRIx64,
		rx, tx, conf->rxmode.offloads, conf->txmode.offloads);
	choose_segs(port);
}

static bool configure(struct port *port)
{
	struct rte_eth_conf conf = {0};
	int rc;

	choose_offloads(port, &conf);
	port_rss_configure(port, &conf);
	conf.rxmode.mtu = port->mtu;
	rc = rte_eth_dev_configure(port->id, port->queue_n, port->queue_n, &conf);
	if (rc != 0 && conf.rx_adv_conf.rss_conf.rss_key) {
		// Some devices have a key that can't be set.
		conf.rx_adv_conf.rss_conf.rss_key = NULL;
		rc = rte_eth_dev_configure(port->id, port->queue_n, port->queue_n, &conf);
	}
	return rc == 0 || failed("configuration refused", rc);
}

static bool queues_new(struct port *port)
{
	uint16_t rx_n = RX_DESCRIPTORS;
	uint16_t tx_n = TX_DESCRIPTORS;
	int socket = rte_eth_dev_socket_id(port->id);
	int rc;

	if (port->quirk->tx_max && tx_n > port->quirk->tx_max)
		tx_n = port->quirk->tx_max;
	rc = rte_eth_dev_adjust_nb_rx_tx_desc(port->id, &rx_n, &tx_n);
	if (rc != 0)
		return failed("number of descriptors", rc);
	for (uint16_t q = 0; q < port->queue_n; q++) {
		rc = rte_eth_rx_queue_setup(
			port->id, q, rx_n, (unsigned)socket, NULL, port->lane[q].pool);
		if (rc == 0)
			rc = rte_eth_tx_queue_setup(port->id, q, tx_n, (unsigned)socket, NULL);
		if (rc != 0)
			return failed("queue", rc);
	}
	return true;
}

// The sockets come in the order of the queues.
static void find_wait_fds(struct port *port)
{
	struct wait_fds fds;

	wait_fds_list(&fds);
	if (!(port->quirk->flags & QUIRK_SOCKET_FD) || fds.n < port->queue_n)
		return;
	for (unsigned i = 0; i < port->queue_n; i++)
		port->lane[i].fd = fds.fd[fds.n - port->queue_n + i];
}

static bool start(struct port *port)
{
	int rc = rte_eth_dev_set_mtu(port->id, port->mtu);

	optional("setting the MTU", rc);
	if (port->quirk->flags & QUIRK_TIMERS)
		(void)rte_timer_subsystem_init(); // -EALREADY: by the driver
	rc = rte_eth_dev_start(port->id);
	if (rc != 0)
		return failed("start", rc);
	rc = rte_eth_allmulticast_enable(port->id);
	if (rc != 0 && !(port->quirk->flags & QUIRK_NO_PROMISC))
		rc = rte_eth_promiscuous_enable(port->id);
	optional("receiving multicast", rc);
	find_wait_fds(port);
	return true;
}

bool port_device_start(struct port *port)
{
	return configure(port) && queues_new(port) && start(port);
}

static bool open_device(struct port *port)
{
	int rc = rte_eth_dev_info_get(port->id, &port->info);
	unsigned queues;

	if (rc != 0)
		return failed("facts", rc);
	port->quirk = quirk_of(port->info.driver_name);
	queues = port->info.max_rx_queues;
	if (port->info.max_tx_queues < queues)
		queues = port->info.max_tx_queues;
	if (port->config.queue_max && port->config.queue_max < queues)
		queues = port->config.queue_max;
	port->queue_n = (uint16_t)RTE_MIN(queues, port->worker_n);
	if (port->queue_n == 0)
		port->queue_n = 1;
	port->mtu = mtu_in_effect(port);
	return port_buffers_new(port) && port_device_start(port) && port_steer_new(port);
}

struct port *port_open(const struct port_config *config)
{
	struct port *port = aligned_alloc(RTE_CACHE_LINE_SIZE, sizeof(*port));

	if (!port)
		return NULL;
	memset(port, 0, sizeof(*port));
	port->config = *config;
	port->worker_n = config->worker_n;
	port->id = (uint16_t)rte_eth_find_next(0);
	port->link_up = true;
	if (port->id >= RTE_MAX_ETHPORTS) {
		log_err("port: DPDK has no device");
		free(port);
		return NULL;
	}
	if (!open_device(port)) {
		port_close(port);
		return NULL;
	}
	port_reset_watch(port);
	port_link_check(port);
	return port;
}

void port_close(struct port *port)
{
	if (!port)
		return;
	port_reset_unwatch(port);
	(void)rte_eth_dev_stop(port->id);
	(void)rte_eth_dev_close(port->id);
	port_buffers_free(port);
	free(port->steer);
	free(port);
}

void port_facts(const struct port *port, struct port_facts *facts)
{
	struct rte_eth_link link = {0};

	*facts = (struct port_facts){
		.mtu = port->mtu,
		.queue_n = port->queue_n,
		.tx_offloads = port->tx_offloads,
		.tso = port->tso,
		.steering = port->steering,
	};
	rte_eth_dev_get_name_by_port(port->id, facts->name);
	snprintf(facts->driver, sizeof(facts->driver), "%s", port->info.driver_name);
	(void)rte_eth_macaddr_get(port->id, &facts->mac);
	(void)rte_eth_link_get_nowait(port->id, &link);
	facts->link_up = link.link_status == RTE_ETH_LINK_UP;
	if (link.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN)
		facts->speed_mbps = link.link_speed;
	for (unsigned i = 0; i < port->worker_n; i++) {
		facts->mbuf_free += rte_mempool_avail_count(port->lane[i].pool);
		facts->mbuf_used += rte_mempool_in_use_count(port->lane[i].pool);
	}
}

void port_timers(struct port *port)
{
	if (port->quirk->flags & QUIRK_TIMERS)
		(void)rte_timer_manage();
}

void port_link_check(struct port *port)
{
	struct rte_eth_link link = {0};
	bool up;

	if (rte_eth_link_get_nowait(port->id, &link) != 0)
		return;
	up = link.link_status == RTE_ETH_LINK_UP;
	if (up == port->link_up)
		return;
	port->link_up = up;
	if (up)
		log_notice("port: link is up");
	else
		log_warn(
			"port: link is down; check the cable or, of a virtual interface, that both "
			"ends are up (ip link set ... up)");
}
