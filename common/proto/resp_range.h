// Encoded bytes that somebody else holds, in one piece or many: how resp_split and resp_merge read
// them, and how they say which of them belong where, so that large ones need not be copied.
//
// "Part" is the number of one of several replies; a request is part 0.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/slice.h"
#include "common/proto/resp.h"

// Bytes `at` to `at + len` of part `part`.
struct resp_range {
	uint32_t part;
	uint64_t at;
	uint64_t len;
};

// `piece` gives the bytes of a part from offset `at` on, as many as lie in one piece: at least one
// before the part's end, none at it and behind. They stay valid until the next call. Offsets within
// a part never become smaller, so that a caller may keep its place in a chain.
struct resp_source {
	struct slice (*piece)(void *ctx, uint32_t part, uint64_t at);
	void *ctx;
};

// parts[i] is all of part i, in one piece; they must outlive the source.
struct resp_source resp_source_slices(struct slice *parts);

// Reads a line such as "*12\r\n" at *at, and moves *at behind it. False when there is none there,
// or its number is malformed; for a type without a number ('+', '-') the number is 0.
MUST_CHECK bool resp_source_head(
	const struct resp_source *s, uint32_t part, uint64_t *at, char *type, int64_t *number);

// Moves *at behind one whole reply, or element of one, whose payloads are stepped over without a
// look. False when it is malformed or not whole.
MUST_CHECK bool resp_source_skip(const struct resp_source *s, uint32_t part, uint64_t *at);

// The part has these bytes at `at`.
bool resp_source_has(const struct resp_source *s, uint32_t part, uint64_t at, struct slice bytes);
