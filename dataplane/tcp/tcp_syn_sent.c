// RFC 9293 §3.10.7.3: a segment in SYN_SENT.
#include <errno.h>

#include "dataplane/tcp/tcp_arrival.h"
#include "dataplane/tcp/tcp_conn.h"
#include "dataplane/tcp/tcp_isn.h"
#include "dataplane/tcp/tcp_rst.h"
#include "dataplane/tcp/tcp_trace.h"

// RFC 3168 §6.1.1: we asked, and the answer is ECE alone. (Both open at once: without.)
static bool offers_ecn(const struct tcp_conn *conn, const struct tcp_seg *seg)
{
	return conn->tcp->cfg.ecn == TCP_ECN_OFFER &&
		(seg->flags & (TCP_ACK | TCP_ECE | TCP_CWR)) == (TCP_ACK | TCP_ECE);
}

static void learn_peer(struct tcp_conn *conn, const struct tcp_seg *seg)
{
	struct tcp_peer peer = {
		.irs = seg->seq,
		.iss = conn->iss,
		.ts_recent = seg->opts.tsval,
		.ts_offset = conn->ts_offset,
		.mss = seg->opts.mss,
		.wscale = seg->opts.wscale,
		.ts = seg->opts.ts,
		.sack = seg->opts.sack_ok,
		.ecn = offers_ecn(conn, seg),
	};

	tcp_conn_negotiate(conn, &peer);
	// It is an answer to the first SYN: marks are echoed. But the peer may have heard another
	// one, and not do so.
	conn->ecn_quiet = conn->retries > 0;
	// The window of a SYN is never scaled (RFC 7323 §2.2).
	conn->snd_wnd = seg->wnd;
	conn->max_snd_wnd = seg->wnd;
	conn->snd_wl1 = seg->seq;
	conn->snd_wl2 = seg->ack;
}

// What came with the SYN: as much of it as the window takes.
static void cut_to_window(const struct tcp_conn *conn, struct tcp_seg *seg)
{
	uint32_t wnd = seq_ahead(conn->rcv_adv, conn->rcv_nxt);

	if (tcp_seg_span(seg) > wnd)
		seg->flags &= (uint8_t)~TCP_FIN;
	if (seg->len > wnd)
		tcp_seg_trim_back(seg, seg->len - wnd);
}

static void connected(struct tcp_conn *conn, struct tcp_seg *seg)
{
	bool lost = conn->retries > 0;
	uint64_t rtt = mono_since(conn->tcp->now, conn->sent_at);

	learn_peer(conn, seg);
	conn->snd_una = seg->ack;
	// Which SYN this answers only a timestamp tells when there were several.
	if (lost &&
		!(conn->ts_on && tcp_ts_answers(conn->sent_at, conn->ts_offset, seg->opts.tsecr)))
		rtt = 0;
	tcp_conn_establish(conn, rtt, lost);
	if (conn->fin_queued)
		tcp_conn_set_state(conn, TCPS_FIN_WAIT_1);
	conn->ack_now = true;
	tcp_conn_raise(conn, TCP_CONNECTED);
	seg->seq++;
	seg->flags &= (uint8_t)~TCP_SYN;
	cut_to_window(conn, seg);
	if (seg->len > 0 || (seg->flags & TCP_FIN))
		tcp_arrival_text(conn, seg);
}

void tcp_arrival_syn_sent(struct tcp_conn *conn, struct tcp_seg *seg)
{
	struct tcp *tcp = conn->tcp;

	if ((seg->flags & TCP_ACK) && seg->ack != conn->snd_nxt) {
		tcp_trace_drop(conn, DROP_TCP_ACK, seg->seq);
		tcp_rst_reply(tcp, seg);
		return;
	}
	if (seg->flags & TCP_RST) {
		// One without an ACK of our SYN is a guess.
		if (seg->flags & TCP_ACK)
			tcp_conn_end(conn, ECONNREFUSED);
		else
			tcp_trace_drop(conn, DROP_TCP_RST_BLIND, seg->seq);
		return;
	}
	if (!(seg->flags & TCP_SYN)) {
		tcp_trace_drop(conn, DROP_TCP_ACK, seg->seq);
		return;
	}
	conn->heard_at = tcp_ms(tcp->now);
	tcp_conn_touch(conn);
	if (seg->flags & TCP_ACK) {
		connected(conn, seg);
		return;
	}
	// Both opened at once. Text that came with the SYN is left to be sent again.
	learn_peer(conn, seg);
	tcp_conn_set_state(conn, TCPS_SYN_RECEIVED);
	conn->syn_due = true;
}
