// What a request of many keys becomes when these live with several owners: one request for each of
// them, with its keys (and their values) in the order of the original, duplicates kept. Only for
// rows whose `merge` is not NONE; resp_merge.h makes one reply of the parts' again.
//
//   1. resp_split_keys() says how many keys there are: the caller has that much scratch, or
//   refuses.
//   2. It writes the owner of key i, a number below owner_n of its own choosing, into
//   part_of_key[i].
//   3. resp_split_plan() numbers the parts in the order of their first keys and replaces each owner
//      by its part. With one part the request may as well go as it is.
//   4. resp_split_write() writes all parts at once, in one walk over the request.
//
// All memory is the caller's. The name of the command is written in lower case, as the original
// does (dynomite.md §2.3), so that a node of either kind sees the same bytes.
#pragma once

#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/slice.h"
#include "common/proto/resp_cmd.h"
#include "common/proto/resp_range.h"

struct resp_split_part {
	uint16_t owner;
	uint32_t key_n;
};

struct resp_split {
	const struct resp_cmd *row;
	uint16_t *part_of_key; // key_n of them
	uint32_t key_n;
	struct resp_split_part *parts; // room for owner_n
	uint16_t part_n;
};

// How many keys a request of argc arguments, with its name, has; 0 when it can't be split: a row
// that is never split, or keys and values that do not pair up, which the store will refuse.
uint32_t resp_split_keys(const struct resp_cmd *row, uint32_t argc);

// s->row, part_of_key (owners), key_n and parts are the caller's to set; `part_of_owner` is
// scratch, owner_n of it, and no longer used afterwards. -EINVAL when an owner is not below
// owner_n.
MUST_CHECK int resp_split_plan(struct resp_split *s, uint16_t *part_of_owner, uint16_t owner_n);

// `copy`: these bytes, good only during the call, are next in this part. `refer`: these bytes of
// the request are, to be copied when few or referred to when many; neighbours come as one range.
// Either returns 0, or a negative errno value that ends the walk. The part is in range.part too.
struct resp_split_sink {
	int (*copy)(void *ctx, uint32_t part, struct slice bytes);
	int (*refer)(void *ctx, struct resp_range range);
	void *ctx;
};

// The whole request is part 0 of `request`: an array of bulk strings, known to be well formed. 0;
// the sink's error; -EINVAL when the request is not as planned (parts may be incomplete then).
MUST_CHECK int resp_split_write(const struct resp_split *s, const struct resp_source *request,
	const struct resp_split_sink *sink);
