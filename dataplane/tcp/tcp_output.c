// What goes out, once a turn for each connection that was touched: lost segments again, then new
// ones as far as the windows reach, the ACK riding on them; a bare ACK only when nothing else went.
#include "dataplane/tcp/tcp_output.h"

#include <netinet/in.h>

#include "dataplane/tcp/tcp_conn.h"
#include "dataplane/tcp/tcp_header.h"
#include "dataplane/tcp/tcp_isn.h"
#include "dataplane/tcp/tcp_loss.h"
#include "dataplane/tcp/tcp_path.h"
#include "dataplane/tcp/tcp_sack.h"
#include "dataplane/tcp/tcp_seg.h"
#include "dataplane/tcp/tcp_timer.h"
#include "dataplane/tcp/tcp_trace.h"

// Segments of one connection before the next one has its turn.
#define SEGS_PER_PASS 64

#define ECN_ECT_0 2
#define FRTO_NEW 2 // segments: RFC 5682 §2.1 step 2b

enum flush {
	FLUSH_DONE,
	FLUSH_MORE, // others first
	FLUSH_FULL, // no room or no mbuf
};

static uint32_t recv_space(const struct tcp_conn *conn)
{
	uint32_t used = conn->rq.bytes + conn->rcv_taken;
	uint32_t buf = tcp_conn_rcv_buf(conn);

	return buf > used ? buf - used : 0;
}

// What a field can say of it. Beyond that there is nothing to tell a peer of: an ACK that says the
// same again is a duplicate, and three of them a loss.
static uint32_t tellable(const struct tcp_conn *conn, uint32_t window)
{
	return RTE_MIN(window >> conn->rcv_wscale, TCP_WINDOW_MAX) << conn->rcv_wscale;
}

uint32_t tcp_output_window(const struct tcp_conn *conn)
{
	uint32_t offered = seq_ahead(conn->rcv_adv, conn->rcv_nxt);
	uint32_t space = recv_space(conn);
	uint32_t step = RTE_MIN(tcp_conn_rcv_buf(conn) / 2, (uint32_t)conn->mss);

	if (space <= offered || space - offered < step)
		return offered;
	return RTE_MAX(offered, tellable(conn, space));
}

// The window field; the right edge that it means is remembered, since data up to it must be taken
// even when later fields round to less (RFC 7323 §2.4).
static uint16_t window_field(struct tcp_conn *conn, bool syn)
{
	unsigned shift = syn ? 0 : conn->rcv_wscale;
	uint32_t field = tcp_output_window(conn) >> shift;

	field = RTE_MIN(field, TCP_WINDOW_MAX);
	conn->rcv_adv = seq_max(conn->rcv_adv, conn->rcv_nxt + (field << shift));
	return (uint16_t)field;
}

static void header_fill(
	struct tcp_conn *conn, struct tcp_header *header, uint32_t seq, uint8_t flags)
{
	*header = (struct tcp_header){
		.seq = seq,
		.flags = flags,
		.opts = TCP_OPTS_NONE,
	};
	if (flags & TCP_ACK) {
		header->ack = conn->rcv_nxt;
		header->wnd = window_field(conn, flags & TCP_SYN);
	} else {
		header->wnd = (uint16_t)RTE_MIN(tcp_conn_rcv_buf(conn), TCP_WINDOW_MAX);
	}
	if (conn->ts_on) {
		header->opts.ts = true;
		header->opts.tsval = tcp_ts_clock(conn->tcp->now) + conn->ts_offset;
		header->opts.tsecr = conn->ts_recent;
	}
	if (unlikely(conn->ecn_echo) && !(flags & TCP_SYN))
		header->flags |= TCP_ECE;
	if (unlikely(conn->reasm != NULL || conn->dsack.seq != conn->dsack.end))
		tcp_sack_write(conn, &header->opts);
}

// `ect`: routers may mark it instead of dropping it (RFC 3168 §6.1.4: new data only).
static void transmit(struct tcp_conn *conn, struct rte_mbuf *m, bool ect)
{
	struct tcp *tcp = conn->tcp;
	struct net_path path;

	net_route_path(tcp->net, &conn->route, &conn->key.local, &conn->key.remote, &path);
	path.tclass = ect ? ECN_ECT_0 : 0;
	net_output(tcp->net, m, &conn->key.remote, IPPROTO_TCP, &path, tcp->now);
	conn->route.neigh = path.neigh;
	stat_inc(tcp->stats, STAT_tcp_out_segs);
}

