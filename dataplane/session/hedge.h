// A read under DC_ONE is asked of one rack at first. Of another one too
//
//   when that fails, or gives no sign of life (peer_view.h): at once
//   when it has not answered within `read_hedge_ms`, if that is not 0
//
// and the first answer counts. This is about reads that are transactions: those in parts, and all
// when there is a time. A read of one key that waits for no time has no copies: settle.c asks
// again.
#pragma once

#include <stdbool.h>

#include "dataplane/session/core.h"

// A read of one key is to be a transaction, so that it can be asked of another rack in time.
bool hedge_wanted(const struct session *s, const struct request *r);

// The transaction was sent to one rack each; others may be asked from now on.
void hedge_start(struct session *s, struct txn *txn);

// For a part all that were asked failed, or a node gives no sign of life: it is looked at in the
// next turn. False when no other may be asked.
bool hedge_now(struct session *s, struct txn *txn);

// Asks for those whose time has come.
void hedge_run(struct session *s, const struct peer_view *view, struct mono now);
struct mono hedge_next(const struct session *s);
