// How requests of a peer are framed: each has a header of the peer protocol before it
// (common/proto/dnode.h, dynomite.md §4), and so has its reply.
//
// A request ends where RESP says; one whose header disagrees ends the connection, as does
// everything else that no node sends. Gossip and what is to be ignored is stepped over.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/proto/dnode.h"
#include "dataplane/session/client.h"
#include "dataplane/session/reply.h"

struct dnode_in {
	struct dnode_parser parser;
	uint64_t skip; // bytes to step over
	bool framed;   // the header of the next request was read
};

struct session;

void dnode_in_init(struct dnode_in *d);

// Takes what comes before a request. False when the connection has to end.
bool dnode_in_take(struct client *c);

// The request of the header is known. Notes what the answer needs.
void dnode_in_begin(const struct client *c, struct request *r);
// It is whole, and took `size` bytes. False when the header said something else.
bool dnode_in_whole(struct client *c, uint64_t size);

// The reply with its header, of a request that is answered. False when a buffer is missing; nothing
// was added then.
bool dnode_in_reply(struct request *r, struct reply *out);