// What an ACK that has gone out settles.
static void acked_now(struct tcp_conn *conn)
{
	conn->last_ack_sent = conn->rcv_nxt;
	conn->ack_now = false;
	conn->unacked_in = 0;
	conn->delack_at = (struct mono){0};
	conn->dsack.end = conn->dsack.seq;
}

// NULL when there is no room to send, or no mbuf.
static struct rte_mbuf *segment_new(struct tcp_conn *conn, uint32_t seq, uint8_t flags)
{
	struct tcp_header header;

	if (net_tx_room(conn->tcp->net) == 0)
		return NULL;
	header_fill(conn, &header, seq, flags);
	return tcp_header_new(conn->tcp, &conn->key, &header);
}

static bool send_bare(struct tcp_conn *conn, uint32_t seq, uint8_t flags)
{
	struct rte_mbuf *m = segment_new(conn, seq, flags);

	if (m == NULL)
		return false;
	transmit(conn, m, false);
	return true;
}

// A segment of the send queue: where it begins, its payload, whether the FIN goes with it.
struct segment {
	uint32_t seq;
	uint32_t len;
	uint16_t size; // payload of a frame, when the port is to cut it into several; else 0
	bool fin;
	bool again;
};

static unsigned frame_n(const struct segment *s)
{
	return s->size == 0 ? 1 : (s->len + s->size - 1u) / s->size;
}

static bool send_segment(struct tcp_conn *conn, const struct segment *s)
{
	bool cwr = conn->cwr_due && !s->again && s->len > 0;
	uint8_t flags = (uint8_t)(TCP_ACK | (s->fin ? TCP_FIN : 0) | (cwr ? TCP_CWR : 0) |
		(s->len > 0 && s->seq + s->len == conn->sq.end ? TCP_PSH : 0));
	struct rte_mbuf *m = segment_new(conn, s->seq, flags);
	struct tcp_cursor *at;

	if (m == NULL)
		return false;
	tcp_flight_begin(conn);
	if (s->again)
		conn->flight->repaired = true;
	at = s->again ? &conn->flight->again : &conn->flight->fresh;
	if (s->len > 0 && !tcp_send_queue_get(&conn->sq, at, s->seq, s->len, m)) {
		rte_pktmbuf_free(m);
		stat_drop(conn->tcp->stats, DROP_NO_MBUF);
		return false;
	}
	if (s->size != 0) {
		m->ol_flags |= RTE_MBUF_F_TX_TCP_SEG;
		m->tso_segsz = s->size;
		stat_add(conn->tcp->stats, STAT_tcp_out_segs, frame_n(s) - 1);
	}
	transmit(conn, m, conn->ecn_on && !conn->ecn_quiet && !s->again && s->len > 0);
	acked_now(conn);
	if (cwr)
		conn->cwr_due = false;
	conn->sent_at = conn->tcp->now;
	tcp_loss_sent(conn, s->seq, s->len + s->fin, s->again);
	return true;
}

static bool flush_syn(struct tcp_conn *conn)
{
	struct tcp *tcp = conn->tcp;
	bool answer = conn->state == TCPS_SYN_RECEIVED;
	uint8_t flags = answer ? TCP_SYN | TCP_ACK : TCP_SYN;
	struct tcp_header header;
	struct rte_mbuf *m;

	// An ACK that is owed before the handshake is done is the SYN-ACK once more.
	if (!conn->syn_due && !(answer && conn->ack_now))
		return true;
	if (net_tx_room(tcp->net) == 0)
		return false;
	// Some paths drop such SYNs: without it from the second on (RFC 3168 §6.1.1.1).
	if (!answer && tcp->cfg.ecn == TCP_ECN_OFFER && conn->retries == 0)
		flags |= TCP_ECE | TCP_CWR;
	header_fill(conn, &header, conn->iss, flags);
	header.opts.sack_ok = answer ? conn->sack_on : tcp->cfg.sack;
	header.opts.mss = tcp_header_mss(&conn->key, conn->route.mtu);
	if (answer ? conn->wscale_on : tcp->cfg.window_scaling)
		header.opts.wscale = tcp->rcv_wscale;
	m = tcp_header_new(tcp, &conn->key, &header);
	if (m == NULL)
		return false;
	transmit(conn, m, false);
	if (conn->retries > 0)
		stat_inc(tcp->stats, STAT_tcp_retrans_segs);
	conn->sent_at = tcp->now;
	// It may have waited for a packet buffer: the answer has all of its time from here on.
	conn->rexmt_from = tcp->now;
	conn->syn_due = false;
	conn->ack_now = false;
	return true;
}

