// The only place that reads a connection to tell about it: whoever changes struct tcp_conn changes
// this file and no other.
#include "dataplane/tcp/tcp_info.h"

#include <stdio.h>
#include <string.h>

#include "dataplane/tcp/tcp_conn.h"
#include "dataplane/tcp/tcp_loss.h"

_Static_assert((int)CONN_CLOSED == TCPS_CLOSED && (int)CONN_SYN_SENT == TCPS_SYN_SENT &&
		(int)CONN_SYN_RECEIVED == TCPS_SYN_RECEIVED &&
		(int)CONN_ESTABLISHED == TCPS_ESTABLISHED &&
		(int)CONN_CLOSE_WAIT == TCPS_CLOSE_WAIT &&
		(int)CONN_FIN_WAIT_1 == TCPS_FIN_WAIT_1 &&
		(int)CONN_FIN_WAIT_2 == TCPS_FIN_WAIT_2 && (int)CONN_CLOSING == TCPS_CLOSING &&
		(int)CONN_LAST_ACK == TCPS_LAST_ACK,
	"states have one numbering");

#define SET(name, value) (out->num[CONN_NUM_##name] = (value))

static uint32_t options(const struct tcp_conn *conn)
{
	uint32_t bits = 0;

	if (conn->ts_on)
		bits |= 1u << CONN_OPTION_TIMESTAMPS;
	if (conn->sack_on)
		bits |= 1u << CONN_OPTION_SACK;
	if (conn->wscale_on)
		bits |= 1u << CONN_OPTION_WSCALE;
	if (conn->ecn_on)
		bits |= 1u << CONN_OPTION_ECN;
	return bits;
}

static enum conn_phase phase(const struct tcp_conn *conn)
{
	if (!tcp_conn_synchronized(conn))
		return CONN_PHASE_OPENING;
	if (conn->ca != TCP_CA_OPEN)
		return conn->ca == TCP_CA_LOSS ? CONN_PHASE_LOSS : CONN_PHASE_RECOVERY;
	return conn->cc.cwnd < conn->cc.ssthresh ? CONN_PHASE_SLOW_START : CONN_PHASE_AVOIDANCE;
}

static enum conn_timer awaited(enum tcp_rexmt_mode mode)
{
	switch (mode) {
	case TCP_REXMT_PROBE:
		return CONN_TIMER_LOSS_PROBE;
	case TCP_REXMT_PERSIST:
		return CONN_TIMER_PERSIST;
	case TCP_REXMT_NONE:
	case TCP_REXMT_RTO:
		break;
	}
	return CONN_TIMER_RETRANSMIT;
}

// The first of the deadlines that are set.
static void timer(const struct tcp_conn *conn, struct conn_info *out)
{
	const struct {
		struct mono at;
		enum conn_timer kind;
	} deadlines[] = {
		{conn->rexmt_at, awaited((enum tcp_rexmt_mode)conn->rexmt_mode)},
		{conn->flight->rack.reo_at, CONN_TIMER_REORDERING},
		{conn->delack_at, CONN_TIMER_DELAYED_ACK},
		{conn->keep_at, CONN_TIMER_KEEPALIVE},
	};
	struct mono first = MONO_NEVER;

	for (size_t i = 0; i < ARRAY_LEN(deadlines); i++) {
		if (deadlines[i].at.ns == 0 || !mono_before(deadlines[i].at, first))
			continue;
		first = deadlines[i].at;
		out->timer = (uint8_t)deadlines[i].kind;
		SET(timer_us, mono_since(first, conn->tcp->now) / NS_PER_US);
	}
}

