#include "dataplane/tcp/tcp_half_open.h"

#include "dataplane/tcp/tcp_cookie.h"
#include "dataplane/tcp/tcp_header.h"
#include "dataplane/tcp/tcp_isn.h"
#include "dataplane/tcp/tcp_listen.h"
#include "dataplane/tcp/tcp_rst.h"
#include "dataplane/tcp/tcp_rtt.h"

#define SYN_ACK_TIMEOUT_NS (TCP_RTO_FIRST_US * NS_PER_US)
// A SYN that is repeated sooner is not answered again.
#define SYN_ACK_SPACING_NS (250 * NS_PER_MS)
#define ISN_STEP 64001u

static struct tcp_header syn_ack(
	struct tcp *tcp, const struct tcp_key *key, const struct tcp_peer *peer)
{
	struct net_path path;
	struct tcp_header header = {
		.seq = peer->iss,
		.ack = peer->irs + 1,
		.wnd = (uint16_t)RTE_MIN(tcp->cfg.rcv_buf, TCP_WINDOW_MAX),
		.flags = TCP_SYN | TCP_ACK,
		.opts = TCP_OPTS_NONE,
	};

	if (net_path_find(tcp->net, &key->remote, &key->local, &path) == 0)
		header.opts.mss = tcp_header_mss(key, path.mtu);
	if (peer->wscale != TCP_WSCALE_NONE && tcp->cfg.window_scaling)
		header.opts.wscale = tcp->rcv_wscale;
	if (peer->ts) {
		header.opts.ts = true;
		header.opts.tsval = tcp_ts_clock(tcp->now) + peer->ts_offset;
		header.opts.tsecr = peer->ts_recent;
	}
	return header;
}

static void send_syn_ack(struct tcp *tcp, struct tcp_half_open *half)
{
	struct tcp_header header = syn_ack(tcp, &half->key, &half->peer);

	half->sent_at = tcp->now;
	tcp_header_send(tcp, &half->key, &header);
}

static void arm(struct tcp *tcp, struct tcp_half_open *half)
{
	wheel_arm(&tcp->wheel, &half->timer.wheel,
		mono_add(tcp->now, SYN_ACK_TIMEOUT_NS << RTE_MIN(half->retries, 8)));
}

static void half_free(struct tcp *tcp, struct tcp_half_open *half)
{
	tcp_table_remove(&tcp->table, TCP_KIND_HALF_OPEN, half);
	wheel_cancel(&tcp->wheel, &half->timer.wheel);
	pool_put(&tcp->half_opens, half);
	stat_dec(tcp->stats, STAT_tcp_half_open);
}

static struct tcp_peer peer_of(struct tcp *tcp, const struct tcp_seg *syn)
{
	return (struct tcp_peer){
		.irs = syn->seq,
		.iss = tcp_isn(&tcp->cfg.secret, &syn->key, tcp->now),
		.ts_recent = syn->opts.tsval,
		.ts_offset = tcp_ts_offset(&tcp->cfg.secret, &syn->key),
		.mss = syn->opts.mss,
		.wscale = syn->opts.wscale,
		.ts = syn->opts.ts && tcp->cfg.timestamps,
	};
}

static void send_cookie(struct tcp *tcp, const struct tcp_seg *syn)
{
	struct tcp_peer peer = peer_of(tcp, syn);
	struct tcp_header header;

	peer.iss = tcp_cookie_make(&tcp->cfg.secret, &syn->key, syn->seq,
		syn->opts.mss != 0 ? syn->opts.mss : TCP_MSS_DEFAULT_V4, tcp->now);
	if (!peer.ts)
		peer.wscale = TCP_WSCALE_NONE; // there is no place to remember it
	header = syn_ack(tcp, &syn->key, &peer);
	if (peer.ts)
		header.opts.tsval = tcp_cookie_ts(header.opts.tsval, &syn->opts);
	tcp->cookie_at = tcp->now;
	tcp_header_send(tcp, &syn->key, &header);
	stat_inc(tcp->stats, STAT_tcp_cookies_sent);
}