// Payload that fits a segment beside the blocks that are to be reported.
static uint32_t payload_max(const struct tcp_conn *conn)
{
	unsigned blocks = tcp_sack_len(conn);

	return conn->mss > 2 * blocks ? conn->mss - blocks : conn->mss / 2u;
}

// A record once more, or as much of it as fits a segment.
static enum flush send_again(struct tcp_conn *conn, struct tcp_sent *rec)
{
	struct tcp *tcp = conn->tcp;
	uint32_t max = payload_max(conn);
	struct segment s = {.seq = rec->seq, .again = true};

	if (rec->end - rec->seq - ((rec->flags & TCP_SENT_FIN) != 0) > max)
		(void)tcp_sent_split(&conn->flight->sent, &tcp->sents, rec, rec->seq + max);
	s.fin = rec->flags & TCP_SENT_FIN;
	s.len = rec->end - rec->seq - s.fin;
	// No record was left to cut it.
	if (s.len > max) {
		s.len = max;
		s.fin = false;
	}
	if (!send_segment(conn, &s))
		return FLUSH_FULL;
	// While the timer was waiting for this very segment, its time begins anew.
	if (rec == conn->flight->sent.head)
		conn->rexmt_from = tcp->now;
	tcp_sent_again(&conn->flight->sent, rec, tcp->now);
	tcp_trace(tcp, conn, TRACE_RETRANS, s.seq, s.len);
	stat_inc(tcp->stats, STAT_tcp_retrans_segs);
	return FLUSH_DONE;
}

// Lost segments again, oldest first, as far as cwnd reaches.
static enum flush flush_lost(struct tcp_conn *conn, unsigned *budget)
{
	struct tcp_sent *rec = tcp_sent_first_lost(&conn->flight->sent);

	// New data is to tell whether they are lost (RFC 5682 §2.1 step 2).
	if (conn->frto == TCP_FRTO_SECOND)
		return FLUSH_DONE;
	for (; rec != NULL && conn->flight->sent.lost > 0; rec = rec->next) {
		uint32_t flight = tcp_loss_in_flight(conn);
		uint32_t len = RTE_MIN(rec->end - rec->seq, (uint32_t)conn->mss);

		if (!(rec->flags & TCP_SENT_LOST))
			continue;
		if (!conn->rexmt_head && flight > 0 && flight + len > conn->cc.cwnd)
			return FLUSH_DONE;
		if (*budget == 0)
			return FLUSH_MORE;
		if (send_again(conn, rec) != FLUSH_DONE)
			return FLUSH_FULL;
		conn->rexmt_head = false;
		--*budget;
	}
	conn->rexmt_head = false;
	return FLUSH_DONE;
}

// The next new segment, without regard to cwnd. False when there is none that may go
// (RFC 9293 §3.8.6.2.1, without Nagle's delay).
static bool next_segment(struct tcp_conn *conn, struct segment *s)
{
	uint32_t unsent = tcp_conn_unsent(conn);
	uint32_t wnd = seq_ahead(conn->snd_una + conn->snd_wnd, conn->snd_nxt);
	uint32_t max = payload_max(conn);

	*s = (struct segment){.seq = conn->snd_nxt};
	s->len = RTE_MIN(RTE_MIN(unsent, max), wnd);
	s->fin = conn->fin_queued && !conn->fin_sent && s->len == unsent && wnd > s->len;
	if (s->len == 0 && !s->fin)
		return false;
	// Silly windows: wait for a better one, or for the persist timer.
	return s->len == unsent || s->len >= max || s->len >= conn->max_snd_wnd / 2 ||
		conn->probe_due;
}

static bool cwnd_allows(struct tcp_conn *conn, uint32_t len)
{
	uint32_t flight = tcp_loss_in_flight(conn);

	if (unlikely(conn->frto == TCP_FRTO_SECOND))
		return conn->snd_nxt - conn->flight->recover < FRTO_NEW * (uint32_t)conn->mss;
	if (flight == 0 || flight + len <= conn->cc.cwnd)
		return true;
	conn->cwnd_limited = true;
	return false;
}

