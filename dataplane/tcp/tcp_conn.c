#include "dataplane/tcp/tcp_conn.h"

#include <errno.h>
#include <string.h>

#include "dataplane/tcp/tcp_header.h"
#include "dataplane/tcp/tcp_loss.h"
#include "dataplane/tcp/tcp_time_wait.h"
#include "dataplane/tcp/tcp_trace.h"

// Segments are never made smaller than this, whatever a peer or an ICMP message asks for: tiny
// ones multiply the work (CVE-2019-11479).
#define MSS_MIN 64u

struct tcp_conn *tcp_conn_new(
	struct tcp *tcp, const struct tcp_key *key, const struct net_path *path)
{
	struct tcp_conn *conn = pool_get(&tcp->conns);

	if (conn == NULL) {
		stat_drop(tcp->stats, DROP_TCP_NO_MEM);
		return NULL;
	}
	memset(conn, 0, sizeof(*conn));
	conn->key = *key;
	conn->tcp = tcp;
	conn->route = net_route_of(path, &key->remote);
	conn->heard_at = tcp_ms(tcp->now);
	conn->sent_at = tcp->now;
	wheel_timer_init(&conn->timer);
	list_init(&conn->out_link);
	list_init(&conn->wait_link);
	tcp_rtt_init(&conn->rtt);
	conn->flight = tcp_flight_no();
	tcp_table_insert(&tcp->table, conn->key.hash, TCP_KIND_CONN, conn);
	return conn;
}

void tcp_conn_set_mss(struct tcp_conn *conn)
{
	uint16_t before = conn->mss;
	uint16_t peer_mss = conn->peer_mss;
	bool v4 = ip_addr_is_v4(&conn->key.remote);
	uint32_t mss = peer_mss != 0 ? peer_mss : v4 ? TCP_MSS_DEFAULT_V4 : TCP_MSS_DEFAULT_V6;
	uint32_t fits = tcp_header_mss(&conn->key, conn->route.mtu);

	mss = RTE_MIN(mss, fits);
	mss = RTE_MAX(mss, MSS_MIN);
	// RFC 6691: the option does not count options, the segment does.
	conn->mss = (uint16_t)(mss - (conn->ts_on ? TCP_OPT_TS_LEN : 0));
	if (before != 0 && before != conn->mss)
		tcp_trace(conn->tcp, conn, TRACE_MSS, before, conn->mss);
	conn->cc.mss = conn->mss;
	conn->proven = 0;
}

void tcp_conn_negotiate(struct tcp_conn *conn, const struct tcp_peer *peer)
{
	const struct tcp_config *cfg = &conn->tcp->cfg;

	conn->iss = peer->iss;
	conn->rcv_nxt = peer->irs + 1;
	conn->ts_on = cfg->timestamps && peer->ts;
	conn->ts_recent = peer->ts_recent;
	conn->ts_recent_age = (uint32_t)(conn->tcp->now.ns / NS_PER_SEC);
	conn->ts_offset = peer->ts_offset;
	conn->wscale_on = cfg->window_scaling && peer->wscale != TCP_WSCALE_NONE;
	conn->snd_wscale = conn->wscale_on ? peer->wscale : 0;
	conn->rcv_wscale = conn->wscale_on ? conn->tcp->rcv_wscale : 0;
	// What our SYN offered; scaling begins after it.
	conn->rcv_adv = conn->rcv_nxt + RTE_MIN(cfg->rcv_buf, TCP_WINDOW_MAX);
	conn->last_ack_sent = conn->rcv_nxt;
	conn->sack_on = cfg->sack && peer->sack;
	conn->ecn_on = cfg->ecn != TCP_ECN_OFF && peer->ecn;
	conn->peer_mss = peer->mss;
	tcp_conn_set_mss(conn);
}

void tcp_conn_establish(struct tcp_conn *conn, uint64_t syn_rtt, bool syn_lost)
{
	struct tcp *tcp = conn->tcp;

	tcp_conn_set_state(conn, TCPS_ESTABLISHED);
	tcp->cc->init(&conn->cc, conn->mss, syn_lost);
	tcp_loss_init(conn);
	conn->syn_due = false;
	conn->retries = 0;
	conn->backoff = 0;
	conn->rexmt_from = (struct mono){0};
	if (syn_rtt != 0)
		tcp_rtt_sample(&conn->rtt, syn_rtt);
	else if (syn_lost)
		conn->rtt.rto = TCP_RTO_SYN_LOST_US;
}

static bool counts_as_established(enum tcp_state state)
{
	return state == TCPS_ESTABLISHED || state == TCPS_CLOSE_WAIT;
}

