// What a seed means: the nodes and where they are, the network, what breaks when, and what clients
// do. All is drawn here, so that the same seed is the same run as long as nothing that draws from
// it changes.
//
// Times are ns since the start of the run, chances of a million.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/slice.h"
#include "common/cluster/snapshot.h"
#include "tests/support/link_model.h"

enum {
	PLAN_NODES_MAX = 8,
	PLAN_DCS_MAX = 3,
	PLAN_RACKS_MAX = 4, // of a datacentre
	PLAN_FAULTS_MAX = 10,
	PLAN_CLIENTS_MAX = 20,
	PLAN_NO_NODE = 255, // of plan_owner: the rack has none
};

#define PLAN_MILLION 1000000u

struct plan_node {
	uint8_t dc;
	uint8_t rack; // of the datacentre
	uint32_t token;
	uint64_t clock; // how far its clock is ahead
};

enum plan_fault_kind {
	PLAN_CRASH,     // of the node: its memory is gone, it is back at the end
	PLAN_STORE_END, // of the store: connections end, it is back at the end
	PLAN_STORE_HANG,
	PLAN_CUT,     // between `nodes` and the others, both ways
	PLAN_CUT_ONE, // only what `nodes` send to the others
	PLAN_SLOW,    // links of `nodes`
	PLAN_LOSSY,
	PLAN_NEW_EPOCH, // the same ring once more, with the next number
	PLAN_FAULT_KINDS,
};

struct plan_fault {
	uint8_t kind;
	uint8_t node;
	bool loses; // crash or end of the store: its data are gone
	uint16_t nodes;
	uint64_t from;
	uint64_t until;
};

struct plan_client {
	uint8_t node;
	uint8_t depth;   // requests on their way at once
	uint64_t think;  // ns between two requests, at most
	uint32_t leaves; // chance at each request that it goes away without waiting
};

struct plan {
	uint64_t seed;
	uint8_t node_n;
	uint8_t dc_n;
	uint8_t rack_n[PLAN_DCS_MAX];
	struct plan_node node[PLAN_NODES_MAX];
	uint8_t read_level;
	uint8_t write_level;
	uint8_t hash;
	bool quiet; // nothing breaks: every key has one writer, and all must succeed
	bool loses; // some store loses data
	uint32_t timeout_ms;
	uint64_t local_extra;
	uint64_t remote_extra;
	uint8_t local_connections;
	uint8_t remote_connections;
	uint32_t bulk_min;
	struct link_model near; // of one datacentre
	struct link_model far;
	uint64_t store_time;  // of a request, at most
	uint32_t store_error; // chance of an error instead
	uint32_t store_chain; // chance that a reply comes in pieces
	uint8_t fault_n;
	struct plan_fault fault[PLAN_FAULTS_MAX];
	uint8_t client_n;
	struct plan_client client[PLAN_CLIENTS_MAX];
	uint8_t key_n;
	uint32_t value_max;
	uint64_t load; // clients make requests for so long; faults are over then
};

void plan_draw(struct plan *plan, uint64_t seed);
void plan_print(const struct plan *plan);

// Who owns the key in a rack, counted by hand.
uint8_t plan_owner(const struct plan *plan, uint8_t dc, uint8_t rack, struct slice key);
// The node is the owner in its own rack.
bool plan_owns(const struct plan *plan, uint8_t node, struct slice key);

// The longest that a client may have to wait.
uint64_t plan_patience(const struct plan *plan);
