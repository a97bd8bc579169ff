// The records of the stack, for its own files only. Users see tcp.h.
//
// A struct tcp_conn begins with its key; its first two cache lines hold the sequence numbers,
// windows and flags by which a segment is judged, the queues follow, and last comes what is rarely
// needed. TIME_WAIT and half-open connections are no struct tcp_conn but small records of their own
// (tcp_time_wait.h, tcp_half_open.h).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/list.h"
#include "common/base/pool.h"
#include "common/base/rng.h"
#include "common/base/wheel.h"
#include "common/stats/trace.h"
#include "dataplane/tcp/cc.h"
#include "dataplane/tcp/tcp.h"
#include "dataplane/tcp/tcp_fifo.h"
#include "dataplane/tcp/tcp_flight.h"
#include "dataplane/tcp/tcp_key.h"
#include "dataplane/tcp/tcp_ms.h"
#include "dataplane/tcp/tcp_rate.h"
#include "dataplane/tcp/tcp_reasm.h"
#include "dataplane/tcp/tcp_recv_queue.h"
#include "dataplane/tcp/tcp_rtt.h"
#include "dataplane/tcp/tcp_send_queue.h"
#include "dataplane/tcp/tcp_table.h"

// LISTEN is struct tcp_listener, TIME_WAIT is struct tcp_time_wait.
enum tcp_state {
	TCPS_CLOSED, // over; the user still holds it
	TCPS_SYN_SENT,
	TCPS_SYN_RECEIVED, // by simultaneous open only
	TCPS_ESTABLISHED,
	TCPS_CLOSE_WAIT,
	TCPS_FIN_WAIT_1,
	TCPS_FIN_WAIT_2,
	TCPS_CLOSING,
	TCPS_LAST_ACK,
};

// What the retransmission deadline of a connection stands for.
enum tcp_rexmt_mode {
	TCP_REXMT_NONE,
	TCP_REXMT_RTO,     // something is outstanding
	TCP_REXMT_PROBE,   // the same, and a tail loss probe comes first
	TCP_REXMT_PERSIST, // nothing is outstanding and the window keeps us from sending
};

// What congestion control is about.
enum tcp_ca {
	TCP_CA_OPEN,
	TCP_CA_RECOVERY, // of what was found lost by acknowledgements
	TCP_CA_LOSS,     // after a time-out
};

// RFC 5682: a time-out that may be a mistake.
enum tcp_frto {
	TCP_FRTO_OFF,
	TCP_FRTO_FIRST,  // the first ACK is awaited
	TCP_FRTO_SECOND, // new data goes out, and the second ACK will tell
};

// In the order of their use. Errors are errno values, which fit a byte.
struct tcp_conn {
	// By what a segment is judged.
	struct tcp_key key;
	uint32_t rcv_nxt;
	uint32_t rcv_adv; // right edge of the window, as far as it was ever advertised
	uint32_t snd_una;
	uint32_t snd_nxt;
	uint32_t ts_recent;
	uint8_t state; // enum tcp_state
	uint8_t snd_wscale;
	uint8_t rcv_wscale;
	uint8_t events; // enum tcp_event, not yet fetched

	// By what it is answered.
	uint32_t snd_wnd;
	uint32_t snd_wl1;
	uint32_t snd_wl2;
	uint32_t last_ack_sent;
	uint16_t mss;        // payload of our segments
	uint16_t unacked_in; // bytes received and not acknowledged, saturating at 0xffff
	uint8_t dups_owed;   // duplicate ACKs to send
	uint8_t dup_acks;    // duplicate ACKs received
	uint8_t backoff;
	uint8_t retries; // time-outs since the last progress
	bool ack_now : 1;
	bool ts_on : 1;
	bool wscale_on : 1;
	bool fin_queued : 1; // the user has no more to send
	bool fin_sent : 1;
	bool fin_known : 1; // the peer's FIN is at rcv_fin, perhaps behind a hole
	bool orphan : 1;    // the user is gone
	bool owned : 1;     // the user has it: events are for somebody
	bool sack_on : 1;
	bool ecn_on : 1;
	bool ecn_quiet : 1;  // we send no ECT, and echo what the peer's got
	bool ecn_echo : 1;   // CE arrived, and no CWR since
	bool cwr_due : 1;    // CWR goes out with the next new segment
	bool tlp_due : 1;    // tail loss probe
	uint8_t ca : 2;      // enum tcp_ca
	uint8_t frto : 2;    // enum tcp_frto
	bool rexmt_head : 1; // the first record goes out again whatever cwnd says
	bool cwnd_limited : 1;
	bool want_room : 1;  // tcp_send_room was found short
	bool starved : 1;    // was refused room for want of memory
	bool want_acked : 1; // TCP_ACKED was asked for
	bool syn_due : 1;    // SYN or SYN-ACK is to be sent
	bool probe_due : 1;  // zero-window probe
	bool alive_due : 1;  // keep-alive probe
	bool ts_lenient : 1; // the handshake's ACK came without a timestamp
	bool narrow : 1;     // route.mtu was lowered, at mtu_at
	bool reordering_seen : 1;
	bool wide : 1; // tcp_widen
	uint32_t ts_offset;
	struct list out_link; // in tcp->out
	struct tcp *tcp;
	struct tcp_flight *flight; // never NULL

