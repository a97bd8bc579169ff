// The state of the peer stage, for the files of this folder only.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/list.h"
#include "common/base/pool.h"
#include "common/base/rng.h"
#include "common/base/siphash.h"
#include "common/proto/dnode.h"
#include "common/proto/dnode_ext.h"
#include "common/proto/memcache.h"
#include "common/proto/resp.h"
#include "dataplane/peer/peer.h"
#include "dataplane/session/conn_user.h"

enum {
	PEER_COPY_MAX = 512,     // shorter pieces of requests and replies are copied
	PEER_FLIGHT_MAX = 16384, // requests in flight on one connection; others wait
	PEER_HEADER_ROOM = 64,   // counted with each request that waits
	PEER_OPEN_BURST = 64,    // connections begun in one tick
	PEER_STUCK_TIMEOUTS = 4, // a connection that is silent for so many is ended
	PEER_HOLD_PART = 4,      // one part in so many of the buffers must be free to hold a reply
	PEER_SLOW_BYTES = 64 * 1024, // a reader that holds others up takes this much ...
	PEER_TABLE_SIZE = 2 * SNAPSHOT_NODES_MAX, // so that a free place is near
	PEER_OTHERS_SCAN = 64, // requests looked at to see whether somebody else waits
};

#define PEER_SLOW_NS NS_PER_SEC              // ... in this time
#define PEER_SLOW_LOW_NS (50 * NS_PER_MS)    // looked at after this one when memory is scarce
#define PEER_TICK_NS (10 * NS_PER_MS)        // how often time-outs are looked for
#define PEER_RATE_AHEAD_NS (100 * NS_PER_MS) // messages of so long may go at once after a pause

enum peer_state {
	PEER_CONN_DOWN,
	PEER_CONN_OPENING,
	PEER_CONN_UP,
};

struct peer;

struct peer_conn {
	struct conn_user user; // first: what tcp_user() points to
	uint8_t state;         // enum peer_state
	bool wanted;           // to be opened again when it is down
	bool silent;           // has answered nothing for the time-out of a request
	bool late;             // TCP gets no acknowledgement
	bool eof;              // nothing follows what TCP still has
	bool in_reply;         // the header was taken
	bool is_stray;         // the reply is to nothing in flight
	bool is_ours;          // its answers show that it is not an original node
	uint32_t caps;         // of one of ours, enum dnode_cap
	struct peer *peer;
	struct tcp_conn *tcp;
	struct list place; // in `busy` while there are requests or it is being opened, or in `down`
	struct list ready; // something is to be done in the next turn
	struct request_queue wait;   // not handed to TCP
	struct request_queue flight; // in the order of replies
	struct request *due;         // first of flight that was not told of a time-out
	uint64_t next_id;            // of the next request that is sent; those in flight end here
	uint64_t taken;              // requests that ever came here
	uint64_t over;               // those of them up to which all are over
	uint64_t over_late;  // over out of their order, to be counted when nothing is in flight
	struct rte_mbuf *in; // received and not parsed, linked by next
	uint32_t in_off;     // of its first segment
	uint32_t slow_base;
	struct client *slow; // who keeps us from reading
	struct mono slow_since;
	struct mono heard_at; // last byte
	struct mono excused;  // until then its requests waited for the one client that has them all
	struct mono open_by;
	struct mono rate_at; // when the messages sent so far would all have been due
	struct dnode_parser header;
	union { // what both begin with may be looked at in either
		struct resp_reply_parser reply;
		struct memcache_reply_parser memcache;
	};
};

// Which connection a client's requests take: its own, or while that is down another, until what it
// has there is over.
struct peer_slot {
	uint32_t at;   // index of the connection
	uint64_t mark; // its `taken` after the last request
};

struct peer {
	struct peers *peers;
	struct list gone; // linked: not in the ring any more
	struct peer_conn *conn[PEER_CONNS_MAX];
	struct peer_slot slot[PEER_CONNS_MAX];
	uint32_t conn_n;
	uint32_t node; // index in the snapshot
	uint8_t health;
	bool same_dc;
	bool found_down; // the last attempt failed
	uint16_t port;
	uint32_t failures; // in a row, without an answer
	uint32_t rtt;      // us
	struct mono retry_at;
	uint64_t bytes; // that wait, with room for headers
	struct ip_addr addr;
	uint64_t num[PEER_NUM_N]; // counters only
	char host[SNAPSHOT_HOST_MAX];
};

