// A request that goes to more than one place: which parts it has, where their copies went, and the
// votes. One part is all keys that have the same owner in every rack; each part goes to one node of
// each rack concerned, and has its own verdict. The client's reply is made of the parts' answers.
//
//   route.c    chooses the places
//   txn_make.c makes the transaction and its copies
//   txn.c      counts what comes back, and answers
//   txn_merge.c makes one reply of many
//
// Which answer it is: with DC_ONE that of the own rack, or, when that could not be reached, of the
// next rack that answered. Above that, what common/cluster/quorum.h says.
//
// Ownership: the session's pools. A transaction lives until its last copy came back, which may be
// after its client got the reply, or left; replies are held until the verdict. Every copy comes
// back: store and peers see to its time.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/list.h"
#include "common/base/mono.h"
#include "common/cluster/quorum.h"
#include "common/cluster/ring.h"
#include "dataplane/session/request.h"

enum {
	TXN_PARTS_MAX = 4096, // of a request
	TXN_KEYS_MAX = 65535, // of a request that is split
	TXN_ABOUT_MS = 2000,  // two replicas may be so far apart in what they say of time
};

// `to.dc` of a copy whose answer nobody waits for.
#define TXN_NO_VOTE UINT8_MAX

struct session;

struct part {
	struct txn *txn;
	struct part *next;      // of the transaction
	struct request *back;   // replies that came before the verdict; by `next`
	struct request *chosen; // whose reply is the answer; NULL: `error`
	struct quorum quorum;   // not with DC_ONE
	uint32_t hash;          // of its key, or of one of them
	struct rte_mbuf *bytes; // of a read that may be asked of several racks; NULL: the parent's
	uint32_t len;
	uint16_t asked;  // DC_ONE: bit n is rack n of the own datacentre
	uint16_t failed; // DC_ONE: of them, those not reached or not in time
	uint16_t late;   // DC_ONE: of them, those that give no sign of life
	uint8_t error;   // enum request_error, the first that was met
	bool decided;
	struct rte_mbuf *text; // an error that is the answer
};

struct txn {
	struct list all;
	struct request *parent;  // NULL: answered, or its client is gone
	struct client *client;   // whose order copies keep; NULL: gone
	struct txn *client_next; // of the same client
	struct txn **client_at;  // what points here
	const struct resp_cmd *cmd;
	struct rte_mbuf *part_of_key; // of each key, uint16_t; NULL with one part
	uint32_t key_n;
	uint32_t out;       // copies that are not back
	uint32_t undecided; // parts
	uint32_t part_n;
	struct list hedge;    // when another rack is to be asked too (session/hedge.h)
	struct mono hedge_at; // when that is
	bool hedged;          // one rack is asked at first, and the first answer counts
	bool late;            // who was asked gives no sign of life
	uint64_t epoch;       // of the ring
	uint8_t level;        // enum consistency
	struct part first;
};

// One place of a part.
struct txn_place {
	uint32_t node; // RING_NO_NODE: there is none; it votes FAILED
	uint8_t dc;    // TXN_NO_VOTE: its answer is no vote
	uint8_t rack;
	bool spread; // the node passes it on in its datacentre
};

#define TXN_PLACES_MAX SNAPSHOT_NODES_MAX

struct txn_places {
	struct txn_place at[TXN_PLACES_MAX];
	uint32_t n;
	uint8_t level; // enum consistency
	bool hedged;   // as of the transaction
};

// --- txn_make.c

// There is room for a transaction of so many parts and copies.
bool txn_has_room(const struct session *s, uint32_t parts, uint32_t copies);

// The request becomes the transaction's parent, its only part the whole of it. txn_has_room() must
// have been asked.
struct txn *txn_make(struct session *s, struct request *parent, const struct txn_places *places);
// One more part; the first one is there already.
struct part *txn_add_part(struct session *s, struct txn *txn, struct part *behind);

// Sends the part to its places: a copy each with `bytes`, which are taken, or of the parent's when
// NULL. Copies go into the session's queues.
void txn_send(struct session *s, struct part *part, const struct txn_places *places,
	struct rte_mbuf *bytes, uint32_t len);
// One place more, of a part of a hedged transaction.
void txn_send_more(struct session *s, struct part *part, const struct txn_place *place);

// --- txn.c

// The error of a node that its reply is: it did not carry out the request, or can't say. NONE for
// all else, also for what its store says of the data.
enum request_error txn_node_error(const struct request *r);
// A copy was answered, or came back. May answer the parent.
void txn_answer(struct session *s, struct request *copy, struct mono now);
// The node that a copy is with gives no sign of life.
void txn_late(struct session *s, struct request *copy);
// A place that is not reached; `to.dc` may be TXN_NO_VOTE.
void txn_vote_failed(
	struct session *s, struct part *part, struct request_to to, enum request_error error);
// With DC_ONE: nobody is left to ask.
void txn_give_up(struct session *s, struct part *part);
// All parts were sent: those that are decided already may make it the end.
void txn_sent(struct session *s, struct txn *txn);
// The client is gone, or has no use for the reply any more.
void txn_abandon(struct txn *txn);
// At the end of the session: what it holds is freed, copies that are out are not waited for.
void txn_free(struct session *s, struct txn *txn);

// --- txn_merge.c

// The reply of `r`, from all parts. Its error is set when it can't be made.
void txn_merge(struct session *s, struct txn *txn, struct request *r);

// Whether two whole replies are the same, as the command's row says.
bool txn_same(const struct session *s, const struct resp_cmd *cmd, const struct request *a,
	const struct request *b);
