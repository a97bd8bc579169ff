// The client side of one worker core: connections, the requests in them, and their answers.
//
//   each turn:  session_event what happened to a connection (the worker asks TCP and tells)
//               session_run   accepts, cuts bytes into requests
//               route_run     request x ring -> queues of store and peers, an answer of our own, an
//                             error (store: dataplane/store/store.h, peers: dataplane/peer/peer.h)
//               settle_run    answers -> votes -> replies, in each client's order -> tcp_send
//   and session_advance by session_next at the latest.
//
// Ownership: the session owns clients and requests. A request on its way through the store is the
// store's until it is in the queue of answered ones. Bytes of requests stay in the mbufs that TCP
// gave; they are given back to TCP (tcp_recv_done) when the store has taken them, so that the
// client's window is the back-pressure.
//
// Limits (struct session_config): clients, requests of all clients, requests and unsent reply bytes
// of one client. At a limit nothing fails: the clients concerned are not read until there is room.
// A request above `bulk_min` bytes is never held whole: it streams through a store connection of
// its own (session/bulk.h).
//
// Error texts that clients see: session/request_error.def; those of the Redis protocol are worded
// by common/proto.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "common/base/compiler.h"
#include "common/base/ip_addr.h"
#include "common/base/mono.h"
#include "common/base/siphash.h"
#include "common/cluster/ring.h"
#include "common/stats/stats.h"
#include "dataplane/session/peer_view.h"
#include "dataplane/session/request.h"
#include "dataplane/tcp/tcp.h"

struct session_config {
	struct ip_addr addr; // of `listen`; any: every own address
	uint16_t port;
	uint16_t peer_port;       // of `dyn_listen`; 0: no peer can connect
	struct ip_addr peer_addr; // likewise
	uint32_t backlog;
	uint32_t clients_max;
	uint32_t requests_max;        // max_msgs, of all clients of this core
	uint32_t client_requests_max; // in flight of one client
	uint32_t peer_requests_max;   // in flight of one peer's connection
	uint32_t peers_max;           // connections from peers
	uint32_t copies_max;          // copies of requests that are on their way
	uint32_t client_buffer;       // reply bytes of one client that wait for TCP
	uint32_t bulk_min;            // a larger request streams; at most half of rcv_buf is used
	uint32_t rcv_buf;             // tcp_config.rcv_buf
	uint64_t value_max;           // max_value_size
	bool memcache;                // the store, the clients and the peers speak its protocol
	struct siphash_key secret;    // answers of replicas are compared by it
	uint64_t linger;              // ns that a connection we end waits for its client's FIN
	uint32_t core;                // this core of `cores`: CLIENT ID is unique among them
	uint32_t cores;
	uint32_t pid;             // for INFO
	struct rte_mempool *big;  // the store's: when it runs low, slow readers are cut off
	struct rte_mempool *pool; // of packets: replies are written into its mbufs
};

// Values of the original or documented ones; port and pool are to be filled in.
struct session_config session_config_default(void);

struct session;

// Listens at once. 0; -EADDRINUSE, -ENOMEM. `tcp`, the pool and `stats` must outlive it.
int session_new(const struct session_config *config, struct tcp *tcp, struct stats *stats,
	struct mono now, struct session **out) MUST_CHECK;

// Resets all clients and frees everything. The store must have been freed before, since requests
// in it are the session's memory.
void session_free(struct session *session);

// The connection is one of ours: tcp_user is a struct conn_user of CONN_OF_SESSION.
void session_event(
	struct session *session, struct tcp_conn *conn, unsigned events, struct mono now);

// Each returns how much there was to do: 0 in an idle turn.
unsigned session_run(struct session *session, struct mono now);
// `ring` NULL: none yet. `view` NULL: nothing is known of peers.
unsigned route_run(struct session *session, const struct ring *ring, const struct peer_view *view,
	struct mono now);
// `answered` is emptied.
unsigned settle_run(struct session *session, struct request_queue *answered, struct mono now);

// Requests for this node's store, in order; store_issue empties it.
struct request_queue *session_issued(struct session *session);
// Those for other nodes (`to`), likewise.
struct request_queue *session_forwarded(struct session *session);

// Timers.
void session_advance(struct session *session, struct mono now);
struct mono session_next(const struct session *session);

// Graceful end: accepts and reads no more, answers what is in flight, then ends each connection.
// Done when session_clients() is 0; the caller decides how long it waits.
void session_drain(struct session *session, struct mono now);
uint32_t session_clients(const struct session *session);

// For tests and leak checks.
struct session_usage {
	uint32_t clients;
	uint32_t requests;
	uint32_t parsers; // clients in the middle of a request
	uint32_t names;
	uint32_t copies;
	uint32_t txns;
};

struct session_usage session_usage(const struct session *session);
