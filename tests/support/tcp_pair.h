// Two hosts, each a real net and tcp, joined by a link in virtual time: delay, jitter, loss,
// duplication, reordering, bit errors, all from one seed. After each turn of a host tcp_check is
// made; what does not hold ends the test with the seed.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/rng.h"
#include "common/stats/stats.h"
#include "dataplane/net/net.h"
#include "dataplane/tcp/tcp.h"

struct tcp_host {
	struct rte_mempool *pool;
	struct net *net;
	struct tcp *tcp;
	struct stats stats;
	struct ip_addr addr;
	struct ip_addr addr6;
};

// Chances are of a million.
struct tcp_link {
	uint64_t delay;
	uint64_t jitter;
	uint32_t loss;
	uint32_t dup;
	uint32_t reorder; // such a frame is later by reorder_delay
	uint32_t corrupt;
	uint64_t reorder_delay;
	bool down;
};

struct tcp_frame {
	struct mono at;
	uint64_t order;
	struct rte_mbuf *m; // in the receiver's pool
};

#define TCP_PAIR_FRAMES 8192

struct tcp_pair;

// A host's user: called each turn between input and output.
typedef void tcp_pair_user(struct tcp_pair *pair, unsigned host, void *ctx);

// Whether a frame that host `from` sends is to be dropped.
typedef bool tcp_pair_drop(void *ctx, unsigned from, const struct rte_mbuf *frame);

struct tcp_pair {
	struct tcp_host host[2];
	struct tcp_link link; // both ways
	struct mono now;
	uint64_t seed;
	struct rng rng;
	struct tcp_frame frames[2][TCP_PAIR_FRAMES]; // on their way to host [i]
	unsigned frame_n[2];
	uint64_t frame_order;
	uint64_t sent[2]; // frames with TCP in them, by host
	uint64_t bare[2]; // of them, those without payload
	tcp_pair_user *user[2];
	void *user_ctx[2];
	tcp_pair_drop *drop;
	void *drop_ctx;
};

struct tcp_pair_options {
	struct tcp_config tcp[2];
	unsigned mbufs; // a host's pool; 0: 4096
	uint16_t mtu;   // 0: 1500
	uint64_t seed;
};

struct tcp_pair_options tcp_pair_options(uint64_t seed);

struct tcp_pair *tcp_pair_new(const struct tcp_pair_options *options);

// Frees all; checks that every mbuf came back.
void tcp_pair_free(struct tcp_pair *pair);

// One turn of both hosts now.
void tcp_pair_turn(struct tcp_pair *pair);

// Turns, and time forward to whatever is next, until nothing is left to do before `ns` passed.
void tcp_pair_run(struct tcp_pair *pair, uint64_t ns);

// The same, but at most `ns` and only until `done` says so. False when it never did.
bool tcp_pair_until(
	struct tcp_pair *pair, uint64_t ns, bool (*done)(struct tcp_pair *, void *), void *ctx);

// Listens on host 1, connects from host 0, and lets the handshake happen.
void tcp_pair_connect(struct tcp_pair *pair, struct tcp_listener **listener,
	struct tcp_conn **client, struct tcp_conn **server);

// The events of `conn`; those of others are lost.
unsigned tcp_pair_events(struct tcp_pair *pair, unsigned host, const struct tcp_conn *conn);

// Reads all there is into `buf` and gives it back to the window; returns the bytes.
size_t tcp_pair_read(struct tcp_conn *conn, void *buf, size_t size);
