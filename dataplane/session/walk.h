// The arguments of a whole, well-formed request where they lie: across segments, whatever their
// size. Nothing is copied but what the caller asks for.
//
// Offsets count from the first byte of the request. "Encoded" is an argument with its "$n\r\n" and
// line end.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/slice.h"
#include "dataplane/session/reply.h"
#include "dataplane/session/request.h"

struct walk {
	struct rte_mbuf *m;
	uint32_t off;  // in `m`
	uint64_t at;   // in the request
	uint64_t left; // bytes
	uint32_t args; // still to come
};

struct walk_arg {
	struct walk begin; // at its encoded form
	struct walk text;  // at its payload
	uint64_t len;      // of the payload
};

// All bytes of a request, or of a reply.
struct walk walk_bytes(const struct request *r);
struct walk walk_reply(const struct request *r);

// What lies in one piece from here on; `left` must not be 0.
struct slice walk_piece(const struct walk *walk);
void walk_skip(struct walk *walk, uint64_t n);

// Behind the "*n\r\n"; walk.args is n.
struct walk walk_begin(const struct request *r);

// False when there is no other, or the bytes are not what a parser let pass.
bool walk_next(struct walk *walk, struct walk_arg *out);

// The payload: in place when it lies in one segment, or gathered in `buf`; cut to `cap` then.
struct slice walk_text(const struct walk_arg *arg, char *buf, size_t cap);

// Appends `len` bytes from `from` on: short pieces are copied, long ones referenced. False when
// there are not so many, or a buffer is missing; what was appended before stays.
bool walk_copy(struct walk from, uint64_t len, struct reply *out);

// Bytes of the encoded argument.
static inline uint64_t walk_encoded_len(const struct walk_arg *arg)
{
	return arg->text.at - arg->begin.at + arg->len + 2;
}
