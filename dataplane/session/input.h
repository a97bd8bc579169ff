// The bytes that a client sent and that are not requests yet: a chain of TCP's mbufs, with a
// cursor up to which the current request was parsed.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/session/client.h"

// Takes a chain from TCP.
void input_append(struct client *c, struct rte_mbuf *chain);

// The contiguous bytes behind the cursor; 0 when there are none.
size_t input_chunk(struct client *c, const uint8_t **data);

// The cursor moves on over bytes of the last chunk.
static inline void input_advance(struct client *c, size_t n)
{
	c->cur_off += (uint32_t)n;
	c->parsed += (uint32_t)n;
}

// What was parsed becomes the bytes of a request.
void input_take(struct client *c, struct request *r);

// What was parsed is moved behind the bytes of a bulk request. False when a buffer is missing: the
// rest stays, call again.
bool input_move(struct client *c, struct request *r, struct rte_mempool *pool);

// What was parsed is thrown away. Returns how many bytes.
uint32_t input_drop(struct client *c);

// The first `n` bytes of what was parsed are thrown away.
void input_drop_some(struct client *c, uint32_t n);

// Everything is thrown away. Returns how many bytes.
uint32_t input_clear(struct client *c);

// Up to `cap` bytes of `len` at `at`, counted from the beginning of the current request: in place,
// or gathered in `buf`. Must be parsed already.
struct slice input_slice(const struct client *c, uint64_t at, uint64_t len, char *buf, size_t cap);
