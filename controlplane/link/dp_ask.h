// Questions to the data plane and their answers. Many may wait, one is under way at a time, since a
// message gives way to a newer one of its kind; each has a time-out from the moment it is asked.
// Pure: dp_link carries them.
//
// Whoever asks gets a number, looks at what became of it whenever it likes, and drops it. An answer
// is kept until then.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/mono.h"
#include "common/ipc/ipc_codec.h"

#define DP_ASKS_MAX 64
#define DP_ASK_TIMEOUT_NS (3 * NS_PER_SEC)

enum dp_ask_fate {
	DP_ASK_PENDING,
	DP_ASK_ANSWERED,
	DP_ASK_LATE,  // no answer in time
	DP_ASK_AWAY,  // the data plane is not there
	DP_ASK_WRONG, // an answer that was not understood; dp_ask_error says why
};

struct dp_asks;

struct dp_asks *dp_asks_new(void) MUST_CHECK;
void dp_asks_free(struct dp_asks *asks);

// `ask` is the payload of a question of kind `id`; its number is filled in. Returns the number, or
// 0 when DP_ASKS_MAX wait.
uint64_t dp_ask(
	struct dp_asks *asks, enum ipc_id id, const union ipc_any_ask *ask, struct mono now);

// A number that no earlier call gave, at least `floor`.
uint64_t dp_asks_id(struct dp_asks *asks, uint64_t floor);

enum dp_ask_fate dp_ask_fate(const struct dp_asks *asks, uint64_t number);

// The payload of its answer, checked by ipc_answer_check; NULL when it has none. Valid until
// dp_ask_drop; at any alignment.
const void *dp_ask_answer(const struct dp_asks *asks, uint64_t number, size_t *len);
const char *dp_ask_error(const struct dp_asks *asks, uint64_t number);

// Nobody wants it any more.
void dp_ask_drop(struct dp_asks *asks, uint64_t number);

// --- for who carries them

// The question to be sent now; NULL: none. dp_asks_sent: it went, or could not for want of a link.
const union ipc_any_ask *dp_asks_next(struct dp_asks *asks, enum ipc_id *id, size_t *len);
void dp_asks_sent(struct dp_asks *asks, bool sent);

void dp_asks_take(struct dp_asks *asks, const struct ipc_msg *answer);
void dp_asks_lost(struct dp_asks *asks); // the link is gone
void dp_asks_expire(struct dp_asks *asks, struct mono now);
