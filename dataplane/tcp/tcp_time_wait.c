#include "dataplane/tcp/tcp_time_wait.h"

#include "dataplane/tcp/tcp_half_open.h"
#include "dataplane/tcp/tcp_header.h"
#include "dataplane/tcp/tcp_isn.h"
#include "dataplane/tcp/tcp_listen.h"
#include "dataplane/tcp/tcp_seq.h"
#include "dataplane/tcp/tcp_types.h"

// Entries that one tick of the timer ends; the rest waits for the next.
#define EXPIRE_MAX 1024
// By then the clock of timestamps has grown for certain, whatever its resolution.
#define REUSE_AFTER_NS NS_PER_SEC

static struct tcp_time_wait *oldest(const struct tcp *tcp)
{
	return tcp_fifo_first(&tcp->time_wait, &tcp->time_waits);
}

static void send_ack(struct tcp *tcp, const struct tcp_key *key, const struct tcp_time_wait *tw)
{
	struct tcp_header header = {
		.seq = tw->snd_nxt,
		.ack = tw->rcv_nxt,
		.flags = TCP_ACK,
		.opts = TCP_OPTS_NONE,
	};

	if (tw->ts_on) {
		header.opts.ts = true;
		header.opts.tsval = tcp_ts_clock(tcp->now) + tcp_ts_offset(&tcp->cfg.secret, key);
		header.opts.tsecr = tw->ts_recent;
	}
	tcp_header_send(tcp, key, &header);
}

static void start(struct tcp *tcp, struct tcp_time_wait *tw)
{
	tw->until = mono_add(tcp->now, tcp->cfg.time_wait);
	tcp_fifo_push(&tcp->time_wait, &tcp->time_waits, &tw->link);
	if (!wheel_armed(&tcp->time_wait_timer))
		wheel_arm(&tcp->wheel, &tcp->time_wait_timer, oldest(tcp)->until);
}

void tcp_time_wait_forget(struct tcp *tcp, struct tcp_time_wait *tw)
{
	tcp_table_remove(&tcp->table, (uint32_t)tw->name, TCP_KIND_TIME_WAIT, tw);
	tcp_fifo_remove(&tcp->time_wait, &tcp->time_waits, &tw->link);
	pool_put(&tcp->time_waits, tw);
	stat_dec(tcp->stats, STAT_tcp_time_wait);
}

void tcp_time_wait_add(struct tcp *tcp, const struct tcp_last *last, bool ack)
{
	struct tcp_time_wait from = {
		.name = tcp_key_name(&last->key, &tcp->cfg.secret),
		.snd_nxt = last->snd_nxt,
		.rcv_nxt = last->rcv_nxt,
		.ts_recent = last->ts_recent,
		.ts_on = last->ts_on,
	};
	struct tcp_time_wait *tw;

	if (ack)
		send_ack(tcp, &last->key, &from);
	if (tcp->cfg.time_wait_max == 0)
		return;
	if (tcp->time_waits.used >= tcp->cfg.time_wait_max)
		tcp_time_wait_forget(tcp, oldest(tcp));
	tw = pool_get(&tcp->time_waits);
	if (tw == NULL)
		return;
	*tw = from;
	tcp_table_insert(&tcp->table, (uint32_t)tw->name, TCP_KIND_TIME_WAIT, tw);
	stat_inc(tcp->stats, STAT_tcp_time_wait);
	start(tcp, tw);
}

void tcp_time_wait_expire(struct tcp *tcp)
{
	struct tcp_time_wait *tw;

	for (unsigned n = 0; n < EXPIRE_MAX; n++) {
		tw = oldest(tcp);
		if (tw == NULL || !mono_due(tcp->now, tw->until))
			break;
		tcp_time_wait_forget(tcp, tw);
	}
	tw = oldest(tcp);
	if (tw != NULL)
		wheel_arm(&tcp->wheel, &tcp->time_wait_timer, tw->until);
}

