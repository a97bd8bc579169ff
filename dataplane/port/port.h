// The network port: one ethdev, whatever drives it, with a receive and a transmit queue for each
// worker as far as the device has them, and the packet buffers of all workers.
//
// Offloads are what the device has of what we want; a feature that it lacks (-ENOTSUP) is done in
// software or left out, and said once in the log. Drivers' oddities are rows of quirk.def.
//
// Which worker a packet belongs to is computed from its addresses and ports (dataplane/net/steer.h)
// and from nothing else; whoever receives another's hands it over (port_keep_own). Where the device
// says its hash key and table, these are what it is computed with, so that packets come to their
// owner at once; else a key and table of our own, which make most packets change cores. With one
// worker nothing is computed. Frames of workers without a queue leave through another's.
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
#include "dataplane/net/steer.h"
#include "dataplane/net/tso.h"

#define PORT_NAME_MAX 64

struct port_config {
	unsigned worker_n;
	uint16_t queue_max; // 0: as many as the device has, and workers
	uint16_t mtu;       // of IP packets
	uint16_t vlan;      // 0: untagged
	uint64_t memory;    // bytes of all packet buffers
	uint16_t big_room;  // data room of the buffers that store replies are read into
};

enum port_steering {
	PORT_STEER_NONE,     // one worker has all
	PORT_STEER_SOFTWARE, // by a hash of our own
	PORT_STEER_DEVICE,   // by the device's key and table
};

struct port_facts {
	char name[PORT_NAME_MAX];
	char driver[PORT_NAME_MAX];
	struct rte_ether_addr mac;
	uint16_t mtu; // as it is in effect
	uint16_t queue_n;
	uint64_t tx_offloads; // RTE_ETH_TX_OFFLOAD_* in effect
	struct tso_limits tso;
	enum port_steering steering;
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

// Now and then, with all workers' packets and, of them, those that came by another queue than the
// key and table say (STAT_rx_misrouted): says so, once, when the device does not keep to them.
void port_steer_check(struct port *port, uint64_t packets, uint64_t misrouted);

// Now and then, on the main thread: adds what the device has lost since the last call to the rows
// device_* of `stats`, if it says so. May ask the device: not for a worker.
void port_count(struct port *port, struct stats *stats);

// Now and then, on the thread that opened the port: what its driver does by time.
void port_timers(struct port *port);

// Now and then, on the thread that opened the port: resets the device and starts it again when it
// has asked for that, while workers receive and send nothing; connections live on. What workers
// must do for it is go on calling port_rx. False: that failed, and nothing will be received any
// more.
bool port_recover(struct port *port) MUST_CHECK;

// Who owns which flow. NULL: the one worker has all.
const struct steer *port_steer(const struct port *port);

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

#define PORT_FDS_MAX 2

// Descriptors that become readable when packets come, from the device or from other workers.
// Returns how many; 0 when not all that may come would make one readable.
unsigned port_wait_fds(const struct port *port, unsigned worker, int fds[PORT_FDS_MAX]);

// Around the wait for these. False: something is there already, don't sleep.
bool port_sleep(struct port *port, unsigned worker);
void port_wake(struct port *port, unsigned worker);

// From another worker: something else than packets waits for that one, which may sleep.
void port_call(struct port *port, unsigned worker);
