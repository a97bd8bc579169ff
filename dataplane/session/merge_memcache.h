// Replies of blocks of VALUE that end with END (Memcached's get, gets, gat and gats): compared, and
// made one of several.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/session/reply.h"
#include "dataplane/session/request.h"
#include "dataplane/session/walk.h"

// Whether two whole replies are the same but for the uniques, which each store gives its own.
bool merge_memcache_same(const struct request *a, const struct request *b);

struct merge_memcache {
	struct walk keys; // before the first key of the whole request
	uint32_t key_n;
	const uint16_t *part_of_key;
	struct walk *at; // the reply of each part; moved
	uint32_t part_n;
};

// Appends the blocks of all parts in the order of the request's keys, and one END; or the error of
// the first part that is one. False when a buffer is missing.
bool merge_memcache(struct merge_memcache *m, struct reply *out);
