#include "dataplane/tcp/tcp_time_wait.h"

#include "dataplane/tcp/tcp_header.h"
#include "dataplane/tcp/tcp_isn.h"
#include "dataplane/tcp/tcp_listen.h"
#include "dataplane/tcp/tcp_seq.h"
#include "dataplane/tcp/tcp_types.h"

static struct tcp_time_wait *oldest(struct tcp *tcp)
{
	return list_entry(tcp->time_wait.next, struct tcp_time_wait, link);
}

static void send_ack(struct tcp *tcp, const struct tcp_time_wait *tw)
{
	struct tcp_header header = {
		.seq = tw->snd_nxt,
		.ack = tw->rcv_nxt,
		.flags = TCP_ACK,
		.opts = TCP_OPTS_NONE,
	};

	if (tw->ts_on) {
		header.opts.ts = true;
		header.opts.tsval = tcp_ts_clock(tcp->now) + tw->ts_offset;
		header.opts.tsecr = tw->ts_recent;
	}
	tcp_header_send(tcp, &tw->key, &header);
}

static void start(struct tcp *tcp, struct tcp_time_wait *tw)
{
	tw->until = mono_add(tcp->now, tcp->cfg.time_wait);
	list_push_back(&tcp->time_wait, &tw->link);
	if (!wheel_armed(&tcp->time_wait_timer.wheel))
		wheel_arm(&tcp->wheel, &tcp->time_wait_timer.wheel, oldest(tcp)->until);
}

static void forget(struct tcp *tcp, struct tcp_time_wait *tw)
{
	tcp_table_remove(&tcp->table, TCP_KIND_TIME_WAIT, tw);
	list_remove(&tw->link);
	pool_put(&tcp->time_waits, tw);
	stat_dec(tcp->stats, STAT_tcp_time_wait);
}

void tcp_time_wait_add(struct tcp *tcp, const struct tcp_time_wait *from, bool ack)
{
	struct tcp_time_wait *tw;

	if (ack)
		send_ack(tcp, from);
	if (tcp->cfg.time_wait_max == 0)
		return;
	if (tcp->time_waits.used >= tcp->cfg.time_wait_max)
		forget(tcp, oldest(tcp));
	tw = pool_get(&tcp->time_waits);
	if (tw == NULL)
		return;
	*tw = *from;
	tcp_table_insert(&tcp->table, TCP_KIND_TIME_WAIT, tw);
	stat_inc(tcp->stats, STAT_tcp_time_wait);
	start(tcp, tw);
}

void tcp_time_wait_expire(struct tcp *tcp)
{
	while (!list_empty(&tcp->time_wait) && mono_due(tcp->now, oldest(tcp)->until))
		forget(tcp, oldest(tcp));
	if (!list_empty(&tcp->time_wait))
		wheel_arm(&tcp->wheel, &tcp->time_wait_timer.wheel, oldest(tcp)->until);
}

static bool is_new_syn(const struct tcp_time_wait *tw, const struct tcp_seg *seg)
{
	if (!(seg->flags & TCP_SYN) || (seg->flags & TCP_ACK))
		return false;
	if (tw->ts_on && seg->opts.ts && seg->opts.tsval != tw->ts_recent)
		return seq_gt(seg->opts.tsval, tw->ts_recent);
	return seq_gt(seg->seq, tw->rcv_nxt);
}

bool tcp_time_wait_input(
	struct tcp *tcp, struct tcp_time_wait *tw, const struct tcp_seg *seg, uint32_t *isn_floor)
{
	if (seg->flags & TCP_RST) {
		stat_drop(tcp->stats, DROP_TCP_RST_BLIND);
		return false;
	}
	if (is_new_syn(tw, seg) && tcp_listener_find(tcp, &seg->key) != NULL) {
		*isn_floor = tw->snd_nxt;
		forget(tcp, tw);
		return true;
	}
	if (tw->ts_on && seg->opts.ts && seq_lt(seg->opts.tsval, tw->ts_recent)) {
		stat_drop(tcp->stats, DROP_TCP_PAWS);
	} else if ((seg->flags & TCP_FIN) && seg->seq + tcp_seg_span(seg) == tw->rcv_nxt) {
		// Our ACK was lost; the wait begins anew.
		list_remove(&tw->link);
		start(tcp, tw);
		send_ack(tcp, tw);
		return false;
	} else if (tcp_seg_span(seg) == 0 && seg->seq == tw->rcv_nxt) {
		return false;
	}
	if (tcp_rate_take(&tcp->challenge_rate, &tcp->rng, tcp->now)) {
		stat_inc(tcp->stats, STAT_tcp_challenge_acks);
		send_ack(tcp, tw);
	} else {
		stat_drop(tcp->stats, DROP_TCP_RATE);
	}
	return false;
}
