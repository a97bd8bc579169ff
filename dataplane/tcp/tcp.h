// TCP of one core, as a library: segments, calls and `now` in; packets (through net_output) and
// events out. No clock, no descriptor, no thread, no chance but for the seed that it is given.
//
//   each turn:  tcp_input   the segments of a burst
//               tcp_event   who has bytes, room, an end; the user reads, writes, closes
//               tcp_output  sends what connections have to send and the ACKs they owe
//   and tcp_advance by tcp_next at the latest.
//
// Nothing blocks and nothing calls back: what happened to a connection is an event that the user
// fetches. A connection is the user's from tcp_accept or tcp_connect until tcp_close or tcp_abort;
// what TCP still has to do after tcp_close (send the rest, FIN, TIME_WAIT) it does alone.
//
// Everything is bounded by `struct tcp_config`. Names are those of RFC 9293.
//
// Sources: RFC 9293, 5681, 6298, 7323, 5961, 6528, 1337, 4987 (SYN cookies), 2525.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "common/base/compiler.h"
#include "common/base/ip_addr.h"
#include "common/base/mono.h"
#include "common/base/siphash.h"
#include "common/stats/stats.h"
#include "dataplane/net/net.h"
#include "dataplane/net/steer.h"
#include "dataplane/tcp/cc.h"

enum tcp_ecn {
	TCP_ECN_OFF,
	TCP_ECN_ACCEPT, // when the peer offers it
	TCP_ECN_OFFER,
};

struct tcp_config {
	uint32_t conns_max;      // connections, all states but TIME_WAIT and half-open
	uint32_t half_open_max;  // SYNs answered and remembered; beyond that, cookies
	uint32_t time_wait_max;  // oldest are recycled beyond that
	uint32_t rcv_buf;        // bytes of receive buffer of a connection: its largest window
	uint32_t snd_buf;        // bytes that tcp_send_room offers
	uint32_t wide_buf;       // both, of a connection that was widened, if it is more
	uint64_t mem_max;        // bytes of mbufs that all connections together may pin
	uint64_t rto_min;        // ns, RFC 6298's 1 s lowered
	uint64_t rto_max;        // ns
	uint64_t delayed_ack;    // ns, 0: every burst of segments is acknowledged at its end
	uint64_t keepalive_idle; // ns without a segment until the first probe; 0: never
	uint64_t keepalive_interval;
	uint64_t wide_keepalive; // ns, both of them, of a connection that was widened; 0: the same
	uint32_t keepalive_probes; // unanswered probes until the connection is given up, <= 255
	uint32_t syn_retries;      // <= 255
	uint32_t data_retries; // retransmissions of the same data until the connection is given up,
			       // <= 255
	// ns that probes of a closed window go unanswered, five of them at the least, until the
	// connection is given up. RFC 1122 §4.2.3.5 (R2): 100 s or more.
	uint64_t persist_silence;
	uint64_t fin_wait_2; // ns that a closed connection waits for the peer's FIN
	uint64_t time_wait;  // ns, 2 MSL
	bool syn_cookies;    // when the half-open table is full
	bool backlog_reset;  // accept queue full: reset, instead of leaving the peer to try again
	bool timestamps;     // offered and accepted
	bool window_scaling;
	bool sack; // with D-SACK, RACK and tail loss probes
	enum tcp_ecn ecn;
	const struct cc_ops *cc;   // congestion control: dataplane/tcp/cc.h
	struct siphash_key secret; // for ISNs, ports, cookies and the connection table
	uint64_t seed;
	// Local ports are chosen such that answers belong to `worker`. NULL: any will do.
	const struct steer *steer;
	unsigned worker;
};

// Values for a server on the internet.
struct tcp_config tcp_config_default(void);

struct tcp;
struct tcp_conn;
struct tcp_listener;

// `net` and `pool` must outlive it; `pool` has a data room for a whole segment beside
// RTE_PKTMBUF_HEADROOM. NULL when out of memory.
struct tcp *tcp_new(const struct tcp_config *config, struct net *net, struct rte_mempool *pool,
	struct stats *stats, struct mono now) MUST_CHECK;

// Frees all connections without a word to their peers.
void tcp_free(struct tcp *tcp);

// --- the loop

// Takes the segments. n <= NET_BURST.
void tcp_input(struct tcp *tcp, struct rte_mbuf **segs, unsigned n, struct mono now);

// An ICMP error that quotes one of our segments.
void tcp_icmp(struct tcp *tcp, const struct net_icmp *icmp, struct mono now);

// Sends for every connection that has something to send, as far as net_tx_room allows; the rest
// waits for the next call. True when nothing was left waiting for room.
bool tcp_output(struct tcp *tcp, struct mono now);

// Runs timers that are due. tcp_next: when the next one may be.
void tcp_advance(struct tcp *tcp, struct mono now);
struct mono tcp_next(const struct tcp *tcp);

// --- events

