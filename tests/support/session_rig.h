// A whole worker without a port: the client's TCP stack and the server's, joined in memory, with a
// session and a store between them and a clock that the test moves.
//
// Frames are copied from one side's pool to the other's, as a wire would. Time goes on by a fixed
// step a turn; while a turn finds nothing to do, the store's descriptors are waited for, so that a
// real server on the other end gets its time too.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/mono.h"
#include "common/cluster/snapshot.h"
#include "common/stats/stats.h"
#include "dataplane/session/session.h"
#include "dataplane/store/store.h"
#include "dataplane/tcp/tcp.h"

#define RIG_PORT 8102
#define RIG_CLIENTS_MAX 128

struct rig_side {
	struct rte_mempool *pool;
	struct stats *stats;
	struct net *net;
	struct tcp *tcp;
};

struct rig_client {
	struct tcp_conn *conn;
	bool connected;
	bool eof;
	bool closed;
	bool paused;       // reads nothing
	bool discard;      // counts what comes, keeps none of it
	uint32_t read_max; // bytes it takes in a turn, 0: all
	char *in;          // what came
	size_t in_len;
	size_t in_cap;
	uint64_t received;
	const char *out; // the test's; what is left to send
	size_t out_len;
	size_t out_step; // bytes in one segment, 0: as many as fit
	uint64_t sent;
};

struct rig {
	struct rig_side server;
	struct rig_side client;
	struct rte_mempool *big;
	struct session *session;
	struct store *store;
	struct snapshot *snapshot;
	struct ring *ring; // NULL: none yet
	struct mono now;
	uint64_t step; // ns a turn
	struct rig_client clients[RIG_CLIENTS_MAX];
	unsigned client_n;
	unsigned pool_peak; // most mbufs of the server's that were out
	unsigned big_peak;
	bool alone; // nobody outside of this process is waited for
	void (*each_turn)(void *ctx);
	void *ctx;
};

struct rig_config {
	struct session_config session;
	struct store_config store;
	struct tcp_config tcp;
	unsigned server_mbufs;
	unsigned client_mbufs;
	unsigned big_mbufs;
};

// For a store at `address`; change what the test is about, then rig_new.
struct rig_config rig_config_default(const char *address);
struct rig *rig_new(const struct rig_config *config);

// Ends everything. Returns whether nothing leaked; says what did.
bool rig_free(struct rig *rig);

void rig_turn(struct rig *rig);
// Until `done` or for so many turns. Returns whether it was done.
bool rig_until(struct rig *rig, bool (*done)(void *ctx), void *ctx, unsigned turns);
// Virtual time.
void rig_sleep(struct rig *rig, uint64_t ns);

struct rig_client *rig_connect(struct rig *rig);
// Sends what it can now, the rest in later turns. The bytes stay the test's.
void rig_send(struct rig *rig, struct rig_client *c, const char *bytes, size_t len);
// Waits for so many bytes.
bool rig_receive(struct rig *rig, struct rig_client *c, size_t len);
// Waits for exactly these bytes, and takes them out. Prints what came otherwise.
bool rig_expect(struct rig *rig, struct rig_client *c, const char *bytes, size_t len);
#define RIG_EXPECT(rig, c, text) rig_expect(rig, c, text, sizeof(text) - 1)
// Sends and expects.
#define RIG_ASK(rig, c, request, reply)                  \
	(rig_send(rig, c, request, sizeof(request) - 1), \
		rig_expect(rig, c, reply, sizeof(reply) - 1))
// Waits for the server's FIN, or a reset.
bool rig_closed(struct rig *rig, struct rig_client *c);
