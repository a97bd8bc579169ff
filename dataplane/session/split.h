// A request whose keys live with several owners becomes a transaction of several parts.
#pragma once

#include <stdbool.h>

#include "dataplane/session/core.h"
#include "dataplane/session/place.h"

enum split_result {
	SPLIT_SENT,
	SPLIT_LATER,   // no room for its copies now
	SPLIT_REFUSED, // `error`
	SPLIT_BROKEN,  // its arguments do not fit: a store words the error
};

// Chooses the places of one part.
typedef void split_places_fn(struct session *s, const struct request *r,
	const struct owners *owners, const struct peer_view *view, struct txn_places *out);

enum split_result split_run(struct session *s, struct request *r, const struct peer_view *view,
	split_places_fn *choose, enum request_error *error);
