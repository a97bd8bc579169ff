// The store hop of one worker core: requests of all its clients share a few pipelined connections
// to this node's Redis, with one write and one read call per connection and turn.
//
//   each turn:  store_issue  requests -> the connections' queues
//               store_poll   writes what is queued, reads, matches replies with requests in order
//   and store_advance by store_next at the latest: time-outs, reconnects, slow readers.
//
// Connections are non-blocking sockets of the kernel, unix or TCP: those system calls are the only
// ones made here. Ownership: a request that was issued comes back in store_answered(), once for
// good and perhaps before that with part of its reply; the store frees none.
//
// A client's requests in flight go down one connection, which keeps their order. A request that
// streams (REQUEST_BULK) gets a connection that serves nobody else meanwhile.
//
// A client that takes a long reply slowly would hold up all that share its connection: that one
// becomes its own, and the others go on over a new one. When there are `slow` of those, who
// holds others up is cut off.
//
// Errors: when the store is away requests fail at once (REQUEST_ERROR_STORE); so do those in flight
// on a connection that ends, or that says what nobody asked for. A request that is not answered in
// time fails alone, with the same text as in the original.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "common/base/compiler.h"
#include "common/base/mono.h"
#include "common/cluster/snapshot.h"
#include "common/stats/stats.h"
#include "dataplane/idle.h"
#include "dataplane/session/request.h"

#define STORE_LANES_MAX 32 // shared connections
#define STORE_BULK_MAX 16  // connections for requests that stream
#define STORE_SLOW_MAX 512 // connections that a slow client keeps for itself

struct store_config {
	const char *address;      // "/path/of/socket", or an IP address; copied
	uint16_t port;            // of an IP address
	uint32_t lanes;           // datastore_connections; at least 2 are made
	uint32_t bulk;            // requests that stream at once
	uint32_t slow;            // clients that may hold a connection up
	bool preconnect;          // connect at start, not with the first request
	bool auto_eject;          // auto_eject_hosts
	uint32_t failure_limit;   // server_failure_limit
	uint64_t retry_timeout;   // ns, server_retry_timeout
	uint32_t client_buffer;   // as of the session
	uint64_t value_max;       // as of the session
	bool memcache;            // as of the session
	struct rte_mempool *pool; // of packets
	struct rte_mempool *big;  // data room of mbuf_size: what is read and written
};

struct store_config store_config_default(void);

struct store;

// 0; -EINVAL for an address that is none, -ENOMEM.
int store_new(const struct store_config *config, struct stats *stats, struct mono now,
	struct store **out) MUST_CHECK;

// Closes all connections. Requests that were in them are forgotten, not answered.
void store_free(struct store *store);

// Takes all requests of `issued`. `snapshot` says how long they may take.
void store_issue(struct store *store, struct request_queue *issued, const struct snapshot *snapshot,
	struct mono now);

// Returns how much there was to do: 0 in an idle turn.
unsigned store_poll(struct store *store, struct mono now);

// What settle_run empties.
struct request_queue *store_answered(struct store *store);

void store_advance(struct store *store, struct mono now);
struct mono store_next(const struct store *store);

// Descriptors to wait for when there is nothing to do. Returns how many.
unsigned store_fds(const struct store *store, struct idle_fd *fds, unsigned max);

// For tests, leak checks and REST.
struct store_usage {
	uint32_t connected; // shared connections that are up
	uint32_t bulk;      // streaming ones that are open
	uint32_t slow;      // those of slow clients
	uint32_t waiting;   // requests not written yet
	uint32_t in_flight; // written and not answered yet
	bool ejected;
};

struct store_usage store_usage(const struct store *store);
