// Two hosts, each a real net and tcp, joined by a link in virtual time (link_model.h), all from one
// seed. After each turn of a host tcp_check is made; what does not hold ends the test with the
// seed.
//
// Frames on their way are nobody's packet buffers: a host takes one of its pool when a frame
// arrives, as a port does, and the frame is lost when there is none.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/rng.h"
#include "common/stats/stats.h"
#include "dataplane/net/net.h"
#include "dataplane/tcp/tcp.h"
#include "tests/support/pcap_file.h"
#include "tests/support/link_model.h"

struct tcp_host {
	struct rte_mempool *pool;
	struct net *net;
	struct tcp *tcp;
	struct stats stats;
	struct ip_addr addr;
	struct ip_addr addr6;
	bool pool_lent;
	uint64_t check_credit;
};

struct tcp_pair;

// A host's user: called each turn between input and output.
typedef void tcp_pair_user(struct tcp_pair *pair, unsigned host, void *ctx);

// Whether a frame that host `from` sends is to be dropped.
typedef bool tcp_pair_drop(void *ctx, unsigned from, const struct rte_mbuf *frame);

struct tcp_pair {
	struct tcp_host host[2];
	struct link_model link;          // both ways
	const struct link_model *own[2]; // what host [i] sends takes this one instead, if not NULL
	struct link_way way[2];          // to host [i]
	struct mono now;
	uint64_t seed;
	uint64_t step;     // ns that pass between turns at least; 0: 1 us
	bool check_seldom; // tcp_check costs no more than the turns themselves
	uint64_t turns;
	bool tso[2];   // the host's device cuts large packets
	uint64_t cuts; // packets that a device cut
	struct rte_mempool *device_pool;
	uint64_t sent[2];    // frames with TCP in them, by host
	uint64_t bare[2];    // of them, those without payload
	uint64_t no_mbuf[2]; // frames that host [i] had no buffer for
	struct mono wake[2]; // when user [i] wants a turn at the latest; 0: never
	tcp_pair_user *user[2];
	void *user_ctx[2];
	tcp_pair_drop *drop;
	void *drop_ctx;
	struct pcap_file *pcap[2]; // what host [i] sends and receives; not closed here
};

struct tcp_pair_options {
	struct tcp_config tcp[2];
	unsigned mbufs;              // a host's pool; 0: 4096
	struct rte_mempool *pool[2]; // lent; NULL: each host makes its own
	uint16_t mtu;                // 0: 1500
	uint16_t mtu1;               // host 1's; 0: the same
	uint32_t tso[2];             // payload that the hosts' devices cut; 0: they do not
	uint16_t tso_segs;           // mbufs that they take; 0: 64
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
