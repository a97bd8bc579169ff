#include "dataplane/tcp/tcp_loss.h"

#include "dataplane/tcp/tcp_conn.h"
#include "dataplane/tcp/tcp_isn.h"
#include "dataplane/tcp/tcp_path.h"
#include "dataplane/tcp/tcp_seq.h"
#include "dataplane/tcp/tcp_trace.h"

#define DUP_THRESH 3
#define OLD (UINT32_C(1) << 30) // as much as one ACK can cover
#define FRTO_CWND 3             // RFC 5682 §2.1 step 3a

void tcp_loss_init(struct tcp_conn *conn)
{
	conn->ca = TCP_CA_OPEN;
	conn->reo_wnd_mult = 1;
}

uint32_t tcp_loss_in_flight(const struct tcp_conn *conn)
{
	uint32_t left;

	if (likely(conn->dup_acks == 0 || conn->sack_on))
		return conn->flight->sent.pipe;
	// Each duplicate says that one segment has left the network.
	left = conn->dup_acks * (uint32_t)conn->mss;
	return conn->flight->sent.pipe > left ? conn->flight->sent.pipe - left : 0;
}

// --- recovery

static uint32_t outstanding(const struct tcp_conn *conn)
{
	return conn->snd_nxt - conn->snd_una;
}

// What is needed to find out that it was a mistake.
static void undo_begin(struct tcp_conn *conn)
{
	conn->flight->undo = (struct tcp_undo){.on = true};
	conn->flight->repaired = true;
}

static void enter_recovery(struct tcp_conn *conn, uint32_t in_flight)
{
	struct tcp *tcp = conn->tcp;

	conn->ca = TCP_CA_RECOVERY;
	conn->flight->recover = conn->snd_nxt;
	undo_begin(conn);
	tcp_prr_begin(&conn->flight->prr, in_flight);
	tcp->cc->on_congestion(&conn->cc, outstanding(conn), tcp->now);
	conn->flight->cwr_end = conn->snd_nxt;
	conn->cwr_due = conn->ecn_on;
	stat_inc(tcp->stats, STAT_tcp_fast_retrans);
	tcp_trace(tcp, conn, TRACE_RECOVERY, conn->cc.cwnd, conn->cc.ssthresh);
}

static void leave_recovery(struct tcp_conn *conn)
{
	struct tcp *tcp = conn->tcp;

	if (conn->ca == TCP_CA_RECOVERY)
		tcp->cc->on_recovered(&conn->cc, tcp->now);
	tcp_trace(tcp, conn, TRACE_RECOVERED, conn->cc.cwnd, conn->cc.ssthresh);
	conn->ca = TCP_CA_OPEN;
	conn->frto = TCP_FRTO_OFF;
	conn->dup_acks = 0;
	tcp_rack_recovered(conn);
}

// RFC 6582: the first segment in order is missing.
static void head_lost(struct tcp_conn *conn)
{
	struct tcp_sent *head = conn->flight->sent.head;

	if (head == NULL)
		return;
	if (head->end - head->seq > conn->mss)
		(void)tcp_sent_split(
			&conn->flight->sent, &conn->tcp->sents, head, head->seq + conn->mss);
	tcp_sent_mark_lost(&conn->flight->sent, head);
	conn->rexmt_head = true;
}

// True when an ACK without selective information shows a loss.
static bool newreno_detect(struct tcp_conn *conn, const struct tcp_news *news)
{
	if (conn->ca == TCP_CA_RECOVERY) {
		if (news->advanced)
			head_lost(conn);
		return news->advanced;
	}
	// §3.2 step 2: not again for what an earlier recovery or time-out dealt with.
	if (conn->dup_acks != DUP_THRESH || !news->duplicate ||
		seq_leq(conn->snd_una, conn->flight->recover))
		return false;
	head_lost(conn);
	return true;
}

static bool detect(struct tcp_conn *conn, const struct tcp_news *news)
{
	return conn->sack_on ? tcp_rack_detect(conn) : newreno_detect(conn, news);
}

// Bytes that an ACK says have arrived, for PRR and for growth.
static uint32_t newly_delivered(const struct tcp_conn *conn, const struct tcp_news *news)
{
	uint32_t known = news->duplicate ? 0 : conn->dup_acks * (uint32_t)conn->mss;

	if (conn->sack_on)
		return news->d.bytes;
	if (news->duplicate)
		return conn->mss;
	return news->d.bytes > known ? news->d.bytes - known : 0;
}

