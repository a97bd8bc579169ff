// The state of a port, for the files of this folder only.
#pragma once

#include <rte_ethdev.h>
#include <rte_ring.h>

#include "dataplane/port/cores.h"
#include "dataplane/port/port.h"
#include "dataplane/port/quirk.h"

#define PORT_NO_QUEUE UINT16_MAX

// What belongs to one worker.
struct port_lane {
	uint16_t queue;      // PORT_NO_QUEUE: frames leave through tx_through
	uint16_t tx_through; // the worker whose queue serves this one
	int fd;
	struct rte_mempool *pool;
	struct rte_mempool *big;
	struct rte_ring *segs; // handed over by other workers; only with fewer queues than workers
	struct rte_ring *tx;   // frames of workers without a queue
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
	struct rte_eth_dev_info info;
	const struct quirk *quirk;
	struct port_config config;
	struct port_lane lane[CORES_MAX];
};

// Pools and rings. False: said in the log.
bool port_buffers_new(struct port *port) MUST_CHECK;
void port_buffers_free(struct port *port);