// Lets what is queued behind a full segment go with it, when the port cuts large packets: as far as
// windows, the pass's budget and the packet's pieces reach, in whole segments but for the last.
static void widen(struct tcp_conn *conn, struct segment *s, unsigned budget)
{
	uint32_t max = net_tso_max(conn->tcp->net);
	uint32_t unsent = tcp_conn_unsent(conn);
	uint32_t wnd = seq_ahead(conn->snd_una + conn->snd_wnd, conn->snd_nxt);
	uint32_t len;

	if (likely(max < 2 * s->len || unsent == s->len) || s->len < payload_max(conn) ||
		conn->frto != TCP_FRTO_OFF)
		return;
	len = RTE_MIN(RTE_MIN(unsent, wnd), RTE_MIN(max, budget * s->len));
	len = RTE_MIN(len, seq_ahead(conn->cc.cwnd, tcp_loss_in_flight(conn)));
	tcp_flight_begin(conn);
	len = tcp_send_queue_span(
		&conn->sq, &conn->flight->fresh, s->seq, len, net_tso_segs(conn->tcp->net) - 1u);
	if (len < unsent)
		len -= len % s->len;
	if (len <= s->len)
		return;
	s->size = (uint16_t)s->len;
	s->len = len;
	s->fin = conn->fin_queued && !conn->fin_sent && len == unsent && wnd > len;
}

static bool send_fresh(struct tcp_conn *conn, const struct segment *s)
{
	struct tcp *tcp = conn->tcp;

	if (!send_segment(conn, s))
		return false;
	tcp_sent_add(&conn->flight->sent, &tcp->sents, s->seq, s->seq + s->len + s->fin, s->fin,
		tcp->now);
	conn->snd_nxt += s->len + s->fin;
	conn->fin_sent |= s->fin;
	conn->probe_due = false;
	stat_add(tcp->stats, STAT_tcp_out_bytes, s->len);
	return true;
}

// What is no longer known after a pause: cwnd (RFC 5681 §4.1), and whether the path is still
// narrow.
static void restart_if_idle(struct tcp_conn *conn)
{
	struct tcp *tcp = conn->tcp;
	uint64_t idle = mono_since(tcp->now, conn->sent_at);

	if (conn->flight->sent.n == 0 &&
		idle > tcp_rtt_timeout(&conn->rtt, 0, tcp->cfg.rto_min, tcp->cfg.rto_max))
		tcp->cc->on_idle(&conn->cc, idle, tcp->now);
	if (unlikely(conn->narrow))
		tcp_path_retry(conn);
}

static enum flush flush_fresh(struct tcp_conn *conn, unsigned *budget)
{
	struct segment s;

	conn->cwnd_limited = conn->flight->sent.lost > 0;
	if (conn->cwnd_limited && conn->frto != TCP_FRTO_SECOND)
		return FLUSH_DONE;
	restart_if_idle(conn);
	while (next_segment(conn, &s) && cwnd_allows(conn, s.len)) {
		if (!tcp_sent_room(&conn->flight->sent, &conn->tcp->sents))
			return FLUSH_DONE; // the next ACK frees a record
		if (*budget == 0)
			return FLUSH_MORE;
		widen(conn, &s, *budget);
		if (!send_fresh(conn, &s))
			return FLUSH_FULL;
		*budget -= frame_n(&s);
	}
	if (tcp_loss_in_flight(conn) + conn->mss > conn->cc.cwnd)
		conn->cwnd_limited = true;
	return FLUSH_DONE;
}

// A tail loss probe: something new, whatever cwnd says, or else the last segment again
// (RFC 8985 §7.3).
static enum flush flush_probe(struct tcp_conn *conn)
{
	struct tcp *tcp = conn->tcp;
	struct tcp_sent *rec = conn->flight->sent.tail;
	struct segment s;
	bool fresh;

	if (likely(!conn->tlp_due))
		return FLUSH_DONE;
	if (!tcp_rack_wants_probe(conn)) {
		conn->tlp_due = false;
		return FLUSH_DONE;
	}
	fresh = next_segment(conn, &s) && tcp_sent_room(&conn->flight->sent, &tcp->sents);
	if (fresh && !send_fresh(conn, &s))
		return FLUSH_FULL;
	if (!fresh) {
		if (rec->end - rec->seq > conn->mss &&
			tcp_sent_split(&conn->flight->sent, &tcp->sents, rec, rec->end - conn->mss))
			rec = rec->next;
		if (send_again(conn, rec) != FLUSH_DONE)
			return FLUSH_FULL;
	}
	conn->tlp_due = false;
	tcp_rack_probed(conn, !fresh);
	return FLUSH_DONE;
}

