// A burst of segments: taken apart, looked up with prefetch, and handed each to what it belongs
// to. No bare ACK leaves from here: tcp_output sends what is owed after the whole burst.
#include "dataplane/tcp/tcp_arrival.h"
#include "dataplane/tcp/tcp_conn.h"
#include "dataplane/tcp/tcp_half_open.h"
#include "dataplane/tcp/tcp_listen.h"
#include "dataplane/tcp/tcp_rst.h"
#include "dataplane/tcp/tcp_time_wait.h"

// How far before a segment's turn what its connection queues is fetched.
#define AHEAD 8
// Bytes that segments are joined up to.
#define TRAIN_MAX 65536u

// RFC 9293 §3.10.7.2, and §3.10.7.1 when nobody listens.
static struct tcp_conn *for_nobody(
	struct tcp *tcp, const struct tcp_seg *seg, const uint32_t *isn_floor)
{
	struct tcp_listener *listener = tcp_listener_find(tcp, &seg->key);
	struct tcp_conn *conn = NULL;
	bool handled = false;

	if (seg->flags & TCP_RST) {
		stat_drop(tcp->stats, DROP_TCP_NO_CONN);
		return NULL;
	}
	if (listener != NULL && (seg->flags & TCP_ACK) && !(seg->flags & TCP_SYN)) {
		conn = tcp_half_open_cookie(tcp, listener, seg, &handled);
		if (conn != NULL || handled)
			return conn;
	}
	if (listener != NULL && !(seg->flags & TCP_ACK)) {
		// Nobody who opens a connection ends it in the same segment; scanners do.
		if ((seg->flags & TCP_SYN) && !(seg->flags & TCP_FIN))
			tcp_half_open_syn(tcp, listener, seg, isn_floor);
		else
			stat_drop(tcp->stats, DROP_TCP_NO_CONN);
		return NULL;
	}
	stat_drop(tcp->stats, DROP_TCP_NO_CONN);
	tcp_rst_reply(tcp, seg);
	return NULL;
}

// The segments of a burst, and what is known of them before each has its turn.
struct burst {
	struct tcp_seg seg[NET_BURST];
	const struct tcp_conn *conn[NET_BURST]; // probably; NULL: none
	unsigned n;
	unsigned at; // the next to be taken
};

// Bulk comes in trains: what follows in order is taken at once.
static void join_train(const struct tcp_conn *conn, struct tcp_seg *seg, struct burst *burst)
{
	if (seg->len == 0 || seg->seq != conn->rcv_nxt || (seg->flags & ~(TCP_ACK | TCP_PSH)) ||
		seg->opts.sack_n > 0)
		return;
	while (burst->at < burst->n && seg->len < TRAIN_MAX &&
		tcp_seg_follows(seg, &burst->seg[burst->at]))
		tcp_seg_join(seg, &burst->seg[burst->at++]);
}

static void dispatch(struct tcp *tcp, struct tcp_seg *seg, struct burst *burst)
{
	struct tcp_found found = tcp_table_find(&tcp->table, &seg->key);
	struct tcp_conn *conn = NULL;
	uint32_t isn_floor;

	switch (found.kind) {
	case TCP_KIND_CONN:
		conn = found.object;
		if (unlikely(conn->state == TCPS_SYN_SENT)) {
			tcp_arrival_syn_sent(conn, seg);
			return;
		}
		join_train(conn, seg, burst);
		break;
	case TCP_KIND_HALF_OPEN:
		conn = tcp_half_open_input(tcp, found.object, seg);
		break;
	case TCP_KIND_TIME_WAIT:
		if (tcp_time_wait_input(tcp, found.object, seg, &isn_floor))
			conn = for_nobody(tcp, seg, &isn_floor);
		break;
	case TCP_KIND_NONE:
	case TCP_KIND_N:
		conn = for_nobody(tcp, seg, NULL);
		break;
	}
	if (conn != NULL)
		tcp_arrival(conn, seg);
}

static const struct tcp_conn *prefetch_conn(const struct tcp *tcp, const struct tcp_seg *seg)
{
	struct tcp_found guess = tcp_table_guess(&tcp->table, seg->key.hash);

	if (guess.kind == TCP_KIND_CONN) {
		tcp_conn_prefetch(guess.object);
		return guess.object;
	}
	if (guess.kind != TCP_KIND_NONE)
		rte_prefetch0(guess.object);
	return NULL;
}

// The reply before this request is freed by this request's ACK, and its mbuf is the first that the
// pool gives out again, for the headers of the next one: both lie in cold memory.
static void prefetch_queued(const struct burst *burst, unsigned i)
{
	const unsigned char *m;

	if (i >= burst->n || burst->conn[i] == NULL)
		return;
	tcp_flight_prefetch(burst->conn[i]->flight);
	m = (const unsigned char *)burst->conn[i]->sq.head;
	if (m == NULL)
		return;
	rte_prefetch0(m);
	rte_prefetch0(m + CACHE_LINE);
	rte_prefetch0_write(m + sizeof(struct rte_mbuf) + RTE_PKTMBUF_HEADROOM - CACHE_LINE);
	rte_prefetch0_write(m + sizeof(struct rte_mbuf) + RTE_PKTMBUF_HEADROOM);
}

// Takes apart what is good, and fetches the buckets of the table.
static void parse(struct tcp *tcp, struct rte_mbuf **mbufs, unsigned n, struct burst *burst)
{
	for (unsigned i = 0; i < n; i++) {
		struct tcp_seg *seg = &burst->seg[burst->n];
		enum drop why;

		if (unlikely(!tcp_seg_parse(seg, mbufs[i], &why))) {
			stat_drop(tcp->stats, why);
			tcp_seg_free(seg);
			continue;
		}
		tcp_key_hash(&seg->key, &tcp->cfg.secret);
		tcp_table_prefetch(&tcp->table, seg->key.hash);
		burst->n++;
	}
}

void tcp_input(struct tcp *tcp, struct rte_mbuf **mbufs, unsigned n, struct mono now)
{
	struct burst burst;

	burst.n = 0;
	burst.at = 0;
	tcp->now = now;
	stat_add(tcp->stats, STAT_tcp_in_segs, n);
	parse(tcp, mbufs, n, &burst);
	for (unsigned i = 0; i < burst.n; i++)
		burst.conn[i] = prefetch_conn(tcp, &burst.seg[i]);
	for (unsigned i = 0; i < AHEAD; i++)
		prefetch_queued(&burst, i);
	while (burst.at < burst.n) {
		struct tcp_seg *seg = &burst.seg[burst.at];

		prefetch_queued(&burst, burst.at + AHEAD);
		burst.at++;
		dispatch(tcp, seg, &burst);
		tcp_seg_free(seg);
	}
}
