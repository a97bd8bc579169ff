// One worker core: everything a packet meets between the port's receive and transmit queue, and the
// loop around it. worker.c is the place to read first.
//
// A worker shares nothing with another one. What one core must hand to another (packets that belong
// to a connection there, ARP and neighbour discovery answers) goes through an rte_ring of the
// receiver.
//
// Made and freed by the main thread while no worker runs; worker_run is the worker's thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/stats/stats.h"
#include "dataplane/clock.h"
#include "dataplane/link/link.h"
#include "dataplane/net/net.h"
#include "dataplane/peer/peer.h"
#include "dataplane/port/port.h"
#include "dataplane/session/session.h"
#include "dataplane/store/store.h"
#include "dataplane/tcp/tcp.h"

// Time that clients get at a graceful end.
#define WORKER_DRAIN_NS (5 * NS_PER_SEC)

struct worker_config {
	unsigned id; // 0..worker_n-1
	unsigned worker_n;
	struct port *port;
	bool adaptive; // `poll: adaptive`
	struct net_config net;
	struct tcp_config tcp;
	struct session_config session;
	struct store_config store;
	struct peers_config peers;
};

struct worker;

// NULL on error, which is in the log. `clock` must outlive it.
struct worker *worker_new(const struct worker_config *config, const struct clock *clock) MUST_CHECK;
void worker_free(struct worker *worker);

// All workers of the process, before they run: each may hand packets to any other.
void worker_join(struct worker *const *workers, unsigned n);

// Runs until worker_stop, on the calling thread, which gets the name "worker-N". `link` gives the
// snapshots.
void worker_run(struct worker *worker, struct link *link);

// From any thread: answer what is under way, end all connections, and return from worker_run once
// all workers have, after WORKER_DRAIN_NS at the latest. Stop all of them.
void worker_stop(struct worker *worker);

const struct stats *worker_stats(const struct worker *worker);
// From the main thread, now and then, for worker 0: what the device lost goes into its figures.
void worker_count_device(struct worker *worker);

// A glance from the main thread: whole values, but not of one instant.
struct worker_usage {
	uint32_t requests;
	uint32_t requests_max;
};

struct worker_usage worker_usage(const struct worker *worker);