// Without SACK: how many have announced themselves. A partial ACK covers those and the first.
static void count_duplicates(struct tcp_conn *conn, const struct tcp_news *news)
{
	uint32_t segs;

	if (news->duplicate) {
		if (conn->dup_acks < UINT8_MAX)
			conn->dup_acks++;
		return;
	}
	if (!news->advanced || conn->dup_acks == 0)
		return;
	if (conn->ca != TCP_CA_RECOVERY) {
		conn->dup_acks = 0;
		return;
	}
	segs = (news->ack - news->una + conn->mss - 1) / conn->mss - 1;
	conn->dup_acks = (uint8_t)(conn->dup_acks - RTE_MIN(conn->dup_acks, segs));
}

static void grow(struct tcp_conn *conn, const struct tcp_news *news, uint32_t acked)
{
	struct tcp *tcp = conn->tcp;
	struct cc_ack ack = {
		.acked = acked,
		.in_flight = tcp_loss_in_flight(conn),
		.snd_una = conn->snd_una,
		.snd_nxt = conn->snd_nxt,
		.srtt = conn->rtt.srtt,
		.cwnd_limited = conn->cwnd_limited,
		.now = tcp->now,
	};

	if (news->ece)
		return; // RFC 3168 §6.1.2
	if (news->d.any && !news->d.repeated)
		ack.rtt = (uint32_t)(mono_since(tcp->now, news->d.at) / NS_PER_US);
	tcp->cc->on_ack(&conn->cc, &ack);
}

// --- was it a mistake?

static void undo(struct tcp_conn *conn, enum stat_id why)
{
	struct tcp *tcp = conn->tcp;

	// What was taken for lost was late: the next time RACK waits for it (RFC 8985 §6.2 step 4).
	if (conn->ca == TCP_CA_RECOVERY)
		conn->reordering_seen = true;
	tcp->cc->on_undo(&conn->cc, tcp->now);
	tcp_sent_unmark_lost(&conn->flight->sent);
	conn->flight->undo.on = false;
	conn->ca = TCP_CA_OPEN;
	conn->frto = TCP_FRTO_OFF;
	conn->dup_acks = 0;
	conn->rexmt_head = false;
	conn->cwr_due = false;
	stat_inc(tcp->stats, why);
	tcp_trace(tcp, conn, TRACE_UNDO, conn->cc.cwnd, conn->cc.ssthresh);
}

// RFC 3522: the first ACK of what was sent again echoes a time before that.
static bool eifel(const struct tcp_conn *conn, const struct tcp_news *news)
{
	return news->d.ts && conn->flight->undo.sent &&
		seq_leq(news->una, conn->flight->undo.seq) &&
		seq_gt(news->ack, conn->flight->undo.seq) &&
		seq_lt(news->d.tsecr, conn->flight->undo.ts);
}

static bool undone(struct tcp_conn *conn, const struct tcp_news *news)
{
	struct tcp_undo *u = &conn->flight->undo;

	if (!u->on)
		return false;
	if (eifel(conn, news)) {
		undo(conn, STAT_tcp_undo_ts);
		return true;
	}
	if (!news->dsack || !u->sent || seq_lt(news->dsack_end - news->dsack_bytes, u->seq) ||
		seq_gt(news->dsack_end, conn->flight->recover))
		return false;
	u->bytes -= RTE_MIN(u->bytes, news->dsack_bytes);
	if (u->bytes > 0)
		return false;
	undo(conn, STAT_tcp_undo_dsack);
	return true;
}

// Whether there is something new that the peer's window takes, without being silly.
static bool has_fresh(const struct tcp_conn *conn)
{
	uint32_t unsent = tcp_conn_unsent(conn);
	uint32_t wnd = seq_ahead(conn->snd_una + conn->snd_wnd, conn->snd_nxt);

	return unsent > 0 && wnd >= RTE_MIN(unsent, (uint32_t)conn->mss);
}

