// What tcp_script.c (lines, segments, time) and tcp_script_calls.c (verbs) share.
#pragma once

#include "dataplane/tcp/tcp.h"
#include "tests/support/tcp_script_wire.h"

#define PEER_ISN 0x70000000u
#define QUEUE 256
#define CONNS 8
#define ANY UINT32_MAX

struct sent {
	struct mono at;
	struct wire_seg seg;
};

// One connection of the script, by its peer's port.
struct flow {
	uint16_t peer_port;
	uint16_t own_port;
	uint32_t iss;     // of the stack: sequence numbers in the script are relative to it
	uint32_t ts_base; // its first timestamp
	bool ts_known;
	struct tcp_conn *conn;
	uint64_t written;
	uint64_t read;
};

struct script {
	struct tcp_config cfg;
	uint16_t mtu;
	uint32_t backlog;
	struct wire wire;
	struct net *net;
	struct tcp *tcp;
	struct stats stats;
	struct tcp_listener *listener;
	struct mono now;
	struct sent queue[QUEUE]; // segments that the stack sent and no line expected yet
	unsigned queue_n;
	struct flow flows[CONNS];
	unsigned flow_n;
	struct flow *flow;
	bool payload_wrong; // of a segment that the stack sent
	char *error;
	size_t error_size;
};

// Notes what is wrong; always false.
bool script_fail(struct script *s, const char *fmt, ...) PRINTF_LIKE(2, 3);

// The verb of a line with its arguments.
bool script_call(struct script *s, const char *verb, char *args);

// `config`, which comes before all others.
bool script_config(struct script *s, char *args);
