// What one seed of the simulation does: the links, both hosts' settings, the connections. All of it
// follows from the seed; nothing here runs.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tests/support/tcp_pair.h"

#define SIM_CONNS_MAX 20
#define SIM_PORT 8102
#define SIM_PORT_CLOSED 9  // nobody listens there
#define SIM_PORT_BOTH 7000 // first of those for simultaneous opens

enum sim_kind {
	SIM_STREAM,  // each end sends all it has as fast as it may
	SIM_ASK,     // rounds of request and reply
	SIM_ANSWER,  // end 1 sends only after end 0's FIN
	SIM_REFUSED, // nobody listens
	SIM_KINDS,
};

// When an end says that it has no more to send.
enum sim_fin {
	SIM_FIN_SENT, // as soon as its last byte is queued
	SIM_FIN_READ, // when it also has read all of the other's
	SIM_FIN_EOF,  // when the other's FIN came
	SIM_FIN_BOTH, // at once with the other, when both have everything
	SIM_FINS,
};

// How it gives the connection back.
enum sim_end_kind {
	SIM_CLOSE_LATE,  // tcp_close after TCP_CLOSED
	SIM_CLOSE_EOF,   // tcp_close when its own FIN is queued and all of the other's was read
	SIM_CLOSE_FIN,   // tcp_close instead of tcp_shutdown, once it has read everything
	SIM_CLOSE_ABORT, // tcp_abort after abort_at bytes written and read
	SIM_CLOSES,
};

struct sim_end_plan {
	uint64_t total;      // bytes it sends
	uint32_t chunk;      // at most so many at once
	uint32_t ask;        // SIM_ASK: bytes of one request or reply; total is a multiple
	uint32_t read_max;   // bytes read at once; 0: all
	uint64_t read_pause; // ns between reads; 0: none
	enum sim_fin fin;
	enum sim_end_kind close;
	uint64_t abort_at;
};

struct sim_conn_plan {
	enum sim_kind kind;
	unsigned opener; // the host of end 0
	bool v6;
	bool both_open;      // simultaneous open
	uint16_t local_port; // 0: the stack chooses
	uint64_t start;      // ns
	struct sim_end_plan end[2];
};

struct sim_plan {
	uint64_t seed;
	const char *scene;         // for people
	struct link_model link[2]; // what host [i] sends takes it
	struct tcp_config cfg[2];
	uint16_t mtu[2];
	unsigned small_pool; // mbufs of each host; 0: plenty
	uint64_t step;
	uint64_t dead_after; // ns until nothing passes any more; 0: never
	unsigned backlog;
	struct sim_conn_plan conn[SIM_CONNS_MAX];
	unsigned conn_n;

	// What the links excuse, and for how long.
	bool clean;        // no frame is lost, dropped, changed, or overtaken
	bool may_reset;    // a FIN may find the other end gone
	bool may_time_out; // so bad, or dead, that a connection may be given up
	uint64_t bound;    // ns by which all connections have ended
	uint64_t drain;    // and after that, all memory is back
};

void sim_plan_draw(struct sim_plan *plan, uint64_t seed);

// Fills in the last part, and gives connections on bad links more tries: sim_excuse.c.
void sim_plan_excuse(struct sim_plan *plan);

void sim_plan_print(const struct sim_plan *plan);
