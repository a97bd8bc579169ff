// The state of the store hop, for the files of this folder only.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/proto/memcache.h"
#include "common/proto/resp.h"
#include "dataplane/store/address.h"
#include "dataplane/store/backoff.h"
#include "dataplane/store/out.h"
#include "dataplane/store/store.h"

enum {
	STORE_OUT_MAX = 512 * 1024,   // bytes of a connection that wait for the socket
	STORE_COPY_MAX = 512,         // shorter parts of replies are copied
	STORE_READ_ROOM_MIN = 2048,   // a buffer with less room is not read into
	STORE_SLOW_BYTES = 64 * 1024, // a reader that holds others up takes this much ...
	STORE_HOLD_PART = 4,          // of the buffers must be free to hold a large reply
	STORE_HELD_TICKS = 5,         // a lane is held up for so long, then it is left behind
	STORE_IDLE_TICKS = 20,        // the same, while nobody waits
	STORE_STUCK_TIMEOUTS = 4,     // a connection that is silent for so many is ended
};

#define STORE_SLOW_NS NS_PER_SEC              // ... in this time
#define STORE_SLOW_LOW_NS (50 * NS_PER_MS)    // looked at after this one when memory is scarce
#define STORE_BULK_STALL_NS (10 * NS_PER_SEC) // no byte of a large request, while others wait
#define STORE_CONNECT_NS (5 * NS_PER_SEC)     // until a connection must be there
#define STORE_LOOK_NS (10 * NS_PER_MS)        // how often an idle connection is looked at
#define STORE_SHORT_NS NS_PER_SEC             // a connection that lives no longer is a failure
#define STORE_TICK_NS (1 * NS_PER_MS)         // how often time-outs are looked for

enum store_state {
	STORE_DOWN,
	STORE_CONNECTING,
	STORE_UP,
};

struct store_conn {
	struct store *store;
	int fd;
	enum store_state state;
	bool is_bulk;
	bool is_slow;
	uint8_t held_ticks;          // the lane was held up for so long
	struct request_queue wait;   // not copied to `out` yet
	struct request_queue flight; // in the order of replies
	struct request *unsent;      // first of flight that is not all written
	struct request *due;         // first of flight that is not told of a time-out
	uint64_t put;                // bytes that ever went into `out`
	uint64_t written;
	uint64_t answered; // those of requests that are answered
	struct out out;
	struct rte_mbuf *in;      // being read into and parsed
	struct rte_mbuf *in_more; // what did not fit
	uint32_t in_off;          // parsed up to here
	struct rte_mbuf *part[2]; // so that a part of a reply can always be passed on
	union {                   // what both begin with may be looked at in either
		struct resp_reply_parser parser;
		struct memcache_reply_parser memcache;
	};
	struct mono read_at; // last look at the socket
	struct mono excused; // until then its requests waited for the one client that has them all
	struct mono progress_at; // last byte read; of a bulk connection, also written
	struct mono connect_by;
	struct mono up_at;
	struct client *slow; // who keeps us from reading
	struct mono slow_since;
	uint32_t slow_base;
};

struct store {
	struct store_config config;
	struct store_address address;
	struct stats *stats;
	struct backoff backoff;
	struct request_queue answered;
	struct request_queue bulk_wait;
	uint64_t timeout; // ns, 0: for ever
	struct mono tick_at;
	bool wanted; // there was a request
	bool roomy;  // half of the buffers are free
	uint32_t lane_n;
	uint32_t bulk_n;
	uint32_t slow_used; // no slot from here on is in use
	struct store_conn lane[STORE_LANES_MAX];
	struct store_conn bulk[STORE_BULK_MAX];
	struct store_conn slow[STORE_SLOW_MAX]; // lanes that a slow client keeps
};

// --- store_conn.c: life of a connection

void store_conn_init(struct store_conn *c, struct store *store, bool is_bulk);
// Begins to connect, or fails at once.
void store_conn_open(struct store_conn *c, struct mono now);
// While connecting: looks whether it is there.
void store_conn_check(struct store_conn *c, struct mono now);

enum store_end {
	STORE_END_EOF,   // closed by the store
	STORE_END_ERROR, // an error of the socket, or bytes that make no sense
	STORE_END_OURS,  // no fault of the store's
};

// Ends it: all requests on it fail.
void store_conn_fail(struct store_conn *c, enum store_end why, struct mono now);

// Bytes up to here no longer wait for an answer.
static inline void store_conn_answered(struct store_conn *c, uint64_t end)
{
	stat_add(c->store->stats, STAT_out_queue_bytes, c->answered - end);
	c->answered = end;
}

static inline uint32_t store_conn_load(const struct store_conn *c)
{
	return c->wait.n + c->flight.n;
}

// Its client takes no more: reading would only fill memory.
bool store_conn_is_paused(const struct store_conn *c);
// Requests of other clients are in the queue, near its head.
bool store_has_others(const struct request_queue *q, const struct client *client);
// What is written to it now will be answered late.
bool store_conn_is_held(const struct store_conn *c);

// --- store_write.c, store_read.c: one system call each. False when the connection ended.
bool store_write(struct store_conn *c, struct mono now, unsigned *work);
bool store_read(struct store_conn *c, struct mono now, unsigned *work);

// In and out of `wait`, or of the store's queue of large requests.
void store_enqueue(struct store *store, struct request_queue *q, struct request *r);
struct request *store_dequeue(struct store *store, struct request_queue *q);

// The store is done with it: an orphan is freed by settle_run, like all others.
void store_let_go(struct store *store, struct request *r);
// The same, with an error as the answer if there is none yet.
void store_refuse(struct store *store, struct request *r);

// --- store_bulk.c
void store_bulk_poll(struct store *store, struct mono now, unsigned *work);

// --- store_slow.c
void store_slow_check(struct store *store, struct mono now);
void store_slow_poll(struct store *store, struct mono now, unsigned *work);

// A client's connection as it notes it: a lane, or behind those a slow one.
static inline uint16_t store_place(const struct store *store, const struct store_conn *c)
{
	return (uint16_t)(c->is_slow ? STORE_LANES_MAX + (c - store->slow) : c - store->lane);
}

static inline struct store_conn *store_at(struct store *store, uint16_t place)
{
	return place < STORE_LANES_MAX ? &store->lane[place]
				       : &store->slow[place - STORE_LANES_MAX];
}

// --- store_time.c
void store_expire(struct store_conn *c, struct mono now);
void store_expire_queue(
	struct store *store, struct request_queue *q, struct mono excused, struct mono now);
