// One reply of the replies to the parts of a split request (resp_split.h), by the row's `merge`:
//
//   SUM    Integers are added; a sum that does not fit stays at the largest or smallest number.
//   ORDER  The elements of the arrays, in the order of the keys.
//   OK     +OK when all parts said so.
//
// An error of any part is the answer, of the part with the first key if there are several. A part
// that is anything else than it should be gives an error of our own.
//
// Nothing is copied: the reply is `head`, then the ranges that resp_merge_next() gives until it
// says END, a bounded number of elements for each call. All parts must be whole.
#pragma once

#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/slice.h"
#include "common/proto/resp_cmd.h"
#include "common/proto/resp_range.h"

enum {
	RESP_MERGE_HEAD_MAX = 96,
	RESP_MERGE_STEPS_MAX = 64, // elements looked at by one call of resp_merge_next()
};

enum resp_merge_status {
	RESP_MERGE_RANGE,  // *out is next
	RESP_MERGE_END,    // that was all
	RESP_MERGE_BROKEN, // an element is malformed: never so when each part is one whole reply to
			   // resp_reply_parse(); close the connection if `head` was sent
};

// One reply, and where the walk stands in it.
struct resp_merge_part {
	uint64_t at;
	uint64_t len; // of the whole reply: to be set by the caller before resp_merge_start()
	uint32_t left;
};

struct resp_merge {
	enum resp_cmd_merge merge;
	struct resp_source source;
	struct resp_merge_part *parts;
	const uint16_t *part_of_key;
	uint32_t part_n;
	uint32_t key_n;
	uint32_t next_key;       // ORDER: to be given next
	struct resp_range whole; // the one range when a part's error is the answer
	bool is_error;           // the reply is an error, a part's or our own
	uint32_t head_len;
	char head[RESP_MERGE_HEAD_MAX];
};

struct resp_merge_plan {
	enum resp_cmd_merge merge;
	const uint16_t *part_of_key; // as by resp_split_plan(); used until END
	uint32_t key_n;
	struct resp_merge_part *parts; // used until END
	uint32_t part_n;
};

// Reads the beginning of each part. There is always a reply afterwards.
void resp_merge_start(
	struct resp_merge *m, const struct resp_merge_plan *plan, struct resp_source source);

static inline struct slice resp_merge_head(const struct resp_merge *m)
{
	return slice_make(m->head, m->head_len);
}

MUST_CHECK enum resp_merge_status resp_merge_next(struct resp_merge *m, struct resp_range *out);
