// The seventh and eighth step of RFC 9293 §3.10.7.4: text and FIN.
#include "dataplane/tcp/tcp_arrival.h"

#include <errno.h>

#include "dataplane/tcp/tcp_conn.h"
#include "dataplane/tcp/tcp_mem.h"
#include "dataplane/tcp/tcp_output.h"
#include "dataplane/tcp/tcp_sack.h"
#include "dataplane/tcp/tcp_trace.h"

// Out-of-order data may fill so much of all memory; the rest is for data that is of use at once.
static uint64_t ooo_share(const struct tcp *tcp)
{
	return tcp->cfg.mem_max / 4 * 3;
}

// Bytes of mbufs that one connection's holes may pin.
static uint64_t ooo_limit(const struct tcp_conn *conn)
{
	return 2 * (uint64_t)tcp_conn_rcv_buf(conn) + UINT64_C(16384);
}

// With blocks one ACK tells of a whole burst; three at most, for a peer that counts them all the
// same.
#define DUPS_WITH_SACK 3

static void owe_duplicate(struct tcp_conn *conn)
{
	if (conn->dups_owed < (conn->sack_on ? DUPS_WITH_SACK : UINT8_MAX))
		conn->dups_owed++;
}

static void put_out_of_order(struct tcp_conn *conn, uint32_t seq, struct rte_mbuf *m)
{
	struct tcp *tcp = conn->tcp;
	enum tcp_reasm_result result = TCP_REASM_FULL;
	uint32_t len = m->data_len;

	if (conn->reasm == NULL) {
		conn->reasm = pool_get(&tcp->reasms);
		if (conn->reasm != NULL) {
			tcp_reasm_init(conn->reasm);
			tcp->mem += sizeof(*conn->reasm);
		}
	}
	if (conn->reasm == NULL || tcp->mem >= ooo_share(tcp))
		rte_pktmbuf_free_seg(m);
	else
		result = tcp_reasm_put(conn->reasm, seq, m, ooo_limit(conn), &tcp->mem);
	if (result == TCP_REASM_FULL)
		tcp_trace_drop(conn, DROP_TCP_OOO_FULL, seq);
	if (result == TCP_REASM_DUP) {
		stat_inc(tcp->stats, STAT_tcp_in_dup);
		tcp_sack_duplicate(conn, seq, seq + len);
	}
}

// One mbuf that begins at rcv_nxt. False when there is no memory for it.
static bool put_in_order(struct tcp_conn *conn, struct rte_mbuf *m)
{
	struct tcp *tcp = conn->tcp;
	uint32_t len = m->data_len;

	if (unlikely(tcp->mem + tcp_mem_of(m) > tcp->cfg.mem_max) &&
		!tcp_recv_queue_absorbs(&conn->rq, len)) {
		// What waits behind a hole is of less use than this.
		if (conn->reasm != NULL) {
			tcp_trace_drop(conn, DROP_TCP_OOO_FULL, conn->rcv_nxt);
			tcp_conn_drop_reasm(conn);
		}
		if (tcp->mem + tcp_mem_of(m) > tcp->cfg.mem_max) {
			tcp_trace_drop(conn, DROP_TCP_RCV_FULL, conn->rcv_nxt);
			rte_pktmbuf_free_seg(m);
			return false;
		}
	}
	tcp_recv_queue_put(&conn->rq, m, &tcp->mem);
	conn->rcv_nxt += len;
	return true;
}

static void fill_holes(struct tcp_conn *conn)
{
	struct tcp *tcp = conn->tcp;

	if (conn->reasm == NULL)
		return;
	conn->rcv_nxt = tcp_reasm_take(conn->reasm, conn->rcv_nxt, &conn->rq, &tcp->mem);
	// RFC 5681 §4.2: at once when a segment fills a hole or a part of one.
	conn->ack_now = true;
	if (conn->reasm->n == 0)
		tcp_conn_drop_reasm(conn);
}

// The payload may lie in several mbufs, when IP put it together from fragments.
static void put_payload(struct tcp_conn *conn, struct tcp_seg *seg)
{
	uint32_t seq = seg->seq;
	bool room = true;

	while (seg->m != NULL) {
		struct rte_mbuf *m = seg->m;
		uint32_t len = m->data_len;

		seg->m = m->next;
		m->next = NULL;
		m->nb_segs = 1;
		m->pkt_len = len;
		if (len == 0 || !room)
			rte_pktmbuf_free_seg(m);
		else if (seq == conn->rcv_nxt)
			room = put_in_order(conn, m);
		else
			put_out_of_order(conn, seq, m);
		seq += len;
	}
}

