// Listeners and their queues of established connections that wait for tcp_accept.
#pragma once

#include <stdbool.h>

#include "dataplane/tcp/tcp_conn.h"
#include "dataplane/tcp/tcp_seg.h"

// The listener for a segment's destination, or NULL.
struct tcp_listener *tcp_listener_find(struct tcp *tcp, const struct tcp_key *key);

static inline bool tcp_listener_full(const struct tcp_listener *listener)
{
	return listener->waiting >= listener->backlog;
}

// The handshake is done: a connection in the queue. `seg` is the ACK that completed it; the caller
// then lets it arrive at the connection, for what else it carries. NULL when there is no room, and
// the reason was counted.
struct tcp_conn *tcp_listener_establish(struct tcp_listener *listener, const struct tcp_seg *seg,
	const struct tcp_peer *peer, uint64_t syn_rtt, bool syn_lost);
