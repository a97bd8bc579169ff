// The state of a session, for the files of this folder only.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/pool.h"
#include "common/proto/resp.h"
#include "dataplane/session/client.h"
#include "dataplane/session/session.h"
#include "dataplane/session/txn.h"

enum {
	SESSION_NAME_MAX = 64,        // CLIENT SETNAME, with NUL
	SESSION_SCRATCH = 256 * 1024, // an encoded inline request, or rows of COMMAND
	SESSION_GATHER = 384 * 1024,  // a request or a line that lies across segments
	SESSION_CLIENT_BUDGET = 256,  // requests of one client in a turn
	SESSION_TURN_BUDGET = 4096,   // requests of all clients in a turn
	SESSION_REPLY_COPY_MAX = 512, // larger pieces of replies are referenced
	SESSION_KEY_MAX = 64 * 1024,  // a longer key can't be routed
	SESSION_WORDS_MAX = 64,       // arguments that are looked at to find the keys
};

struct session {
	struct session_config config;
	struct tcp *tcp;
	struct tcp_listener *listener;
	struct tcp_listener *peer_listener;
	struct stats *stats;
	struct pool clients;
	struct pool requests;
	struct pool parsers;
	struct pool names;
	struct pool copies; // struct request
	struct pool txns;   // struct txn
	struct pool parts;  // struct part, beyond the first of a transaction
	struct pool dnodes; // struct dnode_in
	struct list txn_all;
	struct list hedges;        // transactions, soonest first
	struct txn_places *places; // of the request that is being routed
	struct list all;
	struct list ready;
	struct list settle;
	struct list linger; // soonest end first
	struct request_queue routed;
	struct request_queue issued;
	struct request_queue forwarded; // for peers
	const struct ring *ring;        // of this turn, from route_run on; NULL: none yet
	const struct peer_view *view;   // likewise; NULL: nothing is known of peers
	struct mono routed_at;          // the time of route_run
	union {                         // for requests that are parsed in one go
		struct resp_request_parser parser;
		struct memcache_request_parser memcache;
	};
	struct rte_mbuf *spare; // so that a refusal can always be written
	struct mono started;
	struct mono look_at; // when to see whether memory is low
	bool is_low;         // it was the last time
	uint64_t next_id;
	uint64_t commands; // parsed, for INFO
	uint64_t accepted;
	bool draining;
	char *scratch;
	char *gather;
};

// Frees a request that neither its client nor a stage knows any more; does nothing for others.
void session_release(struct session *s, struct request *r);

// Takes the oldest request off its client.
void session_forget_first(struct session *s, struct client *c);