// RFC 5682 §2.1 and §3.1. True when the time-out was a mistake.
static bool frto(struct tcp_conn *conn, const struct tcp_news *news)
{
	switch (conn->frto) {
	case TCP_FRTO_OFF:
		return false;
	case TCP_FRTO_FIRST:
		if (news->advanced && seq_lt(news->ack, conn->flight->recover) && has_fresh(conn))
			conn->frto = TCP_FRTO_SECOND;
		else if (news->advanced || (news->duplicate && !conn->sack_on))
			conn->frto = TCP_FRTO_OFF;
		return false;
	case TCP_FRTO_SECOND:
		if (!news->advanced && !news->duplicate && !news->sacks)
			return false;
		conn->frto = TCP_FRTO_OFF;
		if (news->d.original && seq_leq(news->d.lowest, conn->flight->recover)) {
			undo(conn, STAT_tcp_undo_frto);
			return true;
		}
		conn->cc.cwnd = RTE_MIN(conn->cc.cwnd, FRTO_CWND * (uint32_t)conn->mss);
		return false;
	}
	return false;
}

// --- an ACK, by what the connection is in

// Sequence numbers of long ago would lie ahead when they wrap: no loss would be found by duplicate
// ACKs, and no mark answered, for the next 2 GB.
static void forget_old(struct tcp_conn *conn)
{
	if (unlikely(seq_ahead(conn->snd_una, conn->flight->recover) > OLD)) {
		conn->flight->recover = conn->snd_una - 1;
		conn->flight->undo.on = false;
	}
	if (unlikely(seq_ahead(conn->snd_una, conn->flight->cwr_end) > OLD))
		conn->flight->cwr_end = conn->snd_una;
}

static void ack_open(struct tcp_conn *conn, const struct tcp_news *news)
{
	forget_old(conn);
	if (detect(conn, news)) {
		enter_recovery(conn, news->in_flight);
		conn->cc.cwnd = tcp_loss_in_flight(conn) +
			tcp_prr_ack(&conn->flight->prr, newly_delivered(conn, news), false,
				tcp_loss_in_flight(conn), conn->cc.ssthresh, conn->mss);
	} else if (news->advanced) {
		grow(conn, news, news->ack - news->una);
	}
}

// A recovery ends; what is lost besides was sent after it began. The window grows from the next ACK
// on.
static void ack_last(struct tcp_conn *conn, const struct tcp_news *news)
{
	leave_recovery(conn);
	ack_open(conn,
		&(struct tcp_news){
			.d = news->d,
			.ack = news->ack,
			.una = news->ack,
			.in_flight = news->in_flight,
		});
}

static void ack_recovery(struct tcp_conn *conn, const struct tcp_news *news, uint32_t newly)
{
	bool lost;
	uint32_t flight;

	if (seq_geq(conn->snd_una, conn->flight->recover)) {
		ack_last(conn, news);
		return;
	}
	lost = detect(conn, news);
	if (newly == 0)
		return;
	flight = tcp_loss_in_flight(conn);
	conn->cc.cwnd = flight +
		tcp_prr_ack(&conn->flight->prr, newly, news->advanced && !(lost && conn->sack_on),
			flight, conn->cc.ssthresh, conn->mss);
}

static void ack_loss(struct tcp_conn *conn, const struct tcp_news *news, uint32_t newly)
{
	bool told = conn->frto == TCP_FRTO_SECOND; // and cwnd is what it should be

	if (frto(conn, news))
		return;
	if (seq_geq(conn->snd_una, conn->flight->recover)) {
		ack_last(conn, news);
		return;
	}
	(void)detect(conn, news);
	// What had arrived before the time-out, and is covered only now, is no reason for a burst.
	if (news->advanced && newly > 0 && !told)
		grow(conn, news, conn->sack_on ? newly : RTE_MIN(newly, 2u * conn->mss));
}

void tcp_loss_ack(struct tcp_conn *conn, const struct tcp_news *news)
{
	uint32_t newly = 0;

	if (conn->sack_on)
		tcp_rack_ack(conn, news);
	if (conn->ca != TCP_CA_OPEN)
		newly = newly_delivered(conn, news);
	if (!conn->sack_on)
		count_duplicates(conn, news);
	if (unlikely(conn->flight->repaired) && undone(conn, news) && !news->advanced)
		return;
	switch ((enum tcp_ca)conn->ca) {
	case TCP_CA_OPEN:
		ack_open(conn, news);
		break;
	case TCP_CA_RECOVERY:
		ack_recovery(conn, news, newly);
		break;
	case TCP_CA_LOSS:
		ack_loss(conn, news, newly);
		break;
	}
	// Last: what tells of a loss must not make the window grow afterwards.
	if (unlikely(conn->flight->rack.tlp_on) && tcp_rack_probe_ack(conn, news) &&
		conn->ca == TCP_CA_OPEN)
		tcp_loss_ecn(conn, conn->snd_nxt - news->una);
}

