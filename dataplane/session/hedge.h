// A read under DC_ONE that is not answered within `read_hedge_ms` is asked of a second rack too,
// and the first answer counts; one that fails is asked there at once. Costs a copy of slow reads,
// and saves their clients from one slow node. Off by default.
#pragma once

#include <stdbool.h>

#include "dataplane/session/core.h"
#include "dataplane/session/keys.h"

bool hedge_wanted(const struct session *s, const struct request *r);

// Sends it to the nearest rack, as a transaction. False: no room for its copies now.
bool hedge_begin(struct session *s, struct request *r, const struct keys *keys,
	const struct peer_view *view);

// All that were asked failed: false when there is no other to ask.
bool hedge_now(struct session *s, struct txn *txn);

// Asks for those whose time has come.
void hedge_run(struct session *s, const struct peer_view *view, struct mono now);
struct mono hedge_next(const struct session *s);
