// The clients: connections of one machine to nodes, which pipeline requests and judge each reply as
// it comes. A client whose node crashes forgets what it asked and comes back when the node does.
#pragma once

#include "common/base/rng.h"
#include "common/proto/resp.h"
#include "tests/sim/cluster/history.h"
#include "tests/sim/cluster/host.h"

enum {
	CLIENT_DEPTH_MAX = 16,
	CLIENT_OWN_KEYS = 8,
};

enum client_phase {
	CLIENT_LOAD,  // makes requests
	CLIENT_WAIT,  // for replies only
	CLIENT_PROBE, // makes a few that must succeed
	CLIENT_LEAVE,
};

struct sim_client {
	struct rng rng;
	uint8_t index;
	const struct plan_client *plan;
	struct tcp_conn *conn;
	bool connected;
	unsigned life; // of the node, when it connected
	struct mono again_at;
	struct mono next_at; // of the next request
	struct op *pending[CLIENT_DEPTH_MAX];
	unsigned first;
	unsigned n;
	unsigned probes;
	struct resp_reply_parser parser;
	struct dict_reply in; // of a reply that is not whole
	uint32_t last[64];    // by key, its own last write; quiet runs only
};

struct clients {
	const struct plan *plan;
	struct history *history;
	struct host *host;
	const struct host *nodes;
	enum client_phase phase;
	struct sim_client client[PLAN_CLIENTS_MAX];
};

void clients_init(struct clients *cs, const struct plan *plan, struct history *h, struct host *host,
	const struct host *nodes);
void clients_fini(struct clients *cs);
// Between input and output of their host.
void clients_turn(struct clients *cs, struct mono now);
struct mono clients_next(const struct clients *cs);
// Nothing is owed to any.
bool clients_quiet(const struct clients *cs);
// In the phase PROBE: all are done with it.
bool clients_probed(const struct clients *cs);
