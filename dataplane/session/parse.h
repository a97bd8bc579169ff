// Bytes -> requests. A request that is refused (unknown, wrong number of arguments, beyond the
// protocol) has its answer when it leaves here.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/proto/resp_cmd.h"
#include "dataplane/session/core.h"

// Parses what came, as far as the limits allow. Returns the requests made. May end the client: then
// *alive is false.
unsigned parse_client(struct session *s, struct client *c, struct mono now, bool *alive);

// Whether another request could be made at all: a slot and a buffer are free.
bool parse_has_room(struct session *s);

// --- for bulk.c

// The first arguments of a request, as far as they are there; what lies across segments is cut to
// more than any name has.
struct parse_names {
	struct slice arg[RESP_CMD_QUOTED_ARGS];
	uint32_t n;
};

void parse_names(const struct session *s, const struct client *c,
	const struct resp_request_parser *p, uint32_t max, struct parse_names *out);

// All arguments that the error for an unknown command quotes.
void parse_quoted(const struct session *s, const struct client *c,
	const struct resp_request_parser *p, struct parse_names *out);

// A request of the client that is behind all others, not yet in the next stage.
struct request *parse_new(struct session *s, struct client *c, struct mono now);

// To the next stage.
void parse_forward(struct session *s, struct request *r);

// Counts what was asked.
void parse_count(struct session *s, const struct client *c, const struct request *r);

// What no node sends: the client is ended. False.
bool parse_not_a_node(struct session *s, struct client *c);

// The answer of a request that is not run, written into the session's spare buffer.
struct resp_writer parse_refusal(struct session *s);
void parse_refuse(struct session *s, struct request *r, const struct resp_writer *w);
