// Redis clients on our own TCP: connections that send PING, then SETs and GETs of keys of their
// own, and compare every byte of every reply with what it must be.
//
//	load_new       opens the connections
//	load_run       each turn, between tcp_input and tcp_output: takes all events of `tcp`
//
// Counts what happened and asserts nothing; load_complaint says in words what was wrong first.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/ip_addr.h"
#include "common/base/mono.h"
#include "dataplane/tcp/tcp.h"

#define LOAD_VALUE_MAX 4096

struct load_config {
	struct ip_addr peer;
	uint16_t port;
	unsigned conns;
	unsigned pipeline; // requests of a connection in flight
	uint64_t requests; // of a connection
	size_t value_len;  // at most LOAD_VALUE_MAX
	bool stay;         // a connection that is done waits for its end instead of closing
};

struct load_counts {
	uint64_t sent;
	uint64_t answered;  // rightly
	unsigned connected; // ever
	unsigned done;      // all their requests are answered
	unsigned ended;     // by the peer, with nothing unanswered
	unsigned failed;    // all else: refused, reset, ended early, a wrong reply
};

struct load;

// NULL when out of memory.
struct load *load_new(
	const struct load_config *config, struct tcp *tcp, struct mono now) MUST_CHECK;
void load_free(struct load *load);

void load_run(struct load *load);

struct load_counts load_counts(const struct load *load);

// Every connection is done, or ended otherwise.
bool load_over(const struct load *load);

// The first thing that went wrong, or NULL.
const char *load_complaint(const struct load *load);