// Every place is taken, and none becomes free by itself: the peer is told, so that it can look
// elsewhere, instead of being left to its own time-outs.
static bool refused(struct tcp *tcp, const struct tcp_seg *seg)
{
	if (tcp->conns.used < tcp->conns.capacity)
		return false;
	stat_drop(tcp->stats, DROP_TCP_NO_MEM);
	tcp_rst_reply(tcp, seg);
	return true;
}

void tcp_half_open_syn(struct tcp *tcp, const struct tcp_listener *listener,
	const struct tcp_seg *seg, const uint32_t *isn_floor)
{
	struct tcp_half_open *half;

	if (tcp_listener_full(listener)) {
		stat_drop(tcp->stats, DROP_TCP_BACKLOG);
		return;
	}
	if (refused(tcp, seg))
		return;
	half = pool_get(&tcp->half_opens);
	if (half == NULL) {
		if (tcp->cfg.syn_cookies)
			send_cookie(tcp, seg);
		else
			stat_drop(tcp->stats, DROP_TCP_HALF_OPEN);
		return;
	}
	*half = (struct tcp_half_open){.key = seg->key, .peer = peer_of(tcp, seg)};
	half->timer.kind = TCP_TIMER_HALF_OPEN;
	if (isn_floor != NULL && seq_leq(half->peer.iss, *isn_floor))
		half->peer.iss = *isn_floor + ISN_STEP;
	wheel_timer_init(&half->timer.wheel);
	tcp_table_insert(&tcp->table, TCP_KIND_HALF_OPEN, half);
	stat_inc(tcp->stats, STAT_tcp_half_open);
	send_syn_ack(tcp, half);
	arm(tcp, half);
}

void tcp_half_open_expire(struct tcp *tcp, struct tcp_half_open *half)
{
	if (half->retries >= tcp->cfg.syn_retries || tcp_listener_find(tcp, &half->key) == NULL) {
		stat_inc(tcp->stats, STAT_tcp_attempt_fails);
		half_free(tcp, half);
		return;
	}
	half->retries++;
	send_syn_ack(tcp, half);
	stat_inc(tcp->stats, STAT_tcp_retrans_segs);
	arm(tcp, half);
}

// The answer to what lies outside of the window, or resets without knowing where we are.
static void challenge(struct tcp *tcp, const struct tcp_half_open *half)
{
	struct tcp_header header = syn_ack(tcp, &half->key, &half->peer);

	if (!tcp_rate_take(&tcp->challenge_rate, &tcp->rng, tcp->now)) {
		stat_drop(tcp->stats, DROP_TCP_RATE);
		return;
	}
	header.seq++;
	header.flags = TCP_ACK;
	if (header.opts.wscale != TCP_WSCALE_NONE)
		header.wnd = (uint16_t)(header.wnd >> tcp->rcv_wscale);
	header.opts.mss = 0;
	header.opts.wscale = TCP_WSCALE_NONE;
	stat_inc(tcp->stats, STAT_tcp_challenge_acks);
	tcp_header_send(tcp, &half->key, &header);
}

// An ACK that fits the SYN-ACK.
static bool completes(struct tcp *tcp, const struct tcp_half_open *half, const struct tcp_seg *seg)
{
	uint32_t wnd = RTE_MIN(tcp->cfg.rcv_buf, TCP_WINDOW_MAX);

	if (!seq_acceptable(seg->seq, tcp_seg_span(seg), half->peer.irs + 1, wnd)) {
		stat_drop(tcp->stats, DROP_TCP_SEQ);
		challenge(tcp, half);
		return false;
	}
	if (half->peer.ts && seg->opts.ts && seq_lt(seg->opts.tsval, half->peer.ts_recent)) {
		stat_drop(tcp->stats, DROP_TCP_PAWS);
		challenge(tcp, half);
		return false;
	}
	if (seg->ack != half->peer.iss + 1) {
		stat_drop(tcp->stats, DROP_TCP_ACK);
		tcp_rst_reply(tcp, seg);
		return false;
	}
	// Some old peers leave the timestamp out of this one segment: tolerated, but counted.
	if (half->peer.ts && !seg->opts.ts)
		stat_drop(tcp->stats, DROP_TCP_NO_TS);
	return true;
}