bool tcp_time_wait_is(const void *ctx, const void *object, const struct tcp_key *key)
{
	const struct tcp *tcp = ctx;
	const struct tcp_time_wait *tw = object;

	return tw->name == tcp_key_name(key, &tcp->cfg.secret);
}

// RFC 6191 §2.
static bool is_new_syn(
	const struct tcp *tcp, const struct tcp_time_wait *tw, const struct tcp_seg *seg)
{
	bool ts = seg->opts.ts && tcp->cfg.timestamps;

	if ((seg->flags & (TCP_SYN | TCP_ACK | TCP_FIN)) != TCP_SYN)
		return false;
	if (ts && !tw->ts_on)
		return true; // what is old has no timestamp, and will be dropped for that
	if (ts && seg->opts.tsval != tw->ts_recent)
		return seq_gt(seg->opts.tsval, tw->ts_recent);
	return seq_gt(seg->seq, tw->rcv_nxt);
}

// A listener that can take the connection now. Else the entry is better kept: the SYN will come
// again. A cookie can't be made to lie above what the old connection sent; only timestamps on
// both sides make that harmless.
static bool may_open(struct tcp *tcp, const struct tcp_time_wait *tw, const struct tcp_seg *seg)
{
	const struct tcp_listener *listener = tcp_listener_find(tcp, &seg->key);

	if (listener == NULL)
		return false;
	if (tcp_listener_full(listener)) {
		stat_drop(tcp->stats, DROP_TCP_BACKLOG);
		return false;
	}
	if (tcp->half_opens.used >= tcp->half_opens.capacity &&
		!(tw->ts_on && seg->opts.ts && tcp->cfg.syn_cookies)) {
		stat_drop(tcp->stats, DROP_TCP_HALF_OPEN);
		return false;
	}
	return true;
}

static void challenge(struct tcp *tcp, const struct tcp_time_wait *tw, const struct tcp_seg *seg)
{
	if (tcp_rate_take(&tcp->challenge_rate, &tcp->rng, tcp->now)) {
		stat_inc(tcp->stats, STAT_tcp_challenge_acks);
		send_ack(tcp, &seg->key, tw);
	} else {
		stat_drop(tcp->stats, DROP_TCP_RATE);
	}
}

bool tcp_time_wait_input(
	struct tcp *tcp, struct tcp_time_wait *tw, const struct tcp_seg *seg, uint32_t *isn_floor)
{
	if (seg->flags & TCP_RST) {
		stat_drop(tcp->stats, DROP_TCP_RST_BLIND);
		return false;
	}
	if (is_new_syn(tcp, tw, seg) && tcp_listener_find(tcp, &seg->key) != NULL) {
		if (!may_open(tcp, tw, seg))
			return false;
		*isn_floor = tw->snd_nxt;
		tcp_time_wait_forget(tcp, tw);
		return true;
	}
	// RFC 7323 §3.2; and the answer would be longer than the question.
	if (tw->ts_on && !seg->opts.ts) {
		stat_drop(tcp->stats, DROP_TCP_NO_TS);
		return false;
	}
	if (tw->ts_on && seq_lt(seg->opts.tsval, tw->ts_recent)) {
		stat_drop(tcp->stats, DROP_TCP_PAWS);
	} else if ((seg->flags & TCP_FIN) && seg->seq + tcp_seg_span(seg) == tw->rcv_nxt) {
		// Our ACK was lost; the wait begins anew.
		tcp_fifo_remove(&tcp->time_wait, &tcp->time_waits, &tw->link);
		start(tcp, tw);
		send_ack(tcp, &seg->key, tw);
		return false;
	} else if (tcp_seg_span(seg) == 0 && seg->seq == tw->rcv_nxt) {
		return false;
	}
	challenge(tcp, tw, seg);
	return false;
}

bool tcp_time_wait_reusable(const struct tcp *tcp, const struct tcp_time_wait *tw)
{
	struct mono began = {tw->until.ns - tcp->cfg.time_wait};

	return tw->ts_on && tcp->cfg.timestamps && mono_since(tcp->now, began) > REUSE_AFTER_NS;
}
