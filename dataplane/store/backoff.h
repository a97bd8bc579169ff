// When the store may be tried again after it failed. One for all connections, since there is one
// server behind them.
//
// Without ejection the pause grows from 100 ms to a second. With it (auto_eject_hosts), after
// `limit` failures in a row nothing is tried for `retry_timeout`: not even a connection that is up
// gets requests.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/mono.h"

struct backoff {
	bool eject;
	uint32_t limit;
	uint64_t retry_timeout; // ns
	uint32_t failures;      // in a row
	bool ejected;
	struct mono retry_at;
};

// A connection failed, or could not be made. True when this ejected the store.
bool backoff_failed(struct backoff *b, struct mono now);

// A request was not answered in time: counts towards ejection only. True as above.
bool backoff_timed_out(struct backoff *b, struct mono now);

void backoff_ok(struct backoff *b);

static inline bool backoff_may_connect(const struct backoff *b, struct mono now)
{
	return mono_due(now, b->retry_at);
}

static inline bool backoff_is_ejected(const struct backoff *b, struct mono now)
{
	return b->ejected && !mono_due(now, b->retry_at);
}
