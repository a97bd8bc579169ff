// What is told about connections (common/stats/conn_info.def), and going through all of a core's,
// a portion a call, while they come and go. For the core itself; nothing is kept.
#pragma once

#include <stdint.h>

#include "common/stats/conn_info.h"
#include "common/stats/trace.h"
#include "dataplane/tcp/tcp.h"

void tcp_info(const struct tcp_conn *conn, struct conn_info *out);

// Which connections are wanted.
struct tcp_info_filter {
	struct ip_addr remote; // any: all
	uint16_t port;         // of either end; 0: all
	int state;             // enum conn_state; -1: all
};

// Slots looked at in one call, at most.
#define TCP_INFO_SCAN 1024

// Nothing further.
#define TCP_INFO_END UINT32_MAX

// Fills `out` with up to `max` connections from slot `from` on, in the order of their slots, and
// says in *next where to go on. A connection that lives all the while is met exactly once. Returns
// how many there are in `out`, which may be none before the end.
uint32_t tcp_info_page(const struct tcp *tcp, const struct tcp_info_filter *filter, uint32_t from,
	uint32_t max, struct conn_info *out, uint32_t *next);

const struct trace_ring *tcp_trace_ring(const struct tcp *tcp);