// Probes have an old sequence number: the peer answers what it can't accept.
static enum flush flush_bare(struct tcp_conn *conn)
{
	// The ACK of what the same burst brought in order is none of the duplicates.
	if (conn->dups_owed > 0 && conn->last_ack_sent != conn->rcv_nxt) {
		if (!send_bare(conn, conn->snd_nxt, TCP_ACK))
			return FLUSH_FULL;
		acked_now(conn);
	}
	while (conn->dups_owed > 0) {
		if (!send_bare(conn, conn->snd_nxt, TCP_ACK))
			return FLUSH_FULL;
		conn->dups_owed--;
		acked_now(conn);
	}
	if (conn->probe_due || conn->alive_due) {
		if (!send_bare(conn, conn->snd_nxt - 1, TCP_ACK))
			return FLUSH_FULL;
		if (conn->probe_due)
			tcp_trace(conn->tcp, conn, TRACE_ZERO_WINDOW, tcp_conn_unsent(conn),
				conn->backoff);
		stat_inc(conn->tcp->stats,
			conn->probe_due ? STAT_tcp_zero_window_probes : STAT_tcp_keepalive_probes);
		conn->probe_due = false;
		conn->alive_due = false;
	}
	if (conn->ack_now) {
		if (!send_bare(conn, conn->snd_nxt, TCP_ACK))
			return FLUSH_FULL;
		acked_now(conn);
	}
	return FLUSH_DONE;
}

static enum flush flush_conn(struct tcp_conn *conn)
{
	unsigned budget = SEGS_PER_PASS;
	enum flush flush;

	if (!tcp_conn_synchronized(conn)) {
		if (!flush_syn(conn))
			return FLUSH_FULL;
		tcp_timer_decide(conn);
		return FLUSH_DONE;
	}
	flush = flush_probe(conn);
	if (flush == FLUSH_DONE)
		flush = flush_lost(conn, &budget);
	if (flush == FLUSH_DONE)
		flush = flush_fresh(conn, &budget);
	if (flush == FLUSH_DONE)
		flush = flush_bare(conn);
	if (flush == FLUSH_DONE)
		tcp_timer_decide(conn);
	return flush;
}

// Memory is there again for those who were refused.
static void feed_starved(struct tcp *tcp)
{
	struct tcp_conn *conn;

	while ((conn = tcp_fifo_first(&tcp->starved, &tcp->conns)) != NULL) {
		tcp_conn_feed(conn);
		conn->want_room = false;
		tcp_conn_raise(conn, TCP_WRITABLE);
	}
}

bool tcp_output(struct tcp *tcp, struct mono now)
{
	struct list *link;

	tcp->now = now;
	while ((link = list_pop_front(&tcp->out)) != NULL) {
		struct tcp_conn *conn = list_entry(link, struct tcp_conn, out_link);
		enum flush flush;

		if (!list_empty(&tcp->out))
			tcp_conn_prefetch(list_entry(tcp->out.next, struct tcp_conn, out_link));
		flush = flush_conn(conn);
		if (flush == FLUSH_MORE)
			list_push_back(&tcp->out, link);
		if (flush == FLUSH_FULL) {
			list_push_front(&tcp->out, link);
			break;
		}
	}
	if (tcp->starved.first != 0 && tcp->mem < tcp->cfg.mem_max / 2)
		feed_starved(tcp);
	tcp->stats->stat[STAT_tcp_mem_bytes] = tcp->mem;
	return list_empty(&tcp->out);
}

void tcp_output_rst(struct tcp_conn *conn)
{
	if (!tcp_conn_synchronized(conn) && conn->state != TCPS_SYN_RECEIVED)
		return;
	tcp_trace(conn->tcp, conn, TRACE_RST_OUT, conn->snd_nxt, 0);
	if (send_bare(conn, conn->snd_nxt, TCP_RST | TCP_ACK))
		stat_inc(conn->tcp->stats, STAT_tcp_out_rsts);
}
