#include "dataplane/tcp/tcp_timer.h"

#include <errno.h>

#include "dataplane/tcp/tcp_conn.h"
#include "dataplane/tcp/tcp_half_open.h"
#include "dataplane/tcp/tcp_loss.h"
#include "dataplane/tcp/tcp_output.h"
#include "dataplane/tcp/tcp_time_wait.h"

// Timers that one tcp_advance runs; the rest runs in the next.
#define FIRE_MAX 1024
// Probes of a closed window that must be lost before a peer counts as gone.
#define MUTE_PROBES 5

static bool set(struct mono at)
{
	return at.ns != 0;
}

static enum tcp_rexmt_mode rexmt_mode(const struct tcp_conn *conn)
{
	if (conn->state == TCPS_CLOSED)
		return TCP_REXMT_NONE;
	if (!tcp_conn_synchronized(conn))
		return TCP_REXMT_RTO;
	if (conn->snd_una != conn->snd_nxt)
		return tcp_rack_wants_probe(conn) ? TCP_REXMT_PROBE : TCP_REXMT_RTO;
	if (tcp_conn_unsent(conn) > 0 || (conn->fin_queued && !conn->fin_sent))
		return TCP_REXMT_PERSIST;
	return TCP_REXMT_NONE;
}

// What the timer is about: a probe is one way to wait for an acknowledgement.
static enum tcp_rexmt_mode awaits(enum tcp_rexmt_mode mode)
{
	return mode == TCP_REXMT_PROBE ? TCP_REXMT_RTO : mode;
}

// A peer whose window is closed has all the time that it wants, but not all the time to say so:
// once a probe was not answered, they come often enough that silence is known by persist_silence.
static uint64_t rexmt_wait(const struct tcp_conn *conn, enum tcp_rexmt_mode mode)
{
	const struct tcp_config *cfg = &conn->tcp->cfg;
	uint64_t wait = tcp_rtt_timeout(&conn->rtt, conn->backoff, cfg->rto_min, cfg->rto_max);
	uint64_t least = tcp_rtt_timeout(&conn->rtt, 0, cfg->rto_min, cfg->rto_max);

	if (likely(mode != TCP_REXMT_PERSIST || conn->retries == 0))
		return wait;
	return RTE_MIN(wait, RTE_MAX(least, cfg->persist_silence / MUTE_PROBES));
}

static void decide_rexmt(struct tcp_conn *conn)
{
	enum tcp_rexmt_mode mode = rexmt_mode(conn);

	if (awaits(mode) != awaits((enum tcp_rexmt_mode)conn->rexmt_mode)) {
		conn->rexmt_from = (struct mono){0};
		// That of time-outs lasts until there is a sample.
		if (mode == TCP_REXMT_PERSIST || conn->rexmt_mode == TCP_REXMT_PERSIST)
			conn->backoff = 0;
	}
	conn->rexmt_mode = (uint8_t)mode;
	if (mode == TCP_REXMT_NONE) {
		conn->rexmt_at = (struct mono){0};
		return;
	}
	if (!set(conn->rexmt_from))
		conn->rexmt_from = conn->tcp->now;
	conn->rexmt_at = mono_add(conn->rexmt_from, rexmt_wait(conn, mode));
	// A probe waits from the last transmission on, but never for longer (RFC 8985 §7.2).
	if (mode == TCP_REXMT_PROBE) {
		struct mono from =
			conn->rexmt_from.ns < conn->sent_at.ns ? conn->sent_at : conn->rexmt_from;

		conn->rexmt_at =
			mono_min(conn->rexmt_at, mono_add(from, tcp_rack_probe_timeout(conn)));
	}
}

// ns that a connection may be silent; `probed` already.
static uint64_t keepalive(const struct tcp_conn *conn, bool probed)
{
	const struct tcp_config *cfg = &conn->tcp->cfg;

	if (unlikely(conn->wide) && cfg->wide_keepalive != 0)
		return cfg->wide_keepalive;
	return probed ? cfg->keepalive_interval : cfg->keepalive_idle;
}

static void decide_keep(struct tcp_conn *conn)
{
	uint64_t idle = keepalive(conn, false);

	if (idle != 0 && tcp_conn_synchronized(conn) && !set(conn->keep_at))
		conn->keep_at = mono_add(tcp_ms_time(conn->heard_at, conn->tcp->now), idle);
}

static void arm(struct tcp_conn *conn)
{
	struct mono first = MONO_NEVER;
	struct wheel_timer *timer = &conn->timer;

	if (set(conn->rexmt_at))
		first = mono_min(first, conn->rexmt_at);
	if (set(conn->delack_at))
		first = mono_min(first, conn->delack_at);
	if (set(conn->keep_at))
		first = mono_min(first, conn->keep_at);
	if (set(conn->flight->rack.reo_at))
		first = mono_min(first, conn->flight->rack.reo_at);
	if (first.ns == UINT64_MAX)
		return;
	if (!wheel_armed(timer) || first.ns < timer->tick * WHEEL_TICK_NS)
		wheel_arm(&conn->tcp->wheel, timer, first);
}

void tcp_timer_decide(struct tcp_conn *conn)
{
	decide_rexmt(conn);
	if (conn->unacked_in > 0 && !set(conn->delack_at))
		conn->delack_at = mono_add(conn->tcp->now, conn->tcp->cfg.delayed_ack);
	decide_keep(conn);
	tcp_flight_settle(conn);
	arm(conn);
}

