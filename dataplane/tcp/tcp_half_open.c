#include "dataplane/tcp/tcp_half_open.h"

#include "dataplane/tcp/tcp_cookie.h"
#include "dataplane/tcp/tcp_header.h"
#include "dataplane/tcp/tcp_isn.h"
#include "dataplane/tcp/tcp_listen.h"
#include "dataplane/tcp/tcp_rst.h"
#include "dataplane/tcp/tcp_rtt.h"

#define SYN_ACK_TIMEOUT_NS (TCP_RTO_FIRST_US * NS_PER_US)
// A SYN that is repeated sooner is not answered again.
#define SYN_ACK_SPACING_US (250 * NS_PER_MS / NS_PER_US)
// How late the text with a cookie may be behind an ACK that overtook it.
#define OVERTAKEN_NS (10 * NS_PER_SEC)
// Entries that one tick of the timer handles; the rest waits for the next.
#define EXPIRE_MAX 512

static uint32_t microseconds(struct mono now)
{
	return (uint32_t)(now.ns / NS_PER_US);
}

static struct tcp_key key_of(const struct tcp *tcp, const struct tcp_half_open *half)
{
	return (struct tcp_key){
		.remote = half->remote,
		.local = *net_own_addr(tcp->net, half->local),
		.remote_port = half->remote_port,
		.local_port = half->local_port,
		.hash = half->hash,
	};
}

bool tcp_half_open_is(const void *ctx, const void *object, const struct tcp_key *key)
{
	const struct tcp *tcp = ctx;
	const struct tcp_half_open *half = object;

	return half->hash == key->hash && half->remote_port == key->remote_port &&
		half->local_port == key->local_port && ip_addr_eq(&half->remote, &key->remote) &&
		ip_addr_eq(net_own_addr(tcp->net, half->local), &key->local);
}

static struct tcp_peer peer_of(
	const struct tcp *tcp, const struct tcp_half_open *half, const struct tcp_key *key)
{
	return (struct tcp_peer){
		.irs = half->irs,
		.iss = half->iss,
		.ts_recent = half->ts_recent,
		.ts_offset = tcp_ts_offset(&tcp->cfg.secret, key),
		.mss = half->mss,
		.wscale = half->wscale,
		.ts = half->ts,
		.sack = half->sack,
		.ecn = half->ecn,
	};
}

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
	header.opts.sack_ok = peer->sack;
	if (peer->ecn)
		header.flags |= TCP_ECE; // RFC 3168 §6.1.1
	return header;
}

static void send_syn_ack(struct tcp *tcp, struct tcp_half_open *half)
{
	struct tcp_key key = key_of(tcp, half);
	struct tcp_peer peer = peer_of(tcp, half, &key);
	struct tcp_header header = syn_ack(tcp, &key, &peer);

	half->sent_at = microseconds(tcp->now);
	tcp_header_send(tcp, &key, &header);
}

static struct tcp_fifo *list_of(struct tcp *tcp, const struct tcp_half_open *half)
{
	return &tcp->half_open[RTE_MIN(half->retries, TCP_HALF_OPEN_LEVELS - 1)];
}

static void arm(struct tcp *tcp, struct mono due)
{
	struct wheel_timer *timer = &tcp->half_open_timer;

	if (!wheel_armed(timer) || due.ns < timer->tick * WHEEL_TICK_NS)
		wheel_arm(&tcp->wheel, timer, due);
}

static void enlist(struct tcp *tcp, struct tcp_half_open *half)
{
	half->due = mono_add(
		tcp->now, SYN_ACK_TIMEOUT_NS << RTE_MIN(half->retries, TCP_HALF_OPEN_LEVELS - 1));
	tcp_fifo_push(list_of(tcp, half), &tcp->half_opens, &half->link);
	arm(tcp, half->due);
}

static void half_free(struct tcp *tcp, struct tcp_half_open *half)
{
	tcp_table_remove(&tcp->table, half->hash, TCP_KIND_HALF_OPEN, half);
	tcp_fifo_remove(list_of(tcp, half), &tcp->half_opens, &half->link);
	pool_put(&tcp->half_opens, half);
	stat_dec(tcp->stats, STAT_tcp_half_open);
}

// What the SYN offers and we accept.
static struct tcp_peer peer_from(const struct tcp *tcp, const struct tcp_seg *syn)
{
	const uint8_t ecn = TCP_ECE | TCP_CWR;

