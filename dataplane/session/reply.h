// What is about to be sent to one client: small pieces are copied next to each other, large ones
// are referenced.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "common/base/slice.h"

struct reply {
	struct rte_mempool *pool;
	struct rte_mbuf *head;
	struct rte_mbuf *tail;
	uint32_t len;
	bool open; // the tail is ours to write behind
};

// False when a buffer is missing; nothing of the piece was added then.
bool reply_copy(struct reply *out, struct slice bytes);
bool reply_refer(struct reply *out, struct rte_mbuf *m, uint16_t off, uint32_t len);

// Takes a chain.
void reply_take(struct reply *out, struct rte_mbuf *chain);

void reply_free(struct reply *out);