enum tcp_event {
	TCP_CONNECTED = 1 << 0, // of tcp_connect
	TCP_READABLE = 1 << 1,  // tcp_recv has bytes
	TCP_WRITABLE = 1 << 2,  // tcp_send_room grew to at least half after it was found short
	TCP_EOF = 1 << 3,       // the peer sent FIN; every byte before it was or can be read
	TCP_CLOSED = 1 << 4,    // over (tcp_error says why); only tcp_close or tcp_abort may follow
	TCP_ACKED = 1 << 5,     // everything that was sent is acknowledged (only if asked for)
};

// The next connection to which something happened since it was last returned, with the set of
// events; NULL when there is none. Level-free: each event is reported once.
struct tcp_conn *tcp_event(struct tcp *tcp, unsigned *events);

// --- opening

// Accepts connections to `port` on every own address, or on `addr` alone when it is not NULL.
// `backlog` is the number of established connections that may wait for tcp_accept.
// 0 or -EADDRINUSE, -ENOMEM.
int tcp_listen(struct tcp *tcp, const struct ip_addr *addr, uint16_t port, uint32_t backlog,
	struct tcp_listener **out) MUST_CHECK;

// Refuses from now on; connections that wait are reset, accepted ones are not touched.
void tcp_unlisten(struct tcp_listener *listener);

// The next established connection, or NULL. It may already be readable: its events follow.
struct tcp_conn *tcp_accept(struct tcp_listener *listener);

// Opens a connection; TCP_CONNECTED or TCP_CLOSED follows. `local_port` 0: chosen (RFC 6056).
// 0 or -EHOSTUNREACH, -EADDRNOTAVAIL, -EADDRINUSE, -ENOMEM.
int tcp_connect(struct tcp *tcp, const struct ip_addr *remote, uint16_t remote_port,
	uint16_t local_port, struct mono now, struct tcp_conn **out) MUST_CHECK;

// For a connection that alone must fill a long link, and whose end is to be noticed soon: both
// buffers are of wide_buf from now on, if that is more, and it is probed as wide_keepalive says.
void tcp_widen(struct tcp_conn *conn);

// --- bytes

// Takes all bytes that arrived in order: a chain linked by `next`, each mbuf holding payload only
// (nb_segs and pkt_len of its head are not kept: walk it by `next`, free it by
// rte_pktmbuf_free_seg). NULL when there are none. The bytes count against the receive window
// until tcp_recv_done gives them back.
struct rte_mbuf *tcp_recv(struct tcp_conn *conn);

// `bytes` of what tcp_recv gave are no longer held: the window opens. 0 does nothing.
void tcp_recv_done(struct tcp_conn *conn, uint32_t bytes);

// Queues a chain (linked by `next`; any mbuf of it may be indirect or shared, and is not written
// to). Takes it in any case; false when the connection can no longer send. Never refused for its
// size: whoever sends asks tcp_send_room before it makes more.
bool tcp_send(struct tcp_conn *conn, struct rte_mbuf *chain);

// The same for a few bytes, which are copied. False also when no mbuf is left.
bool tcp_send_copy(struct tcp_conn *conn, const void *bytes, size_t len);

// Bytes that fit the send buffer; 0 when it is full. Asking when it is short arms TCP_WRITABLE.
uint32_t tcp_send_room(struct tcp_conn *conn);

// Asks for one TCP_ACKED, as soon as tcp_unacked is 0; at once if it is.
void tcp_want_acked(struct tcp_conn *conn);

// Bytes queued or sent and not yet acknowledged.
uint32_t tcp_unacked(const struct tcp_conn *conn);

// --- ending

// FIN after what is queued. Receiving goes on.
void tcp_shutdown(struct tcp_conn *conn);

// The user is done: FIN after what is queued, or RST when received bytes were not read
// (RFC 2525 §2.17). The pointer is dead; bytes taken by tcp_recv remain the user's.
void tcp_close(struct tcp_conn *conn);

// RST, and all is dropped. The pointer is dead.
void tcp_abort(struct tcp_conn *conn);

// --- facts

void tcp_set_user(struct tcp_conn *conn, void *user);
void *tcp_user(const struct tcp_conn *conn);

// Time-outs since something was last acknowledged: above 0, the peer gives no sign of life though
// it should.
unsigned tcp_time_outs(const struct tcp_conn *conn);

// 0, or ECONNRESET, ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH after TCP_CLOSED.
int tcp_error(const struct tcp_conn *conn);

struct tcp_endpoints {
	struct ip_addr local;
	struct ip_addr remote;
	uint16_t local_port;
	uint16_t remote_port;
};

struct tcp_endpoints tcp_conn_endpoints(const struct tcp_conn *conn);

// For tests and leak checks.
struct tcp_usage {
	uint32_t conns;
	uint32_t half_open;
	uint32_t time_wait;
	uint64_t mem; // bytes of mbufs pinned
};

struct tcp_usage tcp_usage(const struct tcp *tcp);
