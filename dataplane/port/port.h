// The network port: one ethdev, whatever drives it, with a receive and a transmit queue for each
// worker as far as the device has them, and the packet buffers of all workers.
//
// Offloads are what the device has of what we want; a feature that it lacks (-ENOTSUP) is done in
// software or left out, and said once in the log. Drivers' oddities are rows of quirk.def.
//
// Which worker a packet belongs to: with a queue for each worker, the one whose queue it came by
// (the device keeps a flow on one queue). With fewer queues than workers, segments are spread by a
// hash of their addresses and ports (port_keep_own), and frames of workers without a queue leave
// through another's.
//
// Ownership: the main thread opens, watches and closes it. The functions that take a worker's
// number are that worker's alone.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_ether.h>
#include <rte_mbuf.h>

#include "common/base/compiler.h"
#include "common/base/ip_addr.h"
#include "common/stats/stats.h"
#include "dataplane/net/tso.h"

#define PORT_NAME_MAX 64

struct port_config {
	unsigned worker_n;
	uint16_t mtu;      // of IP packets
	uint16_t vlan;     // 0: untagged
	uint64_t memory;   // bytes of all packet buffers
	uint16_t big_room; // data room of the buffers that store replies are read into
};

struct port_facts {
	char name[PORT_NAME_MAX];
	char driver[PORT_NAME_MAX];
	struct rte_ether_addr mac;
	uint16_t mtu; // as it is in effect
	uint16_t queue_n;
	uint64_t tx_offloads; // RTE_ETH_TX_OFFLOAD_* in effect
	struct tso_limits tso;
	bool link_up;
	uint32_t speed_mbps; // 0: unknown
	uint32_t mbuf_used;
	uint32_t mbuf_free;
};

struct port;

// Opens the only device that the EAL has. NULL: what is wrong and what to do about it is in the
// log.
struct port *port_open(const struct port_config *config) MUST_CHECK;

// Stops and closes it; all mbufs must be free or are lost with their pools.
void port_close(struct port *port);

// As it is now. Cheap, but may ask the device: not for a worker.
void port_facts(const struct port *port, struct port_facts *facts);

// Logs a change of the link since the last call.
void port_link_check(struct port *port);

// --- workers

// For packets: headroom and a whole frame.
struct rte_mempool *port_pool(const struct port *port, unsigned worker);
// With room for big_room bytes.
struct rte_mempool *port_big_pool(const struct port *port, unsigned worker);

// Takes a burst. Also lets out what workers without a queue gave to this one.
unsigned port_rx(struct port *port, unsigned worker, struct rte_mbuf **frames, unsigned n,
	struct stats *stats);

// Returns how many it took; the caller keeps the rest for later.
unsigned port_tx(struct port *port, unsigned worker, struct rte_mbuf **frames, unsigned n,
	struct stats *stats);

// At the end of a worker: lets out what workers without a queue have given to this one.
void port_flush(struct port *port, unsigned worker, struct stats *stats);

// Hands segments (mtod at the IP header, l3_len set) that belong to other workers over to these,
// and moves this worker's own to the front. Returns how many those are.
unsigned port_keep_own(struct port *port, unsigned worker, struct rte_mbuf **segs, unsigned n,
	struct stats *stats);

// Segments that other workers handed over.
unsigned port_take_handed_over(
	struct port *port, unsigned worker, struct rte_mbuf **segs, unsigned n);

// A descriptor that becomes readable when packets come; -1 when there is none.
int port_wait_fd(const struct port *port, unsigned worker);
