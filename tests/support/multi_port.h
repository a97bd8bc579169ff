// A network card with several queues that spreads flows by RSS, in this process: the device is
// net_null, whose key and table are set and read back through ethdev as those of any card, and
// callbacks on its queues are the wires. It hashes with DPDK's library, not with our code, and can
// be told to do otherwise than it says.
//
// One at a time; single-threaded.
#pragma once

#include <stdbool.h>

#include <rte_mbuf.h>

#include "dataplane/port/port.h"

enum multi_port_kind {
	MULTI_PORT_HONEST,
	MULTI_PORT_SILENT,    // right, but does not put the hash into the mbuf
	MULTI_PORT_OTHER_KEY, // hashes with another key than it says
	MULTI_PORT_LIES,      // spreads as it says, but another hash stands in the mbuf
	MULTI_PORT_SPRAYS,    // each packet comes by any queue
	MULTI_PORT_CUTS,      // large IPv4 packets come in fragments, by the queue of bucket 0
};

struct multi_port;

// Makes the device, which port_open then finds. The EAL was started without one.
struct multi_port *multi_port_new(enum multi_port_kind kind);

// After port_open.
void multi_port_start(struct multi_port *mp, struct port *port);

// Before port_close: the wires are taken off. Afterwards: the device is gone.
void multi_port_stop(struct multi_port *mp);
void multi_port_free(struct multi_port *mp);

// A frame comes in from outside. Takes it; what a full queue has no room for is lost.
void multi_port_in(struct multi_port *mp, struct rte_mbuf *frame);

// Frames that were sent, copied into mbufs of `pool`; all queues, oldest first.
unsigned multi_port_out(
	struct multi_port *mp, struct rte_mempool *pool, struct rte_mbuf **frames, unsigned n);
