// The steps of RFC 9293 §3.10.7.4 in their order, with those of RFC 7323 §5.3 and RFC 5961.
#include "dataplane/tcp/tcp_arrival.h"

#include <errno.h>

#include "dataplane/tcp/tcp_conn.h"
#include "dataplane/tcp/tcp_rst.h"
#include "dataplane/tcp/tcp_sack.h"
#include "dataplane/tcp/tcp_trace.h"

// Answers to one connection's unacceptable segments: so many at once, so far apart in the long run.
// A burst, since one forged segment must not silence the answer to a true one (RFC 5961 §7).
#define OOW_INTERVAL_MS 500u
#define OOW_BURST 10
// RFC 7323 §5.5: an older TS.Recent proves nothing.
#define TS_RECENT_AGE_MAX (24u * 86400)

static void owe_ack(struct tcp_conn *conn)
{
	conn->ack_now = true;
	tcp_conn_touch(conn);
}

static bool oow_allowed(struct tcp_conn *conn)
{
	uint32_t ahead = conn->oow_paid - tcp_ms(conn->tcp->now);

	if (ahead > OOW_INTERVAL_MS * OOW_BURST)
		ahead = 0; // it was long ago
	if (ahead > OOW_INTERVAL_MS * (OOW_BURST - 1)) {
		stat_drop(conn->tcp->stats, DROP_TCP_RATE);
		return false;
	}
	conn->oow_paid = tcp_ms(conn->tcp->now) + ahead + OOW_INTERVAL_MS;
	return true;
}

void tcp_arrival_challenge(struct tcp_conn *conn)
{
	struct tcp *tcp = conn->tcp;

	if (!oow_allowed(conn))
		return;
	if (!tcp_rate_take(&tcp->challenge_rate, &tcp->rng, tcp->now)) {
		stat_drop(tcp->stats, DROP_TCP_RATE);
		return;
	}
	stat_inc(tcp->stats, STAT_tcp_challenge_acks);
	owe_ack(conn);
}

// What an honest peer sends again begins no more than a window before what is awaited: our ACK may
// have been lost, and D-SACK is to tell of each. A keep-alive or window probe is a repeat without
// text.
static bool is_repeat(const struct tcp_conn *conn, const struct tcp_seg *seg)
{
	uint32_t before = conn->rcv_nxt - seg->seq;

	if (tcp_seg_span(seg) == 0)
		return before == 1;
	return before != 0 && before <= tcp_conn_rcv_buf(conn);
}

// RFC 9293 §3.10.7.4: an unacceptable segment should be answered by an ACK. Two ends that disagree
// must not do so for ever, and whoever knows no more than the ports must not make us talk: what is
// no repeat is answered rarely.
static void answer_unacceptable(struct tcp_conn *conn, const struct tcp_seg *seg)
{
	// Whatever else is wrong with it, it is limited as one in the window is (RFC 5961 §4.2).
	if (seg->flags & TCP_SYN) {
		tcp_arrival_challenge(conn);
		return;
	}
	if (!is_repeat(conn, seg) && !oow_allowed(conn))
		return;
	owe_ack(conn);
}

// RFC 7323 §5.3 R1. False: drop.
static bool check_timestamp(struct tcp_conn *conn, const struct tcp_seg *seg)
{
	struct tcp *tcp = conn->tcp;
	uint32_t seconds = (uint32_t)(tcp->now.ns / NS_PER_SEC);

	if (!conn->ts_on || (seg->flags & TCP_RST))
		return true;
	if (!seg->opts.ts) {
		// A SYN is challenged whatever it carries: its sender may have begun anew.
		if (conn->ts_lenient || (seg->flags & TCP_SYN))
			return true;
		tcp_trace_drop(conn, DROP_TCP_NO_TS, seg->seq);
		return false;
	}
	conn->ts_lenient = false;
	if (seq_lt(seg->opts.tsval, conn->ts_recent) &&
		seconds - conn->ts_recent_age < TS_RECENT_AGE_MAX) {
		tcp_trace_drop(conn, DROP_TCP_PAWS, seg->seq);
		answer_unacceptable(conn, seg);
		return false;
	}
	return true;
}

// §4.3: only a segment that contains what we acknowledged last, or older, renews TS.Recent.
static void update_ts_recent(struct tcp_conn *conn, const struct tcp_seg *seg)
{
	if (!conn->ts_on || !seg->opts.ts || seq_gt(seg->seq, conn->last_ack_sent))
		return;
	if (seq_lt(seg->opts.tsval, conn->ts_recent) &&
		(uint32_t)(conn->tcp->now.ns / NS_PER_SEC) - conn->ts_recent_age <
			TS_RECENT_AGE_MAX)
		return;
	conn->ts_recent = seg->opts.tsval;
	conn->ts_recent_age = (uint32_t)(conn->tcp->now.ns / NS_PER_SEC);
}