void tcp_timer_fin_wait_2(struct tcp_conn *conn)
{
	conn->keep_at = mono_add(conn->tcp->now, conn->tcp->cfg.fin_wait_2);
	conn->keep_probes = 0;
	tcp_conn_touch(conn);
}

// --- what happens when a deadline is there. Each returns false when the connection is gone.

static bool give_up(struct tcp_conn *conn)
{
	int error = conn->soft_error != 0 ? conn->soft_error : ETIMEDOUT;

	tcp_output_rst(conn);
	tcp_conn_end(conn, error);
	return false;
}

static bool fire_rto(struct tcp_conn *conn)
{
	const struct tcp_config *cfg = &conn->tcp->cfg;
	bool opening = !tcp_conn_synchronized(conn);

	if (conn->retries >= (opening ? cfg->syn_retries : cfg->data_retries))
		return give_up(conn);
	if (opening)
		conn->syn_due = true;
	else
		tcp_loss_timeout(conn);
	conn->retries++;
	return true;
}

static bool is_mute(const struct tcp_conn *conn)
{
	struct mono now = conn->tcp->now;

	return conn->retries >= MUTE_PROBES &&
		mono_since(now, tcp_ms_time(conn->mute_at, now)) >= conn->tcp->cfg.persist_silence;
}

// RFC 9293 §3.8.6.1: for ever, as long as the peer answers (each answer clears `retries`). A
// connection that nobody holds any more is not worth that.
static bool fire_persist(struct tcp_conn *conn)
{
	if (is_mute(conn) || (conn->orphan && conn->keep_probes >= conn->tcp->cfg.data_retries))
		return give_up(conn);
	if (conn->retries == 0)
		conn->mute_at = tcp_ms(conn->tcp->now);
	if (conn->retries < UINT8_MAX)
		conn->retries++;
	if (conn->orphan && conn->keep_probes < UINT8_MAX)
		conn->keep_probes++;
	conn->probe_due = true;
	return true;
}

static bool fire_rexmt(struct tcp_conn *conn)
{
	bool alive = true;

	// What it waited for came in this very turn: tcp_output decides anew.
	if (!set(conn->rexmt_from) || awaits(rexmt_mode(conn)) != awaits(conn->rexmt_mode))
		return true;
	switch ((enum tcp_rexmt_mode)conn->rexmt_mode) {
	case TCP_REXMT_NONE:
		return true;
	case TCP_REXMT_PROBE:
		// The time-out is waited for anew from here on, and not backed off.
		conn->tlp_due = true;
		conn->rexmt_from = conn->tcp->now;
		return true;
	case TCP_REXMT_RTO:
		alive = fire_rto(conn);
		break;
	case TCP_REXMT_PERSIST:
		alive = fire_persist(conn);
		break;
	}
	if (!alive)
		return false;
	conn->rexmt_from = conn->tcp->now;
	if (conn->backoff < UINT8_MAX)
		conn->backoff++;
	return true;
}

static bool fire_keep(struct tcp_conn *conn)
{
	const struct tcp_config *cfg = &conn->tcp->cfg;
	struct mono now = conn->tcp->now;

	conn->keep_at = (struct mono){0};
	if (conn->state == TCPS_FIN_WAIT_2 && conn->orphan) {
		tcp_conn_end(conn, 0);
		return false;
	}
	if (mono_since(now, tcp_ms_time(conn->heard_at, now)) < keepalive(conn, false))
		return true;
	conn->keep_at = mono_add(now, keepalive(conn, true));
	if (conn->rexmt_mode != TCP_REXMT_NONE)
		return true; // that timer will find out
	if (conn->keep_probes >= cfg->keepalive_probes)
		return give_up(conn);
	conn->keep_probes++;
	conn->alive_due = true;
	return true;
}

static void fire_conn(struct tcp_conn *conn)
{
	struct mono now = conn->tcp->now;
	bool rexmt = set(conn->rexmt_at) && mono_due(now, conn->rexmt_at);
	bool keep = set(conn->keep_at) && mono_due(now, conn->keep_at);
	bool delack = set(conn->delack_at) && mono_due(now, conn->delack_at);

	bool late = set(conn->flight->rack.reo_at) && mono_due(now, conn->flight->rack.reo_at);

	tcp_flight_quiet(conn);
	if (!rexmt && !keep && !delack && !late) {
		tcp_timer_decide(conn);
		return;
	}
	if (delack)
		conn->ack_now = true;
	if (late)
		tcp_loss_reorder_timeout(conn);
	if (rexmt && !fire_rexmt(conn))
		return;
	if (keep && !fire_keep(conn))
		return;
	tcp_conn_touch(conn);
}

static void fire(void *ctx, struct wheel_timer *timer)
{
	struct tcp *tcp = ctx;

	if (timer == &tcp->half_open_timer)
		tcp_half_open_expire(tcp);
	else if (timer == &tcp->time_wait_timer)
		tcp_time_wait_expire(tcp);
	else
		fire_conn(list_entry(timer, struct tcp_conn, timer));
}

void tcp_advance(struct tcp *tcp, struct mono now)
{
	tcp->now = now;
	wheel_advance(&tcp->wheel, now, FIRE_MAX, fire, tcp);
}

struct mono tcp_next(const struct tcp *tcp)
{
	if (!list_empty(&tcp->out))
		return tcp->now;
	return wheel_next(&tcp->wheel);
}