static void cut_at_fin(struct tcp_conn *conn, struct tcp_seg *seg)
{
	uint32_t beyond = seq_ahead(seg->seq + seg->len, conn->rcv_fin);

	if (likely(beyond == 0))
		return;
	tcp_trace_drop(conn, DROP_TCP_SEQ, seg->seq);
	tcp_seg_trim_back(seg, RTE_MIN(beyond, seg->len));
}

static void take_text(struct tcp_conn *conn, struct tcp_seg *seg)
{
	struct tcp *tcp = conn->tcp;
	uint32_t before = conn->rcv_nxt;
	uint32_t got;

	if (conn->fin_known)
		cut_at_fin(conn, seg);
	put_payload(conn, seg);
	if (conn->rcv_nxt == before) {
		stat_inc(tcp->stats, STAT_tcp_in_ooo);
		owe_duplicate(conn);
		return;
	}
	fill_holes(conn);
	got = conn->rcv_nxt - before;
	conn->dups_owed = 0;
	conn->unacked_in = (uint16_t)RTE_MIN(conn->unacked_in + got, UINT32_C(0xffff));
	if (tcp->cfg.delayed_ack == 0 || conn->unacked_in >= 2 * conn->mss)
		conn->ack_now = true;
	stat_add(tcp->stats, STAT_tcp_in_bytes, got);
	tcp_conn_raise(conn, TCP_READABLE);
}

// The stream ends at the first FIN that came, whatever the peer sends of it besides: nothing beyond
// is kept, and take_text takes nothing more.
static void learn_fin(struct tcp_conn *conn, uint32_t at)
{
	conn->fin_known = true;
	conn->rcv_fin = at;
	if (conn->reasm == NULL)
		return;
	tcp_reasm_cut(conn->reasm, at, &conn->tcp->mem);
	if (conn->reasm->n == 0)
		tcp_conn_drop_reasm(conn);
}

static void take_fin(struct tcp_conn *conn)
{
	conn->rcv_nxt++;
	conn->ack_now = true;
	conn->dups_owed = 0;
	tcp_conn_raise(conn, TCP_EOF);
	switch ((enum tcp_state)conn->state) {
	case TCPS_ESTABLISHED:
		tcp_conn_set_state(conn, TCPS_CLOSE_WAIT);
		break;
	case TCPS_FIN_WAIT_1:
		tcp_conn_set_state(conn, TCPS_CLOSING);
		break;
	case TCPS_FIN_WAIT_2:
		tcp_conn_time_wait(conn);
		break;
	case TCPS_CLOSED:
	case TCPS_SYN_SENT:
	case TCPS_SYN_RECEIVED:
	case TCPS_CLOSE_WAIT:
	case TCPS_CLOSING:
	case TCPS_LAST_ACK:
		break;
	}
}

static bool receives(const struct tcp_conn *conn)
{
	return conn->state == TCPS_ESTABLISHED || conn->state == TCPS_FIN_WAIT_1 ||
		conn->state == TCPS_FIN_WAIT_2;
}

void tcp_arrival_text(struct tcp_conn *conn, struct tcp_seg *seg)
{
	uint32_t fin_at = seg->seq + seg->len;

	if (!receives(conn))
		return;
	// RFC 1122 §4.2.2.13: nobody will read it, and the peer should know.
	if (conn->orphan && seg->len > 0 && seq_gt(fin_at, conn->rcv_nxt)) {
		tcp_trace_drop(conn, DROP_TCP_CLOSED, seg->seq);
		tcp_output_rst(conn);
		tcp_conn_end(conn, ECONNRESET);
		return;
	}
	if ((seg->flags & TCP_FIN) && !conn->fin_known)
		learn_fin(conn, fin_at);
	if (seg->len > 0)
		take_text(conn, seg);
	else if (fin_at != conn->rcv_nxt)
		owe_duplicate(conn);
	if (conn->fin_known && conn->rcv_nxt == conn->rcv_fin)
		take_fin(conn);
}