	// Queues and owners.
	struct tcp_recv_queue rq;
	struct tcp_send_queue sq;
	struct list wait_link; // in tcp->events; until tcp_accept in the listener's

	union {
		void *user;
		struct tcp_listener *listener; // until tcp_accept
	};
	struct tcp_reasm *reasm; // NULL: nothing out of order
	struct net_route route;
	struct mono rexmt_from; // since when it is waited; 0: from the next decision on
	struct mono rexmt_at;   // 0: not armed; likewise the others
	struct mono delack_at;
	struct mono keep_at;
	struct mono sent_at; // last data to the peer

	struct wheel_timer timer;
	struct tcp_rtt rtt;
	struct tcp_cc cc;
	uint32_t rcv_taken; // bytes that the user holds
	uint32_t max_snd_wnd;
	uint32_t heard_at; // last segment from the peer; tcp_ms, and so are the others
	uint32_t confirm_at;
	uint32_t ts_recent_age; // seconds
	uint16_t proven;        // payload of the largest segment that has arrived
	uint8_t rexmt_mode;     // enum tcp_rexmt_mode
	uint8_t reo_wnd_mult;
	uint8_t reo_wnd_persist; // recoveries until reo_wnd_mult is forgotten
	uint8_t error;
	uint8_t soft_error;
	uint8_t keep_probes;
	uint16_t peer_mss; // as its SYN had it, 0: not at all
	uint16_t mtu_wait; // seconds from mtu_at until the full size is tried again
	uint32_t mtu_at;
	uint32_t mute_at;  // first probe of a closed window that was not answered, if `retries`
	uint32_t oow_paid; // answers to unacceptable segments so far are paid for by then
	struct tcp_sack_block dsack; // to be reported; empty: none
	uint32_t rcv_fin;
	uint32_t iss;
	struct tcp_fifo_link starved_link; // in tcp->starved, if `starved`
};

// With its share of the table, an idle connection is to cost less than 512 bytes.
_Static_assert(sizeof(struct tcp_conn) == 7 * CACHE_LINE, "as small as it is");
_Static_assert(offsetof(struct tcp_conn, snd_wnd) == CACHE_LINE, "what judges is one line");
_Static_assert(offsetof(struct tcp_conn, rq) == 2 * CACHE_LINE, "what answers is two lines");

// Half-open entries wait in one list for each number of time-outs, the last list for all further
// ones: in each list all wait equally long.
#define TCP_HALF_OPEN_LEVELS 9

struct tcp_listener {
	struct tcp *tcp;
	struct ip_addr addr; // any: every own address
	uint16_t port;
	uint32_t backlog;
	uint32_t waiting;
	struct list accept; // of tcp_conn.wait_link
	struct list link;   // in tcp->listeners
};

struct tcp {
	struct tcp_config cfg;
	struct net *net;
	struct rte_mempool *pool;
	struct stats *stats;
	const struct cc_ops *cc;
	struct mono now;
	uint64_t mem;
	struct list out;         // connections that tcp_output must look at
	struct list events;      // connections with events to fetch
	struct tcp_fifo starved; // connections that were refused room for want of memory
	struct list listeners;
	struct tcp_fifo time_wait;                       // oldest first
	struct tcp_fifo half_open[TCP_HALF_OPEN_LEVELS]; // by number of time-outs, oldest first
	struct tcp_table table;
	struct pool conns;
	struct pool half_opens;
	struct pool time_waits;
	struct pool flights;
	struct pool sents;
	struct pool reasms;
	struct wheel_timer time_wait_timer;
	struct wheel_timer half_open_timer;
	struct tcp_rate rst_rate;
	struct tcp_rate challenge_rate;
	struct tcp_rate cookie_rate;      // of cookies that were wrong
	struct tcp_credit syn_ack_credit; // to send them again
	struct mono cookie_at;            // when a cookie was last sent
	uint32_t port_next;
	uint8_t rcv_wscale;
	struct rng rng;
	struct trace_ring trace;
	struct wheel wheel;
};
