// One request of a client: what was asked, where it is on its way, and what was answered.
//
// It is known by two: by its client, in whose order it is settled (REQUEST_OF_CLIENT), and by the
// store or peer while a reply is due (REQUEST_HELD). Those never free one: they put all that they
// are done with into a queue of answered ones, and settle_run frees those that have no client. A
// request whose client went away, or was told of a time-out, is an orphan: its place in the store's
// order stays and its reply is dropped.
//
// A request that goes to several places, or in parts, stays with its client and has a `txn`
// (session/txn.h); on the way are copies (REQUEST_COPY): they have no place in the client's order,
// belong to a part, are carried out whether the client stays or not, and their replies are held
// whole until the votes are counted. `client` of a copy is whose order it has to keep at the store;
// NULL once that is gone.
//
// Bytes: `len` bytes from `bytes_off` in `bytes`, across segments linked by `next`; the request
// holds a reference on each segment it lies in. Of a bulk request (REQUEST_BULK), `bytes` is a
// chain that it owns, of what came and the store did not take yet, and `len` their number.
//
// Reply: either one slice of a segment that the store's bytes were read into (REQUEST_SLICE:
// `reply` with a reference, reply_off, reply_len), or a chain that the request owns.
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "common/base/compiler.h"
#include "common/base/mono.h"
#include "common/base/pool.h"
#include "common/base/slice.h"
#include "common/proto/resp_cmd.h"

// Part of a reply is not sent before it is this long: up to here it can still become an error.
#define REQUEST_STREAM_MIN (64u * 1024)
// What may wait for one client must be more than that.
#define REQUEST_BUFFER_MIN (2 * REQUEST_STREAM_MIN)

enum request_error {
#define REQUEST_ERROR(id, text) REQUEST_ERROR_##id,
#include "dataplane/session/request_error.def"
#undef REQUEST_ERROR
	REQUEST_ERROR_N,
};

enum request_target {
	REQUEST_TO_NOWHERE, // refused: its reply is there
	REQUEST_TO_LOCAL,   // answered here, when it is its turn
	REQUEST_TO_STORE,   // this node's store
	REQUEST_TO_PEER,    // `to.node`
	REQUEST_TO_TXN,     // several: see `txn`
};

enum request_flag {
	REQUEST_OF_CLIENT = 1 << 0, // in its client's list
	REQUEST_HELD = 1 << 1,      // in the queue of a stage, or in the store's order
	REQUEST_DONE = 1 << 2,      // the answer is whole (or `error` is set)
	REQUEST_QUEUED = 1 << 3,    // in the queue of answered ones
	REQUEST_SLICE = 1 << 4,     // see Reply
	REQUEST_STREAMED = 1 << 5,  // part of the reply may have been sent
	REQUEST_BULK = 1 << 6,      // streams through a connection of its own
	REQUEST_WHOLE = 1 << 7,     // the last byte was parsed (always, if not bulk)
	REQUEST_CLOSE = 1 << 8,     // end the client's connection gracefully after this reply
	REQUEST_OWN = 1 << 9,       // the bytes are ours, not TCP's: nothing to give back
	REQUEST_COPY = 1 << 10,     // one of several, or of a part
	REQUEST_SPREAD = 1 << 11,   // the peer passes it on to every rack of its datacentre
	REQUEST_KEEP = 1 << 12,     // bytes are kept until the answer: it may be asked elsewhere
	REQUEST_GATHER = 1 << 13,   // bulk: held until it is whole, since it goes to several places
	REQUEST_HOLD = 1 << 14,     // the reply is passed on whole, or not at all
	REQUEST_VOTED = 1 << 15,    // a copy whose outcome was counted
};

// Where a request to a peer goes, and which of the votes is a copy's.
struct request_to {
	uint32_t node;  // index in the snapshot
	uint8_t dc;     // of the ring
	uint8_t rack;   // of the datacentre
	uint16_t group; // of a copy that came back: the first rack that gave the same answer
};

struct client;
struct part;
struct txn;

