// Requests above `bulk_min` bytes are not held: once its head shows that it will give exactly one
// reply, such a request enters the store's queue at once and its bytes follow as they come, at the
// pace at which the store takes them. It waits until all earlier requests of its client are
// answered, and later ones wait for it, since it goes over a connection of its own.
//
// One that is refused, or whose store connection fails on the way, is read to its end and thrown
// away: only then a client that is still sending will read the error.
#pragma once

#include <stdbool.h>

#include "dataplane/session/core.h"

// So much of a request is there before it begins to stream: its names, and what an error would
// quote of it.
#define BULK_HEAD 4096

// The request that the client is in the middle of is a large one.
static inline bool bulk_is_due(const struct session *s, const struct resp_request_parser *p)
{
	return p->args_seen > 0 && p->at + p->payload_left > s->config.bulk_min &&
		p->at >= BULK_HEAD;
}

// Makes the request when its client has no other; until then the client waits.
void bulk_begin(struct session *s, struct client *c, struct mono now);

// Moves its bytes on. False after a protocol error: the request is no longer the client's then.
bool bulk_run(struct session *s, struct client *c);
