// What stands where dataplane/store stands in a worker: takes requests, carries them out on a
// dictionary after a while, and answers in their order, with the same rules: each request comes
// back once for good, time-outs fail it alone and keep its place, an end of the store fails all.
//
// It writes over `out_end` of a request, as the store does, and gives its bytes back when it has
// taken them.
#pragma once

#include <rte_mempool.h>

#include "common/base/rng.h"
#include "dataplane/session/request.h"
#include "tests/sim/cluster/dict.h"

struct stage_flight;

struct stage {
	struct dict *dict;
	struct rte_mempool *pool;
	struct rng rng;
	uint64_t time;    // of a request, at most
	uint32_t error;   // chance of an error
	uint32_t chain;   // chance that a reply comes in pieces
	uint64_t timeout; // ns
	bool is_away;
	bool hangs;
	struct mono busy_until;     // then the next one is carried out
	struct stage_flight *first; // written to the store and not answered
	struct stage_flight **last;
	struct stage_flight *todo; // the first that is not carried out
	struct request_queue answered;
	uint64_t put;
};

void stage_init(struct stage *s, struct dict *dict, struct rte_mempool *pool, uint64_t seed,
	const struct plan *plan);
// The requests are forgotten.
void stage_fini(struct stage *s);

// `now` is the node's, `real` that of the simulation.
void stage_issue(struct stage *s, struct request_queue *issued, struct mono now);
unsigned stage_poll(struct stage *s, struct mono now, struct mono real);
struct mono stage_next(const struct stage *s);

// All connections end. What was not carried out never is.
void stage_end(struct stage *s);
