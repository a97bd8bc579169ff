#include "dataplane/tcp/tcp_check.h"

#include "dataplane/tcp/tcp_conn.h"
#include "dataplane/tcp/tcp_mem.h"

static uint64_t chain_mem(const struct rte_mbuf *m)
{
	uint64_t mem = 0;

	for (; m != NULL; m = m->next)
		mem += tcp_mem_of(m);
	return mem;
}

static uint64_t conn_mem(const struct tcp_conn *conn)
{
	uint64_t mem = chain_mem(conn->rq.head) + chain_mem(conn->sq.head);

	if (conn->reasm == NULL)
		return mem;
	mem += sizeof(*conn->reasm);
	for (uint32_t i = 0; i < conn->reasm->n; i++)
		mem += chain_mem(conn->reasm->runs[i].head);
	return mem;
}

static uint32_t chain_bytes(const struct rte_mbuf *m)
{
	uint32_t bytes = 0;

	for (; m != NULL; m = m->next)
		bytes += m->data_len;
	return bytes;
}

static const char *check_times(const struct tcp_conn *conn)
{
	struct mono last = {0};
	uint32_t pipe = 0;

	list_for_each (link, &conn->flight->sent.by_time) {
		const struct tcp_sent *rec = list_entry(link, struct tcp_sent, by_time);

		if (rec->flags & (TCP_SENT_LOST | TCP_SENT_SACKED))
			return "a record is in the pipe that is lost or acknowledged";
		if (rec->at.ns < last.ns)
			return "records are not in the order of their times";
		last = rec->at;
		pipe += rec->end - rec->seq;
	}
	return pipe == conn->flight->sent.pipe
		? NULL
		: "a record of the pipe is not in the order of times";
}

static const char *check_sent(const struct tcp_conn *conn)
{
	uint32_t seq = conn->snd_una;
	uint32_t pipe = 0;
	uint32_t sacked = 0;
	uint32_t lost = 0;
	uint32_t n = 0;

	if (!tcp_conn_synchronized(conn))
		return conn->flight->sent.n == 0 ? NULL : "records before the handshake is done";
	for (const struct tcp_sent *rec = conn->flight->sent.head; rec != NULL;
		rec = rec->next, n++) {
		if (rec->seq != seq || seq_geq(rec->seq, rec->end))
			return "records in flight have a gap";
		if (rec->flags & TCP_SENT_SACKED)
			sacked += rec->end - rec->seq;
		else if (rec->flags & TCP_SENT_LOST)
			lost++;
		else
			pipe += rec->end - rec->seq;
		seq = rec->end;
	}
	if (seq != conn->snd_nxt)
		return "records do not reach snd_nxt";
	if (pipe != conn->flight->sent.pipe || sacked != conn->flight->sent.sacked ||
		lost != conn->flight->sent.lost || n != conn->flight->sent.n)
		return "pipe is miscounted";
	return check_times(conn);
}

static const char *check_queues(const struct tcp_conn *conn)
{
	const struct tcp_send_queue *sq = &conn->sq;

	if (sq->end - sq->seq != chain_bytes(sq->head))
		return "the send queue's bytes do not add up";
	if (sq->head != NULL && tcp_conn_synchronized(conn) && seq_gt(sq->seq, conn->snd_una))
		return "unacknowledged bytes are gone";
	if (conn->rq.bytes != chain_bytes(conn->rq.head))
		return "the receive queue's bytes do not add up";
	if (conn->rq.bytes > tcp_conn_rcv_buf(conn) + TCP_WINDOW_MAX)
		return "more was received than was offered";
	return NULL;
}

static const char *check_reasm(const struct tcp_conn *conn)
{
	uint32_t seq = conn->rcv_nxt;

	if (conn->reasm == NULL)
		return NULL;
	for (uint32_t i = 0; i < conn->reasm->n; i++) {
		const struct tcp_run *run = &conn->reasm->runs[i];

		if (seq_leq(run->seq, seq) || run->end - run->seq != chain_bytes(run->head))
			return "runs touch or do not add up";
		if (run->tail->next != NULL)
			return "a run's tail is not its last mbuf";
		seq = run->end;
	}
	if (conn->fin_known && seq_gt(seq, conn->rcv_fin))
		return "something is kept that lies beyond the peer's FIN";
	return NULL;
}

// The most common bug of all stacks: something is awaited, and nothing will wake the connection.
static const char *check_timer(const struct tcp_conn *conn)
{
	bool waits = !tcp_conn_synchronized(conn) || conn->snd_una != conn->snd_nxt ||
		tcp_conn_unsent(conn) > 0 || (conn->fin_queued && !conn->fin_sent);
	uint64_t due = (uint64_t)conn->timer.tick * WHEEL_TICK_NS;

	if (list_linked(&conn->out_link))
		return NULL;
	if (conn->flight != &tcp_flight_none && conn->flight->sent.n == 0 &&
		!conn->flight->repaired && conn->ca == TCP_CA_OPEN)
		return "a flight is over and its record was not given back";
	if (conn->ack_now || conn->dups_owed > 0 || conn->syn_due || conn->probe_due ||
		conn->tlp_due)
		return "something is to be sent and tcp_output does not know";
	if (waits && conn->rexmt_at.ns == 0)
		return "data is outstanding or waits, and there is no deadline";
	if (conn->unacked_in > 0 && conn->delack_at.ns == 0)
		return "an ACK is owed and there is no deadline";
	if (conn->orphan && conn->state == TCPS_FIN_WAIT_2 && conn->keep_at.ns == 0)
		return "an orphan in FIN_WAIT_2 has no deadline";
	if (conn->rexmt_at.ns != 0 &&
		(!wheel_armed(&conn->timer) ||
			due > RTE_MAX(conn->rexmt_at.ns, conn->tcp->now.ns) + WHEEL_TICK_NS))
		return "the timer is not armed, or too late";
	return NULL;
}

static const char *check_conn(const struct tcp_conn *conn)
{
	const char *wrong;

	if (conn->state == TCPS_CLOSED) {
		if (wheel_armed(&conn->timer) || conn->sq.head != NULL || conn->reasm != NULL)
			return "it is over and not empty";
		return NULL;
	}
	wrong = check_sent(conn);
	if (wrong == NULL)
		wrong = check_queues(conn);
	if (wrong == NULL)
		wrong = check_reasm(conn);
	if (wrong == NULL)
		wrong = check_timer(conn);
	return wrong;
}

const char *tcp_check(const struct tcp *tcp)
{
	uint64_t mem = 0;
	uint32_t n = 0;
	uint32_t records = 0;
	uint32_t flights = 0;

	for (uint32_t i = 0; i < tcp->conns.touched; i++) {
		const struct tcp_conn *conn = tcp_conn_at(tcp, i);
		const char *wrong;

		if (conn == NULL)
			continue;
		wrong = check_conn(conn);
		if (wrong != NULL)
			return wrong;
		mem += conn_mem(conn);
		records += conn->flight->sent.n -
			((conn->flight->sent.first.flags & TCP_SENT_USED) != 0);
		flights += conn->flight != &tcp_flight_none;
		n++;
	}
	if (mem != tcp->mem)
		return "pinned memory is miscounted";
	if (n != tcp->conns.used)
		return "connections are miscounted";
	if (flights != tcp->flights.used)
		return "records of flights leak";
	if (records != tcp->sents.used)
		return "records leak";
	return NULL;
}
