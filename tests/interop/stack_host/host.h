// Our stack on a packet socket: frames of one interface in, frames out, one turn at a time.
#pragma once

#include <stdbool.h>

#include "common/base/compiler.h"
#include "common/base/ip_addr.h"
#include "common/stats/stats.h"
#include "dataplane/clock.h"
#include "dataplane/net/net.h"
#include "dataplane/tcp/tcp.h"

struct host {
	int fd;
	struct rte_ether_addr mac;
	struct clock clock;
	struct rte_mempool *pool;
	struct net *net;
	struct tcp *tcp;
	struct stats stats;
	struct net_rx rx;
	struct rte_mbuf *spare[NET_BURST]; // to receive into
	unsigned spare_n;
	struct rte_mbuf *tx[NET_BURST]; // not taken by the socket yet
	unsigned tx_n;
	uint64_t lost; // frames that the socket dropped before they were read
};

struct host_config {
	struct net_config net;
	struct tcp_config tcp;
};

// Opens the interface; frames up to `mtu`, `mbufs` of them. False: it said why.
bool host_open(struct host *host, const char *interface, uint16_t mtu, unsigned mbufs) MUST_CHECK;
void host_close(struct host *host);

// A stack without a past. Connections of an earlier one are gone without a word.
bool host_stack(struct host *host, const struct host_config *config) MUST_CHECK;

// Segments and timers in. Between the two the user looks at tcp_event.
void host_input(struct host *host, struct mono now);
void host_output(struct host *host, struct mono now);

// When host_input must be called at the latest.
struct mono host_next(const struct host *host);
