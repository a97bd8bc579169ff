// Bytes -> requests. A request that is refused (unknown, wrong number of arguments, beyond the
// protocol) has its answer when it leaves here.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/session/client.h"
#include "dataplane/session/core.h"

// Parses what came, as far as the limits allow. Returns the requests made. May end the client: then
// *alive is false.
unsigned parse_client(struct session *s, struct client *c, struct mono now, bool *alive);

// Puts a request behind the others of its client, and before the next stage.
void parse_enqueue(struct session *s, struct client *c, struct request *r);

// The first two arguments of what the parser saw of the current request, as far as they are there.
uint32_t parse_names(const struct session *s, const struct client *c,
	const struct resp_request_parser *p, struct slice args[2]);

// A request that is not run, with its refusal as its answer. Uses the session's spare buffer.
struct request *parse_refused(struct session *s, struct client *c, struct mono now);
