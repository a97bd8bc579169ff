// The keys of a request, and with whom they live.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/cluster/ring.h"
#include "dataplane/session/core.h"
#include "dataplane/session/place.h"
#include "dataplane/session/walk.h"

enum keys_kind {
	KEYS_NONE,   // of no key: any store will do
	KEYS_ONE,    // one, or all with the same owners in every rack
	KEYS_MANY,   // with different owners
	KEYS_BROKEN, // the store will refuse it
	KEYS_TOO_BIG,
};

struct keys {
	enum keys_kind kind;
	uint32_t hash; // of the first one
	struct owners owners;
};

void keys_find(struct session *s, const struct request *r, struct keys *out);

// False when the key is longer than SESSION_KEY_MAX.
bool keys_hash(struct session *s, const struct walk_arg *arg, uint32_t *hash);