void tcp_conn_set_state(struct tcp_conn *conn, enum tcp_state state)
{
	struct stats *stats = conn->tcp->stats;
	enum tcp_state old = (enum tcp_state)conn->state;

	if (counts_as_established(state) && !counts_as_established(old))
		stat_inc(stats, STAT_tcp_curr_estab);
	if (!counts_as_established(state) && counts_as_established(old))
		stat_dec(stats, STAT_tcp_curr_estab);
	if (state != old)
		tcp_trace(conn->tcp, conn, TRACE_STATE, old, state);
	conn->state = (uint8_t)state;
}

void tcp_conn_raise(struct tcp_conn *conn, unsigned events)
{
	conn->events |= (uint8_t)events;
	if (conn->owned && !list_linked(&conn->wait_link))
		list_push_back(&conn->tcp->events, &conn->wait_link);
}

void tcp_conn_disown(struct tcp_conn *conn)
{
	conn->owned = false;
	conn->user = NULL;
	list_remove(&conn->wait_link);
	tcp_conn_feed(conn);
}

void tcp_conn_starve(struct tcp_conn *conn)
{
	struct tcp *tcp = conn->tcp;

	if (conn->starved)
		return;
	conn->starved = true;
	tcp_fifo_push(&tcp->starved, &tcp->conns, &conn->starved_link);
}

void tcp_conn_feed(struct tcp_conn *conn)
{
	struct tcp *tcp = conn->tcp;

	if (!conn->starved)
		return;
	conn->starved = false;
	tcp_fifo_remove(&tcp->starved, &tcp->conns, &conn->starved_link);
}

void tcp_conn_drop_reasm(struct tcp_conn *conn)
{
	struct tcp *tcp = conn->tcp;

	if (conn->reasm == NULL)
		return;
	tcp_reasm_free(conn->reasm, &tcp->mem);
	tcp->mem -= sizeof(*conn->reasm);
	pool_put(&tcp->reasms, conn->reasm);
	conn->reasm = NULL;
}

// Everything but what the user may still read and ask.
static void release(struct tcp_conn *conn)
{
	struct tcp *tcp = conn->tcp;

	if (conn->state != TCPS_CLOSED)
		tcp_table_remove(&tcp->table, conn->key.hash, TCP_KIND_CONN, conn);
	tcp_conn_set_state(conn, TCPS_CLOSED);
	wheel_cancel(&tcp->wheel, &conn->timer);
	list_remove(&conn->out_link);
	tcp_conn_feed(conn);
	if (!conn->owned && list_linked(&conn->wait_link)) {
		list_remove(&conn->wait_link);
		conn->listener->waiting--;
		conn->listener = NULL;
	}
	tcp_send_queue_free(&conn->sq, &tcp->mem);
	tcp_flight_end(conn);
	tcp_conn_drop_reasm(conn);
}

void tcp_conn_free(struct tcp_conn *conn)
{
	struct tcp *tcp = conn->tcp;

	release(conn);
	tcp_recv_queue_free(&conn->rq, &tcp->mem);
	if (conn->owned)
		tcp_conn_disown(conn);
	pool_put(&tcp->conns, conn);
}

void tcp_conn_end(struct tcp_conn *conn, int error)
{
	struct tcp *tcp = conn->tcp;

	if (conn->state != TCPS_CLOSED)
		tcp_trace(tcp, conn, TRACE_END, (uint32_t)error, tcp_conn_unacked(conn));
	if (conn->state == TCPS_SYN_SENT || conn->state == TCPS_SYN_RECEIVED)
		stat_inc(tcp->stats, STAT_tcp_attempt_fails);
	else if (error != 0 && counts_as_established((enum tcp_state)conn->state))
		stat_inc(tcp->stats, STAT_tcp_estab_resets);
	if (!conn->owned) {
		tcp_conn_free(conn);
		return;
	}
	release(conn);
	if (error != 0) {
		tcp_recv_queue_free(&conn->rq, &tcp->mem);
		conn->events &= (uint8_t)~TCP_READABLE;
	}
	conn->events &= (uint8_t) ~(TCP_WRITABLE | TCP_ACKED);
	conn->error = (uint8_t)error;
	tcp_conn_raise(conn, TCP_CLOSED);
}

void tcp_conn_time_wait(struct tcp_conn *conn)
{
	struct tcp *tcp = conn->tcp;
	struct tcp_last last = {
		.key = conn->key,
		.snd_nxt = conn->snd_nxt,
		.rcv_nxt = conn->rcv_nxt,
		.ts_recent = conn->ts_recent,
		.ts_on = conn->ts_on && !conn->ts_lenient,
	};
	bool ack_owed = conn->ack_now || conn->unacked_in > 0;

	// Its slot in the table is needed for the entry that follows.
	tcp_conn_end(conn, 0);
	tcp_time_wait_add(tcp, &last, ack_owed);
}
