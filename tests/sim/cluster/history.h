// What clients asked for and got, and what stores did, seen from outside of all nodes: the oracles.
//
// Every write has a number of its own, which is in what it writes as "#number.key#": so whatever is
// found in a store or a reply says which write it is of. Times are of the simulation, not of any
// node.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/mono.h"
#include "common/base/slice.h"
#include "tests/sim/cluster/plan.h"

enum {
	HISTORY_KEYS_MAX = 4, // of a request
	HISTORY_KEY_MAX = 48,
};

enum op_kind {
	OP_SET,
	OP_GET,
	OP_DEL,
	OP_MSET,
	OP_MGET,
	OP_EXISTS,
	OP_INCR,
	OP_APPEND,
	OP_GET_APPENDED,
	OP_SADD,
	OP_SMEMBERS,
	OP_EXPIRE,
	OP_ECHO,
	OP_KINDS,
};

enum op_end {
	OP_OPEN, // or never answered
	OP_GOOD,
	OP_ERROR,
};

struct op {
	uint32_t id;
	uint8_t kind; // enum op_kind
	uint8_t end;  // enum op_end
	uint8_t client;
	uint8_t node;
	uint8_t key_n;
	bool probe; // after all faults: it must succeed
	char key[HISTORY_KEYS_MAX][HISTORY_KEY_MAX];
	// Of a read in a quiet run: the write that it must see; 0: nothing. Only if `own`.
	bool own;
	uint32_t sees[HISTORY_KEYS_MAX];
	struct mono start;
	struct mono done;
	uint8_t times[HISTORY_KEYS_MAX][PLAN_NODES_MAX]; // executed, by store
	struct mono last[HISTORY_KEYS_MAX][PLAN_NODES_MAX];
};

struct history {
	const struct plan *plan;
	struct op **op; // by id, from 1
	uint32_t n;
	uint32_t cap;
	uint64_t good;
	uint64_t errors;
	uint64_t abandoned;
	uint64_t checked; // reads that had to see something
	char wrong[400];  // the first thing that did not hold
};

void history_init(struct history *h, const struct plan *plan);
void history_fini(struct history *h);

struct op *history_new(struct history *h);
static inline bool history_is_write(const struct op *op)
{
	return op->kind == OP_SET || op->kind == OP_DEL || op->kind == OP_MSET ||
		op->kind == OP_INCR || op->kind == OP_APPEND || op->kind == OP_SADD;
}

void history_wrong(struct history *h, const char *fmt, ...) PRINTF_LIKE(2, 3);

// A store carries out a write of `text`, which has a number in it, to `key`.
void history_executed(
	struct history *h, uint8_t node, struct slice key, struct slice text, struct mono now);
// A store is asked about a key.
void history_touched(struct history *h, uint8_t node, struct slice key);

// One whole reply.
void history_answered(struct history *h, struct op *op, struct slice reply, struct mono now);

// At the end: no store did anything twice, and in a quiet run each did all that it had to.
void history_judge(struct history *h);
