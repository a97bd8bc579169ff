// What the state of this node (dynomite.md §9) lets be done with the data of its own store.
// Requests for other nodes are passed on in any state.
#pragma once

#include <stdbool.h>

#include "common/cluster/snapshot.h"
#include "common/proto/resp_cmd.h"

// PING and ECHO are how load balancers ask whether a node serves.
static inline bool state_allows(const struct snapshot *snapshot, const struct resp_cmd *cmd)
{
	if (cmd->route == RESP_CMD_ROUTE_LOCAL && cmd->id != CMD_PING && cmd->id != CMD_ECHO)
		return true;
	switch (snapshot->state) {
	case NODE_NORMAL:
		return true;
	case NODE_RESUMING:
	case NODE_WRITES_ONLY:
		return cmd->access == RESP_CMD_WRITE;
	default:
		return false;
	}
}