struct peers {
	struct peers_config config;
	struct tcp *tcp;
	struct stats *stats;
	struct rng rng;
	struct pool pool;
	struct pool conns;
	struct siphash_key key;
	struct peer **slots;   // by index in `pool`; NULL: free
	struct peer **by_node; // SNAPSHOT_NODES_MAX
	uint16_t *table;       // by host and port, while a ring is taken over
	struct list busy;
	struct list down; // wanted, not connected, with an address
	struct list gone;
	struct list ready;
	struct request_queue answered;
	struct rte_mbuf *spare; // so that a part of a reply can always be passed on
	uint64_t timeout;       // ns, without what is added for peers; 0: for ever
	uint64_t rate_cost;     // ns a message; 0: no limit
	struct mono tick_at;
	struct mono retry_at; // first of those in `down`
	bool roomy;           // half of the buffers are free
	struct peer_view view;
};

// Rows of stats.def that are told apart by datacentre: [same_dc].
struct peer_rows {
	enum stat_id in_queue;
	enum stat_id in_queue_bytes;
	enum stat_id out_queue;
	enum stat_id dropped;
	enum stat_id timedout;
	enum stat_id conn_timedout;
	enum hist latency;
	enum hist queue_wait;
};

extern const struct peer_rows peer_rows[2];

static inline const struct peer_rows *peer_rows_of(const struct peer *peer)
{
	return &peer_rows[peer->same_dc];
}

static inline void peer_count(struct peer *peer, enum peer_num num)
{
	peer->num[num]++;
}

// --- peer_conn.c: life of a connection

void peer_conn_init(struct peer_conn *c, struct peer *peer);
// Begins to connect, or fails at once.
void peer_conn_open(struct peer_conn *c, struct mono now);
void peer_conn_is_up(struct peer_conn *c, struct mono now);

enum peer_end {
	PEER_END_EOF,      // closed by the peer
	PEER_END_TCP,      // reset, refused, unreachable, or no memory to open it
	PEER_END_STUCK,    // not there in time, or nothing came for too long
	PEER_END_NONSENSE, // bytes that make no sense
	PEER_END_OURS,     // no fault of the peer's
};

// Ends it: all requests on it fail.
void peer_conn_end(struct peer_conn *c, enum peer_end why, struct mono now);

// Puts it where its state says.
void peer_conn_place(struct peer_conn *c);
// Looks at it in the next turn.
void peer_conn_ready(struct peer_conn *c);
// The client of the next reply takes no more: reading would only fill memory.
bool peer_conn_is_paused(const struct peer_conn *c);
// Requests of others than `client` are in the queue, near its head.
bool peer_has_others(const struct request_queue *q, const struct client *client);

static inline uint32_t peer_conn_load(const struct peer_conn *c)
{
	return c->wait.n + c->flight.n;
}

static inline uint64_t peer_conn_head_id(const struct peer_conn *c)
{
	return c->next_id - c->flight.n;
}

// What routing is to know.
void peer_judge(struct peer *peer);
// Whether TCP still waits; requests that others may answer are shown to the session.
void peer_conn_check_late(struct peer_conn *c);

// --- peer_queue.c: in and out of the queues; what becomes of a request

void peer_enqueue(struct peer_conn *c, struct request *r);
// To be sent next; or not to be sent at all.
struct request *peer_dequeue(struct peer_conn *c);
struct request *peer_dequeue_over(struct peer_conn *c);
void peer_to_flight(struct peer_conn *c, struct request *r);
// The oldest in flight is over.
struct request *peer_from_flight(struct peer_conn *c);
// The stage is done with it: one without a client is freed by settle_run, like all others.
void peer_let_go(struct peers *peers, struct request *r);
// Not answered yet: the answer is an error.
void peer_fail(struct peer *peer, struct request *r, enum request_error error);
// Both.
void peer_refuse(struct peer *peer, struct request *r, enum request_error error);

// --- peer_update.c
void peers_reap(struct peers *peers, struct mono now);

// --- peer_out.c, peer_in.c: once a turn
void peer_write(struct peer_conn *c, struct mono now, unsigned *work);
// False when the connection ended.
bool peer_read(struct peer_conn *c, struct mono now, unsigned *work);

// --- peer_time.c
void peer_expire(struct peer_conn *c, struct mono now);

// ns that a request to this peer may take; 0: for ever
static inline uint64_t peer_timeout(const struct peer *peer)
{
	const struct peers *peers = peer->peers;

	return (peers->timeout > 0 ? peers->timeout : peers->config.no_timeout) +
		(peer->same_dc ? peers->config.local_extra : peers->config.remote_extra);
}
