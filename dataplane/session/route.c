// Where a request goes. With one node there is one store; the ring's owner of the first key
// (resp_cmd_first_key) is found here once there are peers.
#include "dataplane/session/core.h"

// The state of the node decides about what touches its data. PING and ECHO are how load balancers
// ask whether a node serves.
static bool state_allows(const struct snapshot *snapshot, const struct resp_cmd *cmd)
{
	if (cmd->route == RESP_CMD_ROUTE_LOCAL && cmd->id != CMD_PING && cmd->id != CMD_ECHO)
		return true;
	if (!snapshot)
		return false;
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

static void refuse(struct session *s, struct request *r, enum request_error error)
{
	r->error = (uint8_t)error;
	r->flags |= REQUEST_DONE;
	request_drop_bytes(r);
	client_settle_later(s, r->client);
}

static void route(struct session *s, struct request *r, const struct snapshot *snapshot)
{
	if (r->flags & REQUEST_DONE) {
		client_settle_later(s, r->client);
	} else if (!state_allows(snapshot, r->cmd)) {
		refuse(s, r, REQUEST_ERROR_STATE);
	} else if (r->cmd->route == RESP_CMD_ROUTE_LOCAL && !(r->flags & REQUEST_BULK)) {
		r->target = REQUEST_TO_LOCAL;
		client_settle_later(s, r->client);
	} else {
		r->target = REQUEST_TO_STORE;
		r->client->store_n++;
		r->flags |= REQUEST_HELD;
		request_push(&s->issued, r);
	}
}

unsigned route_run(struct session *s, const struct snapshot *snapshot, struct mono now)
{
	unsigned n = s->routed.n;
	struct request *r;

	(void)now;
	while ((r = request_pop(&s->routed))) {
		r->flags &= (uint16_t)~REQUEST_HELD;
		if (r->client)
			route(s, r, snapshot);
		else
			session_release(s, r);
	}
	return n;
}