// --- time

// Time-outs of one segment until its size is doubted: where such have arrived, it takes an outage's
// length.
#define DOUBT 2
#define DOUBT_PROVEN 5

// A peer whose path swallows large segments without a word would be sent them for ever.
static void find_black_hole(struct tcp_conn *conn)
{
	const struct tcp_sent *head = conn->flight->sent.head;
	uint32_t len;

	if (head == NULL)
		return;
	len = RTE_MIN(head->end - head->seq, (uint32_t)conn->mss);
	if (conn->retries + 1u >= (len <= conn->proven ? DOUBT_PROVEN : DOUBT))
		tcp_path_shrink(conn, len);
}

void tcp_loss_timeout(struct tcp_conn *conn)
{
	struct tcp *tcp = conn->tcp;
	bool first = conn->retries == 0;

	tcp->cc->on_rto(&conn->cc, outstanding(conn), first, tcp->now);
	// RFC 5682 §2.1 step 1: not while an earlier recovery is being done with.
	conn->frto =
		first && conn->ca != TCP_CA_LOSS && seq_geq(conn->snd_una, conn->flight->recover)
		? TCP_FRTO_FIRST
		: TCP_FRTO_OFF;
	if (first)
		undo_begin(conn);
	if (conn->flight->sent.head != NULL && (conn->flight->sent.head->flags & TCP_SENT_SACKED))
		tcp_sent_renege(&conn->flight->sent);
	else if (conn->sack_on)
		tcp_rack_timeout(conn);
	else
		tcp_sent_mark_all_lost(&conn->flight->sent);
	conn->ca = TCP_CA_LOSS;
	conn->flight->recover = conn->snd_nxt;
	conn->flight->cwr_end = conn->snd_nxt;
	conn->cwr_due |= conn->ecn_on; // RFC 3168 §6.1.2: whatever the reduction is for
	conn->dup_acks = 0;
	conn->rexmt_head = true;
	conn->flight->rack.tlp_on = false;
	find_black_hole(conn);
	stat_inc(tcp->stats, STAT_tcp_rto);
	tcp_trace(tcp, conn, TRACE_RTO, conn->backoff, outstanding(conn));
}

void tcp_loss_reorder_timeout(struct tcp_conn *conn)
{
	uint32_t in_flight = tcp_loss_in_flight(conn);

	if (!tcp_rack_detect(conn) || conn->ca == TCP_CA_LOSS)
		return;
	if (conn->ca == TCP_CA_OPEN)
		enter_recovery(conn, in_flight);
	// Nothing was delivered: one segment, and the ACKs to come tell of more.
	conn->cc.cwnd = tcp_loss_in_flight(conn) + conn->mss;
}

void tcp_loss_ecn(struct tcp_conn *conn, uint32_t flight)
{
	struct tcp *tcp = conn->tcp;

	if (conn->ca != TCP_CA_OPEN || seq_lt(conn->snd_una, conn->flight->cwr_end))
		return;
	tcp_flight_begin(conn);
	tcp->cc->on_congestion(&conn->cc, flight, tcp->now);
	conn->flight->undo.on = false; // this reduction was no mistake
	conn->flight->cwr_end = conn->snd_nxt;
	conn->cwr_due = conn->ecn_on;
	stat_inc(tcp->stats, STAT_tcp_cwr);
}

void tcp_loss_sent(struct tcp_conn *conn, uint32_t seq, uint32_t len, bool again)
{
	struct tcp_undo *u = &conn->flight->undo;

	if (conn->ca == TCP_CA_OPEN)
		return;
	if (conn->ca == TCP_CA_RECOVERY)
		conn->flight->prr.out += len;
	if (!again || !u->on)
		return;
	u->bytes += len;
	if (u->sent)
		return;
	u->sent = true;
	u->seq = seq;
	u->ts = tcp_ts_clock(conn->tcp->now) + conn->ts_offset;
}

void tcp_loss_all(struct tcp_conn *conn)
{
	tcp_sent_mark_all_lost(&conn->flight->sent);
	conn->rexmt_head = true;
}
