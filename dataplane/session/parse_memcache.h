// The same as session/parse.h, of Memcached's text protocol: which of the two it is was decided
// when the session was made. Lines that carry more than is meant, `noreply` first of all, are
// written anew: from here on each request gives one reply, and what goes to stores and peers has
// one spelling.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/session/core.h"

// One step over contiguous bytes. False when the client was ended.
bool parse_memcache_chunk(
	struct session *s, struct client *c, const uint8_t *data, size_t len, struct mono now);

// The request goes on later: its parser must be its own.
void parse_memcache_keep(struct session *s, struct client *c);

// The head of a large request, whose client has no other: what it is and, when it is run, its line.
void parse_memcache_bulk(struct session *s, struct client *c, struct request *r);

// The request's own answer, as the parser worded it; none when it is to be quiet.
void parse_memcache_answer(
	struct session *s, struct request *r, const struct memcache_request_parser *p);
