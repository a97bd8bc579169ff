// The two users of each connection of a plan: they open, write, read, end and close by the plan,
// act on events only (so that a lost event shows as a hang), and note what they saw.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/sim_plan.h"

struct sim_conn;

struct sim_end {
	const struct sim_end_plan *plan;
	struct sim_conn *of;
	unsigned host;
	struct tcp_conn *conn; // NULL: not yet, or given back
	struct rng rng;
	uint64_t key; // of the bytes it sends
	uint64_t made;
	uint64_t read;
	uint64_t held; // read and not given back to the window
	struct mono read_at;
	struct mono retry_at; // it was out of buffers
	bool open;            // connected or accepted
	bool readable;
	bool writable;
	bool fin;    // it has said that it has no more
	bool wanted; // it asked for TCP_ACKED
	bool acked;
	bool eof;
	bool closed;  // TCP_CLOSED was seen
	bool refused; // tcp_send did not take bytes
	bool aborted;
	bool done; // nothing is left to do
	int error; // of tcp_error
};

struct sim_conn {
	const struct sim_conn_plan *plan;
	unsigned index;
	struct sim_end end[2];
	uint16_t port; // local port of end 0
	bool started;
	bool both_done; // every byte was read at both ends, as of the last turn
};

struct sim {
	const struct sim_plan *plan;
	struct tcp_pair *pair;
	struct tcp_listener *listener[2];
	struct sim_conn conn[SIM_CONNS_MAX];
	struct mono begin;
	char wrong[256]; // the first thing that was, or empty
	uint64_t resets;
	uint64_t time_outs;
};

void sim_conns_init(struct sim *sim);

// The turn of one host's users; a tcp_pair_user.
void sim_conns_turn(struct tcp_pair *pair, unsigned host, void *sim);

bool sim_conns_done(const struct sim *sim);

// Notes the first thing that was wrong.
__attribute__((format(printf, 2, 3))) void sim_wrong(struct sim *sim, const char *format, ...);
