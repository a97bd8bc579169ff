// A node of the cluster as other nodes see it, on a TCP host of a test (tcp_pair.h): takes
// connections and requests in the peer protocol, writes down what came, and answers as it is told,
// or not at all. Aborts on what no node would be allowed to send.
//
// Each turn of its host: peer_fake_events once for all fakes of that host, peer_fake_turn for each.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/proto/dnode.h"
#include "common/proto/resp.h"
#include "dataplane/tcp/tcp.h"

enum {
	PEER_FAKE_CONNS_MAX = 64, // in its life
	PEER_FAKE_REQUESTS_MAX = 32768,
};

struct peer_fake;

struct peer_fake_request {
	uint64_t id;
	unsigned conn;
	uint8_t type;
	bool same_dc;
	size_t len;
	char *bytes;
};

struct peer_fake_conn {
	struct peer_fake *fake;
	struct tcp_conn *tcp; // NULL: over
	struct dnode_parser header;
	struct resp_request_parser request;
	bool in_request;
	bool closed; // by the other side, in either way
	char *in;    // of the request that is coming
	size_t in_len;
	size_t in_cap;
	char *out; // not sent yet
	size_t out_len;
	size_t out_cap;
};

struct peer_fake {
	struct tcp *tcp;
	struct tcp_listener *listener; // NULL: away
	uint16_t port;
	bool deaf;         // reads nothing
	bool echo;         // answers with the last argument as a bulk string
	const char *reply; // what each request is answered with; NULL: nothing
	size_t reply_len;  // 0: up to its NUL
	size_t step;       // bytes sent in a turn; 0: any number
	unsigned conn_n;
	struct peer_fake_conn conn[PEER_FAKE_CONNS_MAX];
	unsigned request_n;
	struct peer_fake_request request[PEER_FAKE_REQUESTS_MAX];
};

struct peer_fake *peer_fake_new(struct tcp *tcp, uint16_t port);
void peer_fake_free(struct peer_fake *fake);

void peer_fake_events(struct tcp *tcp);
void peer_fake_turn(struct peer_fake *fake);
// Has something to send that it does not wait for.
bool peer_fake_is_busy(const struct peer_fake *fake);

// Queues bytes as they are, or an answer with its header.
void peer_fake_say(struct peer_fake *fake, unsigned conn, const char *bytes, size_t len);
void peer_fake_answer(
	struct peer_fake *fake, unsigned conn, uint64_t id, const char *payload, size_t len);

// FIN behind what was queued so far, or RST.
void peer_fake_close(struct peer_fake *fake, unsigned conn);
void peer_fake_reset(struct peer_fake *fake, unsigned conn);
// Resets all and refuses; and takes connections again.
void peer_fake_away(struct peer_fake *fake);
void peer_fake_back(struct peer_fake *fake);
unsigned peer_fake_open(const struct peer_fake *fake);
