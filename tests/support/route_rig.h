// A session with clients and peers on a TCP pair, and nobody behind it: what it issues to its store
// and to other nodes is the test's, which answers when, in what order and with what it likes. The
// session is real; stages behind it are replaced at their queues.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cluster/ring.h"
#include "dataplane/session/session.h"
#include "tests/support/tcp_pair.h"

enum {
	ROUTE_RIG_NODES = 8,
	ROUTE_RIG_CONNS = 8,
	ROUTE_RIG_OUT = 256,
	ROUTE_RIG_PORT = 8102,
	ROUTE_RIG_PEER_PORT = 8101,
};

struct route_rig_node {
	const char *dc;
	const char *rack;
	uint32_t token;
};

struct route_rig_options {
	struct route_rig_node node[ROUTE_RIG_NODES]; // the first is the own one
	uint32_t node_n;
	uint8_t level; // enum consistency, of reads and writes
	unsigned mbufs;
};

struct route_rig_conn {
	struct tcp_conn *tcp; // NULL: none, or over
	bool over;
	char *in; // what came
	size_t in_len;
	size_t in_cap;
	const char *out; // not sent yet; the test's
	size_t out_len;
};

struct route_rig {
	struct tcp_pair *pair;
	struct session *session;
	struct snapshot *snapshot;
	struct ring *ring;
	struct request_queue answered;
	struct request *out[ROUTE_RIG_OUT]; // held by the test, in the order in which they came
	unsigned out_n;
	struct route_rig_conn conn[ROUTE_RIG_CONNS];
};

// A single datacentre of three racks of one node.
struct route_rig_options route_rig_options(void);
struct route_rig *route_rig_new(const struct route_rig_options *options);
// Gives back what is out as failed, ends all, and checks that nothing is left: aborts otherwise.
void route_rig_free(struct route_rig *rig);

// Virtual time; all that can happen happens.
void route_rig_run(struct route_rig *rig);

// To ROUTE_RIG_PORT or ROUTE_RIG_PEER_PORT.
struct route_rig_conn *route_rig_connect(struct route_rig *rig, uint16_t port);
void route_rig_send(struct route_rig *rig, struct route_rig_conn *c, const char *bytes, size_t len);
void route_rig_reset(struct route_rig *rig, struct route_rig_conn *c);
// What came is this; it is taken out.
bool route_rig_got(struct route_rig_conn *c, const char *bytes, size_t len);

// The bytes of a request that is out; at most `cap` are written, their number is returned.
size_t route_rig_bytes(const struct request *r, char *out, size_t cap);

// Answers out[at], and takes it off the list: the reply lies in segments, the first of them of
// `first` bytes, the others of `step` (0: as many as fit).
void route_rig_answer(struct route_rig *rig, unsigned at, const char *reply, size_t len,
	size_t first, size_t step);
// It failed and comes back.
void route_rig_fail(struct route_rig *rig, unsigned at, enum request_error error);
// Its node gives no sign of life: the session is told, it stays out.
void route_rig_doubt(struct route_rig *rig, unsigned at);
// It is out of time, and stays out: a later answer or failure only gives it back.
void route_rig_late(struct route_rig *rig, unsigned at, enum request_error error);
