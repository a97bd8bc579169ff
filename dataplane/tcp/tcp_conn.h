// Life and death of struct tcp_conn, and the lists that it waits in.
#pragma once

#include "dataplane/tcp/tcp_seq.h"
#include "dataplane/tcp/tcp_types.h"

// RFC 9293 §3.7.1: when the peer offers no MSS.
#define TCP_MSS_DEFAULT_V4 536
#define TCP_MSS_DEFAULT_V6 1220

// A connection in the table, with nothing known but its name. NULL when conns_max are there.
struct tcp_conn *tcp_conn_new(
	struct tcp *tcp, const struct tcp_key *key, const struct net_path *path);

// What the peer offered in its SYN and we accept; `mtu` bounds the segment size.
struct tcp_peer {
	uint32_t irs;
	uint32_t iss;
	uint32_t ts_recent;
	uint32_t ts_offset;
	uint16_t mss;
	uint8_t wscale;
	bool ts;
	bool sack;
	bool ecn; // RFC 3168 §6.1.1: both ends are able
};

void tcp_conn_negotiate(struct tcp_conn *conn, const struct tcp_peer *peer);

// The size of our segments from now on, by route.mtu and what the peer takes.
void tcp_conn_set_mss(struct tcp_conn *conn);

// The handshake is done: congestion control and RTT begin. `syn_rtt` in ns, 0: not known.
void tcp_conn_establish(struct tcp_conn *conn, uint64_t syn_rtt, bool syn_lost);

// By its number below conns.touched. NULL: nobody has that slot. What is over stays for its user
// only.
static inline struct tcp_conn *tcp_conn_at(const struct tcp *tcp, uint32_t i)
{
	struct tcp_conn *conn = pool_at(&tcp->conns, i);

	return conn->state != TCPS_CLOSED || conn->owned ? conn : NULL;
}

void tcp_conn_set_state(struct tcp_conn *conn, enum tcp_state state);

// tcp_output will look at it.
static inline void tcp_conn_touch(struct tcp_conn *conn)
{
	if (!list_linked(&conn->out_link))
		list_push_back(&conn->tcp->out, &conn->out_link);
}

// What a request and its reply touch of it.
static inline void tcp_conn_prefetch(const struct tcp_conn *conn)
{
	const unsigned char *line = (const unsigned char *)conn;

	for (unsigned i = 0; i < sizeof(*conn) / CACHE_LINE; i++)
		rte_prefetch0(line + (size_t)i * CACHE_LINE);
}

void tcp_conn_raise(struct tcp_conn *conn, unsigned events);

// Its user is gone.
void tcp_conn_disown(struct tcp_conn *conn);

// Refused room for want of memory; and not any more.
void tcp_conn_starve(struct tcp_conn *conn);
void tcp_conn_feed(struct tcp_conn *conn);

// It is over. `error` as tcp_error has it; without one, bytes not yet read stay readable. The
// memory goes at once when no user holds it, else with tcp_close.
void tcp_conn_end(struct tcp_conn *conn, int error);

void tcp_conn_free(struct tcp_conn *conn);

// Gives up what arrived out of order, if anything did.
void tcp_conn_drop_reasm(struct tcp_conn *conn);

// Over in good order: the rest of its life is a TIME_WAIT entry.
void tcp_conn_time_wait(struct tcp_conn *conn);

// Bytes of its buffers.
static inline uint32_t tcp_conn_rcv_buf(const struct tcp_conn *conn)
{
	const struct tcp_config *cfg = &conn->tcp->cfg;

	return unlikely(conn->wide) ? RTE_MAX(cfg->wide_buf, cfg->rcv_buf) : cfg->rcv_buf;
}

static inline uint32_t tcp_conn_snd_buf(const struct tcp_conn *conn)
{
	const struct tcp_config *cfg = &conn->tcp->cfg;

	return unlikely(conn->wide) ? RTE_MAX(cfg->wide_buf, cfg->snd_buf) : cfg->snd_buf;
}

static inline bool tcp_conn_synchronized(const struct tcp_conn *conn)
{
	return conn->state >= TCPS_ESTABLISHED;
}

// Bytes queued or sent and not acknowledged.
static inline uint32_t tcp_conn_unacked(const struct tcp_conn *conn)
{
	uint32_t from = seq_max(conn->snd_una, conn->sq.seq);

	return seq_ahead(conn->sq.end, from);
}

// Bytes queued and never sent.
static inline uint32_t tcp_conn_unsent(const struct tcp_conn *conn)
{
	return conn->fin_sent ? 0 : seq_ahead(conn->sq.end, seq_max(conn->snd_nxt, conn->sq.seq));
}
