// A burst of segments: taken apart, looked up with prefetch, and handed each to what it belongs
// to. No bare ACK leaves from here: tcp_output sends what is owed after the whole burst.
#include "dataplane/tcp/tcp_arrival.h"
#include "dataplane/tcp/tcp_conn.h"
#include "dataplane/tcp/tcp_half_open.h"
#include "dataplane/tcp/tcp_listen.h"
#include "dataplane/tcp/tcp_rst.h"
#include "dataplane/tcp/tcp_time_wait.h"

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

static void dispatch(struct tcp *tcp, struct tcp_seg *seg)
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

static void prefetch_conn(const struct tcp *tcp, const struct tcp_seg *seg)
{
	struct tcp_found guess = tcp_table_guess(&tcp->table, seg->key.hash);

	if (guess.kind == TCP_KIND_CONN)
		tcp_conn_prefetch(guess.object);
	else if (guess.kind != TCP_KIND_NONE)
		rte_prefetch0(guess.object);
}

void tcp_input(struct tcp *tcp, struct rte_mbuf **mbufs, unsigned n, struct mono now)
{
	struct tcp_seg segs[NET_BURST];
	unsigned good = 0;

	tcp->now = now;
	stat_add(tcp->stats, STAT_tcp_in_segs, n);
	for (unsigned i = 0; i < n; i++) {
		struct tcp_seg *seg = &segs[good];
		enum drop why;

		if (unlikely(!tcp_seg_parse(seg, mbufs[i], &why))) {
			stat_drop(tcp->stats, why);
			tcp_seg_free(seg);
			continue;
		}
		tcp_key_hash(&seg->key, &tcp->cfg.secret);
		tcp_table_prefetch(&tcp->table, seg->key.hash);
		good++;
	}
	for (unsigned i = 0; i < good; i++)
		prefetch_conn(tcp, &segs[i]);
	for (unsigned i = 0; i < good; i++) {
		dispatch(tcp, &segs[i]);
		tcp_seg_free(&segs[i]);
	}
}