static void path(const struct tcp_conn *conn, struct conn_info *out)
{
	const struct tcp_config *cfg = &conn->tcp->cfg;
	struct mono now = conn->tcp->now;

	SET(srtt_us, conn->rtt.srtt);
	SET(rttvar_us, conn->rtt.rttvar);
	SET(min_rtt_us, tcp_rtt_min(&conn->rtt));
	SET(rto_us,
		tcp_rtt_timeout(&conn->rtt, conn->backoff, cfg->rto_min, cfg->rto_max) / NS_PER_US);
	SET(backoff, conn->backoff);
	SET(retries, conn->retries);
	SET(cwnd_bytes, conn->cc.cwnd);
	SET(ssthresh_bytes, conn->cc.ssthresh == UINT32_MAX ? 0 : conn->cc.ssthresh);
	SET(mss_bytes, conn->mss);
	SET(pmtu_bytes, conn->route.mtu);
	SET(heard_us, mono_since(now, tcp_ms_time(conn->heard_at, now)) / NS_PER_US);
	SET(sent_us, mono_since(now, conn->sent_at) / NS_PER_US);
	SET(keepalive_probes, conn->keep_probes);
}

static void sending(const struct tcp_conn *conn, struct conn_info *out)
{
	uint32_t unacked = conn->snd_nxt - conn->snd_una;

	SET(snd_wnd_bytes, conn->snd_wnd);
	SET(snd_wscale, conn->snd_wscale);
	SET(in_flight_bytes, tcp_loss_in_flight(conn));
	SET(unacked_bytes, unacked);
	SET(unsent_bytes, tcp_conn_unsent(conn));
	SET(sacked_bytes, conn->flight->sent.sacked);
	if (tcp_conn_synchronized(conn))
		SET(lost_bytes,
			seq_ahead(unacked, conn->flight->sent.pipe + conn->flight->sent.sacked));
	SET(dup_acks, conn->dup_acks);
}

static void receiving(const struct tcp_conn *conn, struct conn_info *out)
{
	uint64_t bytes = 0;

	SET(rcv_wnd_bytes, seq_ahead(conn->rcv_adv, conn->rcv_nxt));
	SET(rcv_wscale, conn->rcv_wscale);
	SET(recv_queue_bytes, conn->rq.bytes);
	SET(read_bytes, conn->rcv_taken);
	if (conn->reasm == NULL)
		return;
	for (uint32_t i = 0; i < conn->reasm->n; i++)
		bytes += conn->reasm->runs[i].end - conn->reasm->runs[i].seq;
	SET(ooo_runs, conn->reasm->n);
	SET(ooo_bytes, bytes);
}

void tcp_info(const struct tcp_conn *conn, struct conn_info *out)
{
	*out = (struct conn_info){
		.local = conn->key.local,
		.remote = conn->key.remote,
		.local_port = conn->key.local_port,
		.remote_port = conn->key.remote_port,
		.slot = pool_index(&conn->tcp->conns, conn),
		.options = options(conn),
		.state = conn->state,
		.timer = CONN_TIMER_NONE,
		.phase = (uint8_t)phase(conn),
	};
	snprintf(out->cc, sizeof(out->cc), "%s", conn->tcp->cc->name);
	path(conn, out);
	sending(conn, out);
	receiving(conn, out);
	if (conn->state != TCPS_CLOSED)
		timer(conn, out);
}

static bool wanted(const struct tcp_conn *conn, const struct tcp_info_filter *filter)
{
	if (!ip_addr_is_any(&filter->remote) && !ip_addr_eq(&filter->remote, &conn->key.remote))
		return false;
	if (filter->port != 0 && filter->port != conn->key.local_port &&
		filter->port != conn->key.remote_port)
		return false;
	return filter->state < 0 || filter->state == conn->state;
}

uint32_t tcp_info_page(const struct tcp *tcp, const struct tcp_info_filter *filter, uint32_t from,
	uint32_t max, struct conn_info *out, uint32_t *next)
{
	uint32_t touched = tcp->conns.touched;
	uint32_t n = 0;
	uint32_t i = from;

	for (; i < touched && i - from < TCP_INFO_SCAN && n < max; i++) {
		const struct tcp_conn *conn = tcp_conn_at(tcp, i);

		if (conn != NULL && wanted(conn, filter))
			tcp_info(conn, &out[n++]);
	}
	*next = i < touched ? i : TCP_INFO_END;
	return n;
}

const struct trace_ring *tcp_trace_ring(const struct tcp *tcp)
{
	return &tcp->trace;
}
