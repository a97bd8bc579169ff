// The state of a port, for the files of this folder only.
#pragma once

#include <rte_ethdev.h>
#include <rte_ring.h>

#include "dataplane/net/steer.h"
#include "dataplane/port/cores.h"
#include "dataplane/port/port.h"
#include "dataplane/port/quirk.h"

#define PORT_NO_QUEUE UINT16_MAX
#define PORT_RSS_KEY_MAX 64

// What belongs to one worker.
struct port_lane {
	uint16_t queue;      // PORT_NO_QUEUE: frames leave through tx_through
	uint16_t tx_through; // the worker whose queue serves this one
	int fd;
	struct rte_mempool *pool;
	struct rte_mempool *big;
	struct rte_ring *segs; // handed over by other workers; only when there are others
	struct rte_ring *tx;   // frames of workers without a queue; only with fewer queues
	int bell;              // wakes the worker when something comes by these; -1: none
	bool asleep;           // atomic
	uint32_t halt_seen;    // atomic: the last halt that its worker keeps to
} __rte_cache_aligned;

struct port {
	uint16_t id;
	uint16_t queue_n;
	uint16_t mtu;
	uint16_t segs_max;     // of one frame that is sent
	struct tso_limits tso; // of a packet that the device makes frames of
	unsigned worker_n;
	uint64_t tx_offloads;
	bool link_up;
	bool reset_due; // atomic: the device has asked for it
	uint32_t halt;  // atomic: odd while no worker may touch the device; counts on
	bool hashes4;   // the device spreads such packets by their ports
	bool hashes6;
	bool misrouted_said;
	bool key_made;
	uint8_t key[PORT_RSS_KEY_MAX];
	uint64_t packets_seen; // by port_steer_check
	uint64_t misrouted_seen;
	enum port_steering steering;
	struct steer *steer; // NULL: one worker
	struct rte_eth_dev_info info;
	struct rte_eth_stats counted; // what the device said last
	const struct quirk *quirk;
	struct port_config config;
	struct port_lane lane[CORES_MAX];
};

// From a device without queues to one that receives. False: said in the log.
bool port_device_start(struct port *port) MUST_CHECK;

// Hears when the device asks for a reset; and no more.
void port_reset_watch(struct port *port);
void port_reset_unwatch(struct port *port);

// For a worker, each time before it touches the device: whether it must not. It then does not until
// this says otherwise.
static inline bool port_halted(struct port *port, unsigned worker, struct stats *stats)
{
	struct port_lane *lane = &port->lane[worker];
	uint32_t halt = __atomic_load_n(&port->halt, __ATOMIC_ACQUIRE);

	if (likely((halt & 1) == 0))
		return false;
	if (worker == 0 && lane->halt_seen != halt)
		stat_inc(stats, STAT_port_resets);
	__atomic_store_n(&lane->halt_seen, halt, __ATOMIC_RELEASE);
	return true;
}

// RSS in what the device is configured with; once it has started, who gets what.
void port_rss_configure(struct port *port, struct rte_eth_conf *conf);
bool port_steer_new(struct port *port) MUST_CHECK;

// After a reset, by which connections do not change their owners: the table as it was.
void port_steer_again(struct port *port);

// Adds what the device counted since `seen`, which follows it. A reset lets it begin at 0 again.
void port_count_as(
	const struct rte_eth_stats *device, struct rte_eth_stats *seen, struct stats *stats);

// Something was put into a ring of that worker. It may be asleep, or about to be.
void port_ring_bell(struct port_lane *lane);

// Pools and rings. False: said in the log.
bool port_buffers_new(struct port *port) MUST_CHECK;
void port_buffers_free(struct port *port);
