#include "dataplane/tcp/tcp_loss.h"

#include "dataplane/tcp/tcp_seq.h"

#define DUP_THRESH 3

uint32_t tcp_loss_in_flight(const struct tcp_conn *conn)
{
	// A peer can't make more segments leave than are there.
	uint32_t left = conn->sent.n == 0 ? 0 : RTE_MIN(conn->dup_acks, conn->sent.n - 1);
	uint32_t bytes = left * conn->mss;

	return conn->sent.pipe > bytes ? conn->sent.pipe - bytes : 0;
}

static void head_lost(struct tcp_conn *conn)
{
	if (conn->sent.head == NULL)
		return;
	tcp_sent_mark_lost(&conn->sent, conn->sent.head);
	conn->rexmt_head = true;
}

void tcp_loss_dup_ack(struct tcp_conn *conn, struct mono now)
{
	struct tcp *tcp = conn->tcp;
	uint32_t flight = conn->sent.pipe;

	if (conn->dup_acks < UINT8_MAX)
		conn->dup_acks++;
	// §3.2 step 1: not again for what an earlier recovery or time-out dealt with.
	if (conn->recovering || conn->dup_acks != DUP_THRESH ||
		seq_leq(conn->snd_una, conn->recover))
		return;
	conn->recovering = true;
	conn->recover = conn->snd_nxt;
	tcp->cc->on_congestion(&conn->cc, flight, now);
	head_lost(conn);
	stat_inc(tcp->stats, STAT_tcp_fast_retrans);
}

void tcp_loss_new_ack(struct tcp_conn *conn, uint32_t segs, uint32_t bytes, struct mono now)
{
	struct tcp *tcp = conn->tcp;

	if (!conn->recovering) {
		conn->dup_acks = 0;
		// After a time-out, one ACK may cover much that had arrived long ago: no burst for
		// it.
		if (seq_leq(conn->snd_una, conn->recover))
			bytes = RTE_MIN(bytes, 2u * conn->mss);
		tcp->cc->on_ack(&conn->cc,
			&(struct cc_ack){.acked = bytes,
				.in_flight = conn->sent.pipe,
				.snd_una = conn->snd_una,
				.snd_nxt = conn->snd_nxt,
				.srtt = conn->rtt.srtt,
				.cwnd_limited = conn->cwnd_limited,
				.now = now});
		return;
	}
	if (seq_geq(conn->snd_una, conn->recover)) {
		conn->recovering = false;
		conn->dup_acks = 0;
		tcp->cc->on_recovered(&conn->cc, now);
		return;
	}
	// A partial ACK: of the segments that it covers all but the first had announced themselves
	// by duplicate ACKs. The next one in order is missing too.
	conn->dup_acks -= (uint8_t)RTE_MIN(conn->dup_acks, segs > 0 ? segs - 1 : 0);
	head_lost(conn);
	stat_inc(tcp->stats, STAT_tcp_fast_retrans);
}

void tcp_loss_timeout(struct tcp_conn *conn)
{
	struct tcp *tcp = conn->tcp;

	tcp->cc->on_rto(&conn->cc, conn->sent.pipe, conn->retries == 0, tcp->now);
	tcp_sent_mark_all_lost(&conn->sent);
	conn->recovering = false;
	conn->recover = conn->snd_nxt;
	conn->dup_acks = 0;
	conn->rexmt_head = true;
	stat_inc(tcp->stats, STAT_tcp_rto);
}