// First step. False: drop. A segment that only half lies in the window is cut to it.
static bool check_sequence(struct tcp_conn *conn, struct tcp_seg *seg)
{
	uint32_t wnd = seq_ahead(conn->rcv_adv, conn->rcv_nxt);
	uint32_t old = seq_ahead(conn->rcv_nxt, seg->seq);
	uint32_t beyond;

	if (!seq_acceptable(seg->seq, tcp_seg_span(seg), conn->rcv_nxt, wnd)) {
		if (wnd == 0 && seg->seq == conn->rcv_nxt) {
			// "Special allowance should be made to accept valid ACKs."
			tcp_trace_drop(conn, DROP_TCP_RCV_FULL, seg->seq);
			tcp_seg_trim_back(seg, seg->len);
			seg->flags &= (uint8_t)~TCP_FIN;
			owe_ack(conn);
			return true;
		}
		tcp_trace_drop(conn, DROP_TCP_SEQ, seg->seq);
		if (old > 0 && seg->len > 0) {
			stat_inc(conn->tcp->stats, STAT_tcp_in_dup);
			tcp_sack_duplicate(conn, seg->seq, seg->seq + seg->len);
		}
		answer_unacceptable(conn, seg);
		return false;
	}
	if (old > 0) {
		if (seg->len > 0)
			tcp_sack_duplicate(conn, seg->seq, seg->seq + RTE_MIN(old, seg->len));
		tcp_seg_trim_front(seg, RTE_MIN(old, seg->len));
		owe_ack(conn);
	}
	beyond = seq_ahead(seg->seq + tcp_seg_span(seg), conn->rcv_nxt + wnd);
	if (beyond > 0 && (seg->flags & TCP_FIN)) {
		seg->flags &= (uint8_t)~TCP_FIN;
		beyond--;
	}
	if (beyond > 0) {
		tcp_trace_drop(conn, DROP_TCP_RCV_FULL, seg->seq);
		tcp_seg_trim_back(seg, RTE_MIN(beyond, seg->len));
	}
	return true;
}

// Second step, with RFC 5961 §3.2. Only the sequence number itself counts: were text that comes
// with a reset to count, a guess would need to be right within its length only.
static void handle_reset(struct tcp_conn *conn, const struct tcp_seg *seg)
{
	if (seg->seq != conn->rcv_nxt) {
		tcp_trace_drop(conn, DROP_TCP_RST_BLIND, seg->seq);
		if (seq_in_window(seg->seq, conn->rcv_nxt, seq_ahead(conn->rcv_adv, conn->rcv_nxt)))
			tcp_arrival_challenge(conn);
		return;
	}
	tcp_trace(conn->tcp, conn, TRACE_RST_IN, seg->seq, conn->rcv_nxt);
	tcp_conn_end(conn, conn->state == TCPS_SYN_RECEIVED ? ECONNREFUSED : ECONNRESET);
}

// Simultaneous open: both ends answer a SYN by SYN-ACK. Its SYN is one that we know.
static void strip_known_syn(const struct tcp_conn *conn, struct tcp_seg *seg)
{
	if (conn->state == TCPS_SYN_RECEIVED &&
		(seg->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == (TCP_SYN | TCP_ACK) &&
		seg->seq == conn->rcv_nxt - 1) {
		seg->flags &= (uint8_t)~TCP_SYN;
		seg->seq++;
		// RFC 7323 §2.2: the window beside a SYN is as it stands.
		seg->wnd = (uint16_t)(seg->wnd >> conn->snd_wscale);
	}
}

static bool complete_simultaneous_open(struct tcp_conn *conn, const struct tcp_seg *seg)
{
	if (seg->ack != conn->snd_nxt) {
		tcp_trace_drop(conn, DROP_TCP_ACK, seg->seq);
		conn->ack_now = false; // one answer is enough
		tcp_rst_reply(conn->tcp, seg);
		return false;
	}
	// Our SYN-ACK did not leave yet, and now won't: both of the peer's came in one burst.
	if (conn->syn_due)
		conn->ack_now = true;
	conn->snd_una = seg->ack;
	conn->snd_wnd = (uint32_t)seg->wnd << conn->snd_wscale;
	conn->max_snd_wnd = conn->snd_wnd;
	conn->snd_wl1 = seg->seq;
	conn->snd_wl2 = seg->ack;
	tcp_conn_establish(conn, 0, conn->retries > 0);
	if (conn->fin_queued)
		tcp_conn_set_state(conn, TCPS_FIN_WAIT_1);
	tcp_conn_raise(conn, TCP_CONNECTED);
	return true;
}

// RFC 3168 §6.1.3: marks are echoed until the peer says that it has slowed down.
static void take_mark(struct tcp_conn *conn, const struct tcp_seg *seg)
{
	if (seg->flags & TCP_CWR)
		conn->ecn_echo = false;
	if (seg->ce && seg->len > 0) {
		if (!conn->ecn_echo)
			conn->ack_now = true;
		conn->ecn_echo = true;
		stat_inc(conn->tcp->stats, STAT_tcp_in_ce);
	}
}

void tcp_arrival(struct tcp_conn *conn, struct tcp_seg *seg)
{
	strip_known_syn(conn, seg);
	if (!check_timestamp(conn, seg))
		return;
	if (seg->flags & TCP_RST) {
		handle_reset(conn, seg);
		return;
	}
	// Fourth step, RFC 5961 §4.2, irrespective of the sequence number: whoever really began
	// anew answers the ACK by a reset.
	if (seg->flags & TCP_SYN) {
		tcp_trace_drop(conn, DROP_TCP_SYN_BLIND, seg->seq);
		tcp_arrival_challenge(conn);
		return;
	}
	if (!check_sequence(conn, seg))
		return;
	if (!(seg->flags & TCP_ACK)) {
		tcp_trace_drop(conn, DROP_TCP_ACK, seg->seq);
		return;
	}
	conn->heard_at = tcp_ms(conn->tcp->now);
	if (!conn->orphan)
		conn->keep_probes = 0;
	tcp_conn_touch(conn);
	if (conn->state == TCPS_SYN_RECEIVED && !complete_simultaneous_open(conn, seg))
		return;
	update_ts_recent(conn, seg);
	if (conn->ecn_on)
		take_mark(conn, seg);
	if (!tcp_arrival_ack(conn, seg))
		return;
	if (seg->len > 0 || (seg->flags & TCP_FIN))
		tcp_arrival_text(conn, seg);
}
