// Where a question of the control plane waits for its worker, and the answer for the main thread:
// one desk for each worker, with the memory for the longest answer. The worker looks at it now and
// then (one atomic load), answers from its own data, and never waits; the main thread fetches the
// answer at a later link_poll. While a desk is in use, the newest further question for it waits,
// and older ones are forgotten: their askers have time-outs.
//
// The worker's side is link_asked and link_answered; the rest is the main thread's.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/ipc/ipc_codec.h"

enum link_desk_state {
	LINK_DESK_FREE,
	LINK_DESK_ASKED,    // the worker's
	LINK_DESK_ANSWERED, // the main thread's again
};

struct link_desk {
	CACHE_ALIGNED uint32_t state; // atomic: enum link_desk_state
	enum ipc_id id;               // of the question
	union ipc_any_ask ask;
	unsigned char *answer; // of IPC_ANSWER_MAX
	size_t len;
};

struct link_waiting {
	enum ipc_id id; // 0: nothing waits
	union ipc_any_ask ask;
};

struct link_desks {
	struct link_desk *desk;
	struct link_waiting *waiting;
	unsigned n;
	unsigned asked; // desks that are not free
};

int link_desks_init(struct link_desks *desks, unsigned n) MUST_CHECK;
void link_desks_fini(struct link_desks *desks);

// Whether the message is a question.
bool link_desk_takes(unsigned id);

// Puts a question on its desk. False when there is no such worker.
bool link_desk_put(struct link_desks *desks, const struct ipc_msg *msg) MUST_CHECK;

// The kind of message that answers this kind of question; 0: it is none.
enum ipc_id link_desk_answer_id(unsigned ask);

// A desk with an answer, or NULL. link_desk_done frees it, and puts on it what waits.
struct link_desk *link_desk_next(struct link_desks *desks);
void link_desk_done(struct link_desks *desks, struct link_desk *desk);

// --- the worker

// The question for this worker, or NULL.
static inline struct link_desk *link_desk_asked(struct link_desk *desk)
{
	uint32_t state = __atomic_load_n(&desk->state, __ATOMIC_ACQUIRE);

	return unlikely(state == LINK_DESK_ASKED) ? desk : NULL;
}

// desk->answer has `len` bytes of the answer.
static inline void link_desk_answered(struct link_desk *desk, size_t len)
{
	desk->len = len;
	__atomic_store_n(&desk->state, LINK_DESK_ANSWERED, __ATOMIC_RELEASE);
}
