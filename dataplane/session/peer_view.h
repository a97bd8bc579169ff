// What routing knows of the peers: written by the peer stage of the same core once in a while, read
// by route_run. Index: node of the snapshot whose epoch it carries.
#pragma once

#include <stdint.h>

#include "common/cluster/snapshot.h"
#include "common/stats/peer_info.h"

// health: PEER_UNKNOWN was not tried yet and is worth a request; to PEER_DOWN they fail at once.
// PEER_LATE takes requests, but TCP waits for its acknowledgements longer than it should: whoever
// has a choice takes another one.

struct peer_fact {
	uint8_t health; // enum peer_health
	uint32_t rtt;   // us, of answers, smoothed; 0: none yet
};

struct peer_view {
	uint64_t epoch;
	uint32_t node_n;
	struct peer_fact fact[SNAPSHOT_NODES_MAX];
};
