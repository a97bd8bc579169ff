// The peers of one worker core: requests for other nodes go out over few pipelined connections of
// our own TCP to each of them, in the dnode protocol (common/proto/dnode.h, dynomite.md §4).
//
//   each turn:  peers_issue  requests -> the queues of connections
//               peers_event  what happened to a connection (the worker asks TCP and tells)
//               peers_poll   what came is read and matched; what is queued leaves, a turn's
//               requests
//                            in one train of segments
//   and peers_advance by peers_next at the latest: time-outs, connecting, back-off.
//
// Ownership: as with the store (dataplane/store/store.h): a request that was issued comes back in
// peers_answered() once for good, and, if it is no copy, before that perhaps with a part of its
// reply. None is freed here. Bytes are copied when short and referenced when long; they are dropped
// when they were handed to TCP, but for REQUEST_KEEP.
//
// Order: a client's requests to one peer go down one connection while any is in flight (its slot of
// `connections`), so they are carried out in its order. Ids increase per connection; replies come
// in the order of requests. An id below the oldest is dropped; one beyond it fails those before it
// (dynomite.md §4.3). Anything that makes no sense ends the connection, and fails what is in
// flight.
//
// Each request fails alone when its time is over: REQUEST_DONE with REQUEST_ERROR_PEER_LOST, and
// REQUEST_HELD until its place in the order has passed, when it comes back for good. Its time runs
// while it waits, and anew from when it was handed to TCP. A peer that is away, or does not take
// what we send, costs nobody else anything: bytes that wait for one peer are bounded, beyond that
// its requests fail at once. A client that takes a long reply slowly holds up others no longer than
// the store lets him (store_time.c).
//
// Errors: REQUEST_ERROR_PEER_AWAY was never sent, so surely not carried out.
// REQUEST_ERROR_PEER_LOST was sent: unknown. REQUEST_ERROR_REPLY_TOO_BIG was carried out; its reply
// is to be held whole (REQUEST_HOLD) and there is no memory for it. REQUEST_ERROR_TOO_BIG: a
// request that is not whole.
//
// A peer that fails is left alone for a while that doubles, with chance in it, until it answered a
// request. A connection that has answered nothing for the time-out of a request gets no more of
// them until it does; after four it is ended. Meanwhile the peer counts as down.
//
// Peers are known by host and port across snapshots: a new epoch keeps connections of those that
// stay. Nodes that went get no new requests; what is on its way to them may still be answered, then
// their connections end. A node with another address or datacentre is another.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "common/base/compiler.h"
#include "common/base/mono.h"
#include "common/cluster/ring.h"
#include "common/stats/peer_info.h"
#include "common/stats/stats.h"
#include "dataplane/session/peer_view.h"
#include "dataplane/session/request.h"
#include "dataplane/tcp/tcp.h"

#define PEER_CONNS_MAX 8 // of one core to one peer

struct peers_config {
	uint32_t local_connections;  // local_peer_connections: to each peer of the own datacentre
	uint32_t remote_connections; // remote_peer_connections
	uint32_t msg_rate;        // conn_msg_rate: a second, on a connection to another datacentre
	uint32_t peers_max;       // nodes of a snapshot that get connections
	uint64_t bytes_max;       // that wait for one peer
	uint32_t requests_max;    // that one peer has not answered
	uint64_t client_buffer;   // as of the session: what a streamed reply may hold unsent
	uint64_t value_max;       // as of the session
	bool memcache;            // as of the session
	uint64_t connect_timeout; // ns
	uint64_t retry_first;     // ns, first pause after a failure; doubles
	uint64_t retry_max;       // ns
	uint64_t no_timeout;   // ns instead of timeout_ms 0: a store may take for ever, a peer not
	uint64_t local_extra;  // ns beyond the snapshot's timeout_ms: 200 ms, as in the original
	uint64_t remote_extra; // 5 s
	uint64_t seed;         // of the chance in pauses
	bool preconnect;
	struct rte_mempool *pool;
};

// Values of the original or documented ones; pool, seed, client_buffer are to be filled in.
struct peers_config peers_config_default(void);

struct peers;

// `tcp`, `stats` and the pool must outlive it. 0 or -ENOMEM.
int peers_new(const struct peers_config *config, struct tcp *tcp, struct stats *stats,
	struct mono now, struct peers **out) MUST_CHECK;
// Resets all connections. Requests that were in them are forgotten, not answered.
void peers_free(struct peers *peers);

// A ring that is not the one of the last call (by epoch): who is there now. Cheap when it is.
void peers_update(struct peers *peers, const struct ring *ring, struct mono now);

// Takes all requests of `issued`; to.node of each is a node of `ring`.
void peers_issue(struct peers *peers, struct request_queue *issued, const struct ring *ring,
	struct mono now);

// The connection is one of ours (tcp_user is a struct conn_user of CONN_OF_PEER).
void peers_event(struct peers *peers, struct tcp_conn *conn, unsigned events, struct mono now);

// Returns how much there was to do: 0 in an idle turn.
unsigned peers_poll(struct peers *peers, struct mono now);

struct request_queue *peers_answered(struct peers *peers);

// For routing; valid as long as `peers`.
const struct peer_view *peers_view(const struct peers *peers);

void peers_advance(struct peers *peers, struct mono now);
struct mono peers_next(const struct peers *peers);

struct peers_usage {
	uint32_t peers;
	uint32_t connected; // connections that are up
	uint32_t waiting;   // requests not handed to TCP yet
	uint32_t in_flight;
	uint64_t bytes; // that wait, with what their headers may take
};

struct peers_usage peers_usage(const struct peers *peers);

// Going through all peers of this core, a portion a call, while they come and go: fills `out` with
// up to `max` from slot `from` on, in the order of slots, and says in *next where to go on
// (PEERS_INFO_END: nothing further). Returns how many there are in `out`, which may be none before
// the end.
#define PEERS_INFO_SCAN 256 // slots looked at in one call, at most
#define PEERS_INFO_END UINT32_MAX
uint32_t peers_info_page(const struct peers *peers, uint32_t from, uint32_t max, struct mono now,
	struct peer_info *out, uint32_t *next);
