// The fifth step of RFC 9293 §3.10.7.4: what an acknowledgement says.
#include "dataplane/tcp/tcp_arrival.h"

#include "dataplane/tcp/tcp_conn.h"
#include "dataplane/tcp/tcp_loss.h"
#include "dataplane/tcp/tcp_sack.h"
#include "dataplane/tcp/tcp_timer.h"
#include "dataplane/tcp/tcp_trace.h"

// How often the neighbour is confirmed: its own time-outs are seconds.
#define CONFIRM_SPACING_MS 1000

// One sample a round trip for the time-out, each for the least. The ACK of a retransmitted segment
// gives one only if a timestamp shows which transmission it answers (Karn).
static void sample_rtt(struct tcp_conn *conn, const struct tcp_delivery *d)
{
	uint64_t rtt;

	if (!d->any || (d->repeated && !d->sure))
		return;
	rtt = mono_since(d->now, d->at);
	tcp_rtt_sample_min(&conn->rtt, rtt, d->now);
	if (seq_lt(d->end, conn->flight->rtt_seq) && conn->backoff == 0)
		return;
	// §5: not before, or a path that has become slow is never measured.
	conn->backoff = 0;
	tcp_rtt_sample(&conn->rtt, rtt);
	conn->flight->rtt_seq = conn->snd_nxt;
}

static void tell_user(struct tcp_conn *conn)
{
	uint32_t unacked = tcp_conn_unacked(conn);

	if (conn->want_room && unacked <= tcp_conn_snd_buf(conn) / 2 && !conn->starved) {
		conn->want_room = false;
		tcp_conn_raise(conn, TCP_WRITABLE);
	}
	if (conn->want_acked && unacked == 0) {
		conn->want_acked = false;
		tcp_conn_raise(conn, TCP_ACKED);
	}
}

// The neighbour is there, since ACKs come.
static void confirm(struct tcp_conn *conn)
{
	struct tcp *tcp = conn->tcp;
	uint32_t ms = tcp_ms(tcp->now);
	struct net_path path;

	if (ms - conn->confirm_at < CONFIRM_SPACING_MS)
		return;
	conn->confirm_at = ms;
	net_route_path(tcp->net, &conn->route, &conn->key.local, &conn->key.remote, &path);
	net_path_confirm(tcp->net, &path, tcp->now);
}

static void advance(struct tcp_conn *conn, uint32_t ack, struct tcp_delivery *d)
{
	struct tcp *tcp = conn->tcp;
	uint32_t size = RTE_MIN(ack - conn->snd_una, (uint32_t)conn->mss);

	if (unlikely(size > conn->proven))
		conn->proven = (uint16_t)size;
	tcp_sent_ack(&conn->flight->sent, &tcp->sents, ack, d);
	tcp_send_queue_ack(&conn->sq, ack, &tcp->mem);
	tcp_cursor_ack(&conn->flight->fresh, &conn->sq);
	if (unlikely(conn->flight->repaired))
		tcp_cursor_ack(&conn->flight->again, &conn->sq);
	conn->snd_una = ack;
	conn->retries = 0;
	conn->keep_probes = 0;
	conn->rexmt_from = (struct mono){0};
	confirm(conn);
}

// RFC 5681 §2, definition of a duplicate acknowledgement.
static bool is_duplicate(const struct tcp_conn *conn, const struct tcp_seg *seg)
{
	return seg->ack == conn->snd_una && conn->flight->sent.n > 0 && tcp_seg_span(seg) == 0 &&
		(uint32_t)seg->wnd << conn->snd_wscale == conn->snd_wnd;
}

// What the acknowledgement tells of what was sent.
static void take_news(struct tcp_conn *conn, const struct tcp_seg *seg)
{
	struct tcp *tcp = conn->tcp;
	bool blocks = conn->sack_on && seg->opts.sack_n > 0;
	struct tcp_news news = {
		.ack = seg->ack,
		.una = conn->snd_una,
		.in_flight = tcp_loss_in_flight(conn),
		.advanced = seq_gt(seg->ack, conn->snd_una),
		.duplicate = is_duplicate(conn, seg),
		.ece = conn->ecn_on && (seg->flags & TCP_ECE),
		.d =
			{
				.now = tcp->now,
				.min_rtt = tcp_rtt_min(&conn->rtt) * NS_PER_US,
				.tsecr = seg->opts.tsecr,
				.ts_offset = conn->ts_offset,
				.mss = conn->mss,
				.ts = conn->ts_on && seg->opts.ts,
			},
	};

	if (!news.advanced && !news.duplicate && !blocks)
		return;
	tcp_flight_begin(conn);
	if (news.duplicate)
		stat_inc(tcp->stats, STAT_tcp_dup_acks);
	if (news.advanced)
		advance(conn, seg->ack, &news.d);
	if (unlikely(blocks))
		tcp_sack_take(conn, seg, &news);
	sample_rtt(conn, &news.d);
	tcp_loss_ack(conn, &news);
	if (news.advanced)
		tell_user(conn);
}

static void update_window(struct tcp_conn *conn, const struct tcp_seg *seg)
{
	if (seq_lt(seg->seq, conn->snd_wl1) ||
		(seg->seq == conn->snd_wl1 && seq_lt(seg->ack, conn->snd_wl2)))
		return;
	conn->snd_wnd = (uint32_t)seg->wnd << conn->snd_wscale;
	conn->snd_wl1 = seg->seq;
	conn->snd_wl2 = seg->ack;
	conn->max_snd_wnd = RTE_MAX(conn->max_snd_wnd, conn->snd_wnd);
}

// What the acknowledgement of our FIN means. False when the connection is gone.
static bool fin_acked(struct tcp_conn *conn)
{
	switch ((enum tcp_state)conn->state) {
	case TCPS_FIN_WAIT_1:
		tcp_conn_set_state(conn, TCPS_FIN_WAIT_2);
		if (conn->orphan)
			tcp_timer_fin_wait_2(conn);
		return true;
	case TCPS_CLOSING:
		tcp_conn_time_wait(conn);
		return false;
	case TCPS_LAST_ACK:
		tcp_conn_end(conn, 0);
		return false;
	case TCPS_CLOSED:
	case TCPS_SYN_SENT:
	case TCPS_SYN_RECEIVED:
	case TCPS_ESTABLISHED:
	case TCPS_CLOSE_WAIT:
	case TCPS_FIN_WAIT_2:
		break;
	}
	return true;
}

bool tcp_arrival_ack(struct tcp_conn *conn, const struct tcp_seg *seg)
{
	uint32_t flight = conn->snd_nxt - conn->snd_una;

	// RFC 5961 §5.2.
	if (seq_gt(seg->ack, conn->snd_nxt) ||
		seq_lt(seg->ack, conn->snd_una - conn->max_snd_wnd)) {
		tcp_trace_drop(conn, DROP_TCP_ACK, seg->seq);
		tcp_arrival_challenge(conn);
		return false;
	}
	// A peer whose window is closed but who answers is alive (RFC 9293 §3.8.6.1).
	if (conn->rexmt_mode == TCP_REXMT_PERSIST || conn->snd_wnd == 0)
		conn->retries = 0;
	if (seq_geq(seg->ack, conn->snd_una))
		take_news(conn, seg);
	if (unlikely(seg->flags & TCP_ECE) && conn->ecn_on && seg->ack == conn->snd_una)
		tcp_loss_ecn(conn, flight);
	if (seq_geq(seg->ack, conn->snd_una))
		update_window(conn, seg);
	if (conn->fin_sent && conn->snd_una == conn->snd_nxt)
		return fin_acked(conn);
	return true;
}
