// One client connection, or that of a peer, which is a client with frames around its requests and
// replies. An idle one costs this struct and TCP's; a parser and a name are taken
// from pools only while they are needed.
//
// Input: TCP's mbufs in a chain by `next`. The current request begins at `in_off` of `in_head` and
// is parsed up to `cur_off` of `cur`. Small segments are moved together as they come, so that bytes
// that trickle in do not pin a buffer each.
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "common/base/compiler.h"
#include "common/base/list.h"
#include "common/base/mono.h"
#include "common/proto/memcache.h"
#include "common/proto/resp.h"
#include "dataplane/session/conn_user.h"
#include "dataplane/session/request.h"
#include "dataplane/tcp/tcp.h"

#define CLIENT_LANE_NONE UINT16_MAX
// A connection's consistency is that of the snapshot until it chooses its own.
#define CLIENT_LEVEL_GLOBAL UINT8_MAX

enum client_flag {
	CLIENT_EOF = 1 << 0,       // sent FIN
	CLIENT_NO_INPUT = 1 << 1,  // nothing more is parsed: its end is decided
	CLIENT_LINGER = 1 << 2,    // we sent FIN, input is thrown away until theirs
	CLIENT_BULK_WAIT = 1 << 3, // a large request waits for earlier ones
	CLIENT_CUT = 1 << 4,       // to be reset
};

struct client {
	struct conn_user user;
	uint8_t flags;       // enum client_flag
	uint8_t read_level;  // enum consistency, or CLIENT_LEVEL_GLOBAL
	uint8_t write_level; // likewise
	uint32_t n;          // requests in flight
	struct tcp_conn *conn;
	uint64_t id;
	struct rte_mbuf *in_head;
	struct rte_mbuf *in_tail;
	struct rte_mbuf *cur;
	union { // in the middle of a request only
		struct resp_request_parser *parser;
		struct memcache_request_parser *memcache;
	};
	struct request *first; // in order, oldest first
	struct request *last;
	struct request *bulk; // the one that streams in, also when it is only skipped
	char *name;
	struct dnode_in *dnode; // a peer's: how its requests are framed (session/dnode_in.h)
	struct txn *txns;       // that are not over
	struct list all;
	struct list ready;  // to parse; of a lingering one, to end in time
	struct list settle; // to send
	union {
		struct mono accepted_at;
		struct mono end_at; // of a lingering one
	};
	uint32_t in_off;
	uint32_t cur_off;
	uint32_t parsed;  // bytes between the two
	uint32_t unsent;  // reply bytes that TCP did not take yet
	uint32_t sent;    // reply bytes that TCP took, wraps
	uint32_t acked;   // of `sent`, when memory ran low and we looked
	uint32_t store_n; // those on their way through the store
	uint16_t lane;    // the store connection that they are on
};

static_assert(sizeof(struct client) <= 3 * CACHE_LINE, "three cache lines");

struct session;

// Another node, which sends requests in the peer protocol.
static inline bool client_is_peer(const struct client *c)
{
	return c->dnode != NULL;
}

// Takes a connection over, of a client or a peer. False when there is no room.
bool client_open(struct session *s, struct tcp_conn *conn, bool is_peer, struct mono now);

// Its end, by the other side or by an error.
void client_count_end(struct session *s, const struct client *c, bool error);

// Puts it on the list of those that are parsed, or sent to, when their turn comes.
void client_ready(struct session *s, struct client *c);
void client_settle_later(struct session *s, struct client *c);

// Ends it at once: by FIN behind what was sent, or by a reset. Its requests become orphans. The
// pointer is dead.
void client_end(struct session *s, struct client *c, bool reset);

// Ends it when everything was answered and nothing more can come.
void client_end_if_done(struct session *s, struct client *c, struct mono now);

// FIN after what was sent; what it still sends is thrown away until its own FIN, since unread
// bytes would turn the end into a reset that may overtake our last reply (RFC 2525 §2.17).
void client_linger(struct session *s, struct client *c, struct mono now);