// RFC 5961 §3.2: exactly, or it is a guess.
static void handle_reset(struct tcp *tcp, struct tcp_half_open *half, const struct tcp_seg *seg)
{
	if (seg->seq == half->peer.irs + 1) {
		half_free(tcp, half);
		return;
	}
	stat_drop(tcp->stats, DROP_TCP_RST_BLIND);
	if (seq_acceptable(
		    seg->seq, 0, half->peer.irs + 1, RTE_MIN(tcp->cfg.rcv_buf, TCP_WINDOW_MAX)))
		challenge(tcp, half);
}

struct tcp_conn *tcp_half_open_input(
	struct tcp *tcp, struct tcp_half_open *half, const struct tcp_seg *seg)
{
	struct tcp_listener *listener;
	struct tcp_half_open done;

	if (seg->flags & TCP_RST) {
		handle_reset(tcp, half, seg);
		return NULL;
	}
	if (seg->flags & TCP_SYN) {
		// Again, or a new one of the same name: a peer that has no use for this answer
		// resets it.
		if (mono_since(tcp->now, half->sent_at) >= SYN_ACK_SPACING_NS)
			send_syn_ack(tcp, half);
		return NULL;
	}
	if (!(seg->flags & TCP_ACK) || !completes(tcp, half, seg))
		return NULL;
	listener = tcp_listener_find(tcp, &half->key);
	if (listener == NULL) {
		half_free(tcp, half);
		tcp_rst_reply(tcp, seg);
		return NULL;
	}
	// Without room the entry stays: the next SYN-ACK brings another ACK.
	if (tcp_listener_full(listener)) {
		stat_drop(tcp->stats, DROP_TCP_BACKLOG);
		return NULL;
	}
	if (refused(tcp, seg)) {
		half_free(tcp, half);
		return NULL;
	}
	done = *half;
	half_free(tcp, half);
	return tcp_listener_establish(listener, seg, &done.peer,
		done.retries == 0 ? mono_since(tcp->now, done.sent_at) : 0, done.retries > 0);
}

struct tcp_conn *tcp_half_open_cookie(
	struct tcp *tcp, struct tcp_listener *listener, const struct tcp_seg *seg, bool *ours)
{
	struct tcp_opts opts = TCP_OPTS_NONE;
	struct tcp_peer peer;

	*ours = false;
	if (tcp->cookie_at.ns == 0 || mono_since(tcp->now, tcp->cookie_at) > TCP_COOKIE_LIFE_NS)
		return NULL; // none is out: a guess
	peer = (struct tcp_peer){
		.irs = seg->seq - 1,
		.iss = seg->ack - 1,
		.ts_offset = tcp_ts_offset(&tcp->cfg.secret, &seg->key),
		.ts_recent = seg->opts.tsval,
		.ts = seg->opts.ts,
	};
	if (!tcp_cookie_check(
		    &tcp->cfg.secret, &seg->key, peer.irs, peer.iss, tcp->now, &peer.mss)) {
		stat_drop(tcp->stats, DROP_TCP_COOKIE);
		return NULL;
	}
	*ours = true;
	if (refused(tcp, seg))
		return NULL;
	if (seg->opts.ts)
		tcp_cookie_ts_read(seg->opts.tsecr, &opts);
	peer.wscale = opts.wscale;
	stat_inc(tcp->stats, STAT_tcp_cookies_ok);
	return tcp_listener_establish(listener, seg, &peer, 0, false);
}