struct request {
	struct request *next;        // in the queue of its stage
	struct request *answer_next; // in the queue of answered ones
	union {
		struct request *client_next; // in its client's order
		struct part *part;           // of a copy
	};
	struct client *client;      // NULL: an orphan
	const struct resp_cmd *cmd; // NULL when it was refused
	struct rte_mbuf *bytes;
	struct rte_mbuf *bytes_tail; // of a bulk request
	struct rte_mbuf *reply;
	struct rte_mbuf *reply_tail;
	struct txn *txn;
	union {
		uint64_t stamp; // of a write: the place of a conflict stamp
		uint16_t tried; // of a read: bit n is rack n, which could not answer
	};
	union {
		struct mono read_at; // when its last byte was parsed (bulk: when it began)
		uint64_t dnode_id;   // from a peer
	};
	struct mono store_at; // when it was issued; once written to the store, when that was
	union {
		uint64_t out_end; // to the store: its connection's count of bytes behind it
		struct request_to to;
	};
	uint32_t len;
	uint32_t reply_len;
	uint16_t bytes_off;
	uint16_t reply_off;
	uint16_t flags;     // enum request_flag
	uint8_t target : 5; // enum request_target
	bool same_dc : 1;   // from a peer: as its header had it
	bool late : 1;      // shown to the session because its peer gives no sign of life
	bool quiet : 1;     // the client wants no reply (Memcached's noreply); there is one all the
			    // same
	uint8_t error;      // enum request_error; NONE: see reply
};

static_assert(sizeof(struct request) <= 2 * CACHE_LINE, "two cache lines");

// A queue of requests through `next`, and one through `answer_next`.
struct request_queue {
	struct request *head;
	struct request *tail;
	uint32_t n;
};

static inline void request_push(struct request_queue *q, struct request *r)
{
	r->next = NULL;
	if (q->tail)
		q->tail->next = r;
	else
		q->head = r;
	q->tail = r;
	q->n++;
}

static inline void request_push_front(struct request_queue *q, struct request *r)
{
	r->next = q->head;
	q->head = r;
	if (!q->tail)
		q->tail = r;
	q->n++;
}

static inline struct request *request_pop(struct request_queue *q)
{
	struct request *r = q->head;

	if (!r)
		return NULL;
	q->head = r->next;
	if (!q->head)
		q->tail = NULL;
	q->n--;
	return r;
}

// Something in the answer changed: settle_run looks at it. Once at a time.
void request_answer(struct request_queue *answered, struct request *r);
struct request *request_answer_pop(struct request_queue *answered);

// The answer is an error of our own. What there was of a reply is dropped.
// Behind a part of a reply no error can be told: then the client's connection is cut.
void request_fail(struct request_queue *answered, struct request *r, enum request_error error);

// Its client's connection is to be ended at once.
void request_cut(struct request_queue *answered, struct request *r);

// With its "-" and line end.
struct slice request_error_text(enum request_error error);
// The request's own error, in the words of its protocol.
struct slice request_error_answer(const struct request *r);

// Gives the bytes back, to the pool and to the client's receive window.
void request_drop_bytes(struct request *r);
void request_drop_reply(struct request *r);
// The store took `n` bytes of a bulk request: they no longer fill its client's window.
void request_took(struct request *r, uint32_t n);

// Appends to a reply chain; counts it as unsent of the client.
void request_add_reply(struct request *r, struct rte_mbuf *m);
// Whose requests are carried out in their order at one place: its client, of a copy that of the
// request it is of. NULL when that is gone.
struct client *request_keeper(const struct request *r);

// Reply bytes that its client has to take before more of this one is of use to it. What is passed
// on whole (REQUEST_HOLD) does not count itself: it could never end.
uint32_t request_before(const struct request *r);

// Nobody waits for the reply, or there is one already.
static inline bool request_is_discarded(const struct request *r)
{
	return (!r->client && !(r->flags & REQUEST_COPY)) || (r->flags & REQUEST_DONE);
}

// The whole reply is a slice of `m`, on which a reference is taken.
void request_set_slice(struct request *r, struct rte_mbuf *m, uint16_t off, uint32_t len);
