// The trace of a core's connections: always on, a few instructions an event. What is traced are
// changes and exceptions, nothing that every segment does. common/stats/trace.def has the events.
#pragma once

#include <string.h>

#include "common/stats/trace.h"
#include "dataplane/tcp/tcp_types.h"

static inline void tcp_trace(
	struct tcp *tcp, const struct tcp_conn *conn, enum trace_id event, uint32_t a, uint32_t b)
{
	struct trace_rec rec = {
		.ns = tcp->now.ns,
		.slot = pool_index(&tcp->conns, conn),
		.remote_port = conn->key.remote_port,
		.local_port = conn->key.local_port,
		.event = (uint16_t)event,
		.a = a,
		.b = b,
	};

	memcpy(&rec.remote, conn->key.remote.b + 12, sizeof(rec.remote));
	trace_put(&tcp->trace, &rec);
}

// A segment of this connection is dropped: counted, and traced.
static inline void tcp_trace_drop(const struct tcp_conn *conn, enum drop reason, uint32_t seq)
{
	stat_drop(conn->tcp->stats, reason);
	tcp_trace(conn->tcp, conn, TRACE_DROP, reason, seq);
}