	return (struct tcp_peer){
		.irs = syn->seq,
		.iss = tcp_isn(&tcp->cfg.secret, &syn->key, tcp->now),
		.ts_recent = syn->opts.tsval,
		.ts_offset = tcp_ts_offset(&tcp->cfg.secret, &syn->key),
		.mss = syn->opts.mss,
		.wscale = syn->opts.wscale,
		.ts = syn->opts.ts && tcp->cfg.timestamps,
		.sack = syn->opts.sack_ok && tcp->cfg.sack,
		.ecn = (syn->flags & ecn) == ecn && tcp->cfg.ecn != TCP_ECN_OFF,
	};
}

static void send_cookie(struct tcp *tcp, const struct tcp_seg *syn)
{
	struct tcp_peer peer = peer_from(tcp, syn);
	struct tcp_header header;

	peer.iss = tcp_cookie_make(&tcp->cfg.secret, &syn->key, syn->seq,
		syn->opts.mss != 0 ? syn->opts.mss : TCP_MSS_DEFAULT_V4, tcp->now);
	if (!peer.ts) {
		// There is no place to remember them.
		peer.wscale = TCP_WSCALE_NONE;
		peer.sack = false;
		peer.ecn = false;
	}
	header = syn_ack(tcp, &syn->key, &peer);
	if (peer.ts) {
		struct tcp_cookie_opts opts = {
			.wscale = peer.wscale, .sack = peer.sack, .ecn = peer.ecn};

		header.opts.tsval = tcp_cookie_ts(header.opts.tsval, &opts);
	}
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

static void remember(struct tcp *tcp, struct tcp_half_open *half, const struct tcp_seg *seg,
	const uint32_t *isn_floor)
{
	struct tcp_peer peer = peer_from(tcp, seg);

	*half = (struct tcp_half_open){
		.remote = seg->key.remote,
		.hash = seg->key.hash,
		.irs = peer.irs,
		.iss = isn_floor != NULL ? tcp_isn_above(peer.iss, *isn_floor) : peer.iss,
		.ts_recent = peer.ts_recent,
		.remote_port = seg->key.remote_port,
		.local_port = seg->key.local_port,
		.mss = peer.mss,
		.local = (uint8_t)net_own_index(tcp->net, &seg->key.local),
		.wscale = peer.wscale,
		.ts = peer.ts,
		.sack = peer.sack,
		.ecn = peer.ecn,
	};
	tcp_table_insert(&tcp->table, half->hash, TCP_KIND_HALF_OPEN, half);
	stat_inc(tcp->stats, STAT_tcp_half_open);
	send_syn_ack(tcp, half);
	enlist(tcp, half);
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
	if (net_own_index(tcp->net, &seg->key.local) < 0) {
		stat_drop(tcp->stats, DROP_TCP_NO_CONN);
		return;
	}
	half = pool_get(&tcp->half_opens);
	if (half != NULL)
		remember(tcp, half, seg, isn_floor);
	else if (tcp->cfg.syn_cookies)
		send_cookie(tcp, seg);
	else
		stat_drop(tcp->stats, DROP_TCP_HALF_OPEN);
}

static void time_out(struct tcp *tcp, struct tcp_half_open *half)
{
	struct tcp_key key = key_of(tcp, half);

	if (half->retries >= tcp->cfg.syn_retries || tcp_listener_find(tcp, &key) == NULL) {
		stat_inc(tcp->stats, STAT_tcp_attempt_fails);
		half_free(tcp, half);
		return;
	}
	tcp_fifo_remove(list_of(tcp, half), &tcp->half_opens, &half->link);
	if (half->retries < UINT8_MAX)
		half->retries++;
	if (tcp_credit_take(&tcp->syn_ack_credit, tcp->now)) {
		half->again = true;
		send_syn_ack(tcp, half);
		stat_inc(tcp->stats, STAT_tcp_retrans_segs);
	}
	enlist(tcp, half);
}

void tcp_half_open_expire(struct tcp *tcp)
{
	unsigned n = 0;

	for (unsigned i = 0; i < TCP_HALF_OPEN_LEVELS; i++) {
		struct tcp_half_open *half;

		while ((half = tcp_fifo_first(&tcp->half_open[i], &tcp->half_opens)) != NULL) {
			if (!mono_due(tcp->now, half->due) || n++ >= EXPIRE_MAX) {
				arm(tcp, half->due);
				break;
			}
			time_out(tcp, half);
		}
	}
}

// The answer to what lies outside of the window, or resets without knowing where we are.
static void challenge(struct tcp *tcp, const struct tcp_half_open *half, const struct tcp_seg *seg)
{
	struct tcp_peer peer = peer_of(tcp, half, &seg->key);
	struct tcp_header header = syn_ack(tcp, &seg->key, &peer);

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
	header.opts.sack_ok = false;
	stat_inc(tcp->stats, STAT_tcp_challenge_acks);
	tcp_header_send(tcp, &seg->key, &header);
}

// An ACK that fits the SYN-ACK.
static bool completes(struct tcp *tcp, const struct tcp_half_open *half, const struct tcp_seg *seg)
{
	uint32_t wnd = RTE_MIN(tcp->cfg.rcv_buf, TCP_WINDOW_MAX);

	if (!seq_acceptable(seg->seq, tcp_seg_span(seg), half->irs + 1, wnd)) {
		stat_drop(tcp->stats, DROP_TCP_SEQ);
		// RFC 7323 §3.2; and the answer would be longer than the question.
		if (!half->ts || seg->opts.ts)
			challenge(tcp, half, seg);
		return false;
	}
	if (half->ts && seg->opts.ts && seq_lt(seg->opts.tsval, half->ts_recent)) {
		stat_drop(tcp->stats, DROP_TCP_PAWS);
		challenge(tcp, half, seg);
		return false;
	}
	// Some old peers leave the timestamp out of this one segment: tolerated, but counted.
	if (half->ts && !seg->opts.ts)
		stat_drop(tcp->stats, DROP_TCP_NO_TS);
	if (seg->ack == half->iss + 1)
		return true;
	stat_drop(tcp->stats, DROP_TCP_ACK);
	// Without a timestamp it can be one of an earlier connection, which we know is over.
	if (!half->ts || seg->opts.ts)
		tcp_rst_reply(tcp, seg);
	return false;
}

// RFC 5961 §3.2: exactly, or it is a guess.
static void handle_reset(struct tcp *tcp, struct tcp_half_open *half, const struct tcp_seg *seg)
{
	if (seg->seq == half->irs + 1) {
		half_free(tcp, half);
		return;
	}
	stat_drop(tcp->stats, DROP_TCP_RST_BLIND);
	if (seq_in_window(seg->seq, half->irs + 1, RTE_MIN(tcp->cfg.rcv_buf, TCP_WINDOW_MAX)))
		challenge(tcp, half, seg);
}

// Again, or a new one of the same name: a peer that has no use for this answer resets it.
static void handle_syn(struct tcp *tcp, struct tcp_half_open *half, const struct tcp_seg *seg)
{
	const uint8_t ecn = TCP_ECE | TCP_CWR;

	// RFC 3168 §6.1.1: who has sent a SYN without the offer may not echo marks.
	if ((seg->flags & ecn) != ecn)
		half->ecn = false;
	if (microseconds(tcp->now) - half->sent_at < SYN_ACK_SPACING_US)
		return;
	half->again = true;
	send_syn_ack(tcp, half);
}

// False when the accept queue has no room. The entry then stays, so that the peer's next segment
// may find some, unless peers are to be told.
static bool has_room(
	struct tcp *tcp, const struct tcp_listener *listener, const struct tcp_seg *seg)
{
	if (!tcp_listener_full(listener))
		return true;
	stat_drop(tcp->stats, DROP_TCP_BACKLOG);
	if (tcp->cfg.backlog_reset)
		tcp_rst_reply(tcp, seg);
	return false;
}

struct tcp_conn *tcp_half_open_input(
	struct tcp *tcp, struct tcp_half_open *half, const struct tcp_seg *seg)
{
	struct tcp_listener *listener;
	struct tcp_peer peer;
	uint64_t rtt;
	bool lost;

	if (seg->flags & TCP_RST) {
		handle_reset(tcp, half, seg);
		return NULL;
	}
	if (seg->flags & TCP_SYN) {
		handle_syn(tcp, half, seg);
		return NULL;
	}
	if (!(seg->flags & TCP_ACK) || !completes(tcp, half, seg))
		return NULL;
	listener = tcp_listener_find(tcp, &seg->key);
	if (listener == NULL) {
		half_free(tcp, half);
		tcp_rst_reply(tcp, seg);
		return NULL;
	}
	if (!has_room(tcp, listener, seg)) {
		if (tcp->cfg.backlog_reset)
			half_free(tcp, half);
		return NULL;
	}
	tcp_credit_earn(&tcp->syn_ack_credit);
	if (refused(tcp, seg)) {
		half_free(tcp, half);
		return NULL;
	}
	peer = peer_of(tcp, half, &seg->key);
	// RFC 6298 §3: which SYN-ACK this answers only a timestamp tells when there were several.
	rtt = (microseconds(tcp->now) - half->sent_at) * NS_PER_US;
	if (half->again &&
		!(half->ts && seg->opts.ts &&
			tcp_ts_answers(
				(struct mono){tcp->now.ns - rtt}, peer.ts_offset, seg->opts.tsecr)))
		rtt = 0;
	lost = half->retries > 0;
	half_free(tcp, half);
	return tcp_listener_establish(listener, seg, &peer, rtt, lost);
}

static bool is_cookie(const struct tcp *tcp, const struct tcp_seg *seg, struct tcp_peer *peer)
{
	return tcp_cookie_check(
		&tcp->cfg.secret, &seg->key, peer->irs, peer->iss, tcp->now, &peer->mss);
}

// Whether it carries a cookie of ours. What has no timestamp to show may fail only so often, since
// whoever may try without end guesses one at last. `foreign`: by its timestamp it answers none.
static bool check_cookie(
	struct tcp *tcp, const struct tcp_seg *seg, struct tcp_peer *peer, bool *foreign)
{
	uint32_t tsval = tcp_ts_clock(tcp->now) + peer->ts_offset;
	bool sure = peer->ts && tcp_cookie_ts_plausible(seg->opts.tsecr, tsval);

	*foreign = peer->ts && !sure;
	if (*foreign)
		return false;
	if (!sure && !tcp_rate_left(&tcp->cookie_rate, &tcp->rng, tcp->now))
		return false;
	if (is_cookie(tcp, seg, peer))
		return true;
	// A keep-alive probe has one less: all that comes of a peer whose ACK was lost and who
	// waits to be spoken to.
	peer->irs++;
	if (seg->len == 0 && is_cookie(tcp, seg, peer))
		return true;
	if (!sure)
		tcp_rate_take(&tcp->cookie_rate, &tcp->rng, tcp->now);
	return false;
}

// Whether the SYN-ACK that an ACK answers may still have others on their way. Without a timestamp
// there is none to tell by but the last one.
static bool is_recent(const struct tcp *tcp, const struct tcp_seg *seg, const struct tcp_peer *peer)
{
	uint32_t tsval = tcp_ts_clock(tcp->now) + peer->ts_offset;

	if (peer->ts)
		return tsval - seg->opts.tsecr < OVERTAKEN_NS / NS_PER_MS;
	return mono_since(tcp->now, tcp->cookie_at) < OVERTAKEN_NS;
}

static void read_options(struct tcp *tcp, const struct tcp_seg *seg, struct tcp_peer *peer)
{
	struct tcp_cookie_opts opts = tcp_cookie_ts_read(seg->opts.tsecr);

	peer->wscale = opts.wscale;
	peer->sack = opts.sack && tcp->cfg.sack;
	peer->ecn = opts.ecn && tcp->cfg.ecn != TCP_ECN_OFF;
}

struct tcp_conn *tcp_half_open_cookie(
	struct tcp *tcp, struct tcp_listener *listener, const struct tcp_seg *seg, bool *handled)
{
	struct tcp_peer peer;
	bool foreign;

	*handled = false;
	if (tcp->cookie_at.ns == 0 || mono_since(tcp->now, tcp->cookie_at) > TCP_COOKIE_LIFE_NS)
		return NULL; // none is out: a guess
	peer = (struct tcp_peer){
		.irs = seg->seq - 1,
		.iss = seg->ack - 1,
		.ts_offset = tcp_ts_offset(&tcp->cfg.secret, &seg->key),
		.ts_recent = seg->opts.tsval,
		.wscale = TCP_WSCALE_NONE,
		.ts = seg->opts.ts && tcp->cfg.timestamps,
	};
	if (!check_cookie(tcp, seg, &peer, &foreign)) {
		stat_drop(tcp->stats, DROP_TCP_COOKIE);
		// It may come from a peer whose ACK and first text were lost, or are on their way:
		// only what begins the stream carries the cookie, and will be sent again. A reset
		// would end it. But who asks after some time is to hear that nobody is here.
		*handled = !foreign && (seg->len > 0 || is_recent(tcp, seg, &peer));
		return NULL;
	}
	*handled = true;
	if (!has_room(tcp, listener, seg) || refused(tcp, seg))
		return NULL;
	if (peer.ts)
		read_options(tcp, seg, &peer);
	tcp_credit_earn(&tcp->syn_ack_credit);
	stat_inc(tcp->stats, STAT_tcp_cookies_ok);
	return tcp_listener_establish(listener, seg, &peer, 0, false);
}
