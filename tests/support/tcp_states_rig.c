#include <stdlib.h>
#include <string.h>

#include "dataplane/tcp/tcp_check.h"
#include "dataplane/tcp/tcp_seg.h"
#include "dataplane/tcp/tcp_conn.h"
#include "tests/support/eal.h"
#include "tests/support/tcp_states.h"
#include "tests/support/wire_turn.h"

#define LISTENED 8102
#define UNHEARD 9999
#define PEER_ISN UINT32_C(0xfffffe00) // numbers wrap within the first kilobyte
#define PEER_WINDOW 5000u
#define BUFFER 1000u
#define FLIGHT 100u // bytes sent and acknowledged, and as many sent and not
#define TSVAL 1000u
#define PAST_TIME_WAIT_NS (20 * NS_PER_MS)
// Longer than a half-open entry waits before it answers a SYN again.
#define PAST_SYN_ACK_NS (300 * NS_PER_MS)

struct states_rig {
	enum states_name state;
	bool gone;
	bool ts_on;
	bool zero;
	struct wire wire;
	struct net *net;
	struct tcp *tcp;
	struct stats stats;
	struct tcp_listener *listener;
	struct mono now;
	struct tcp_conn *conn; // as long as the user has it
	uint16_t peer_port;
	uint16_t own_port;
	bool ts_used; // agreed on
	// What the stack has shown.
	struct states_tcb seen;
	uint32_t edge;
	unsigned sent_n; // segments since it was last set to 0
	struct wire_seg sent;
	uint32_t peer_nxt; // the peer's SND.NXT
	uint32_t read_at;  // sequence number of the next byte that the user reads
	bool text_wrong;
};

// --- the stack

static struct tcp_config config_of(const struct states_rig *rig)
{
	struct tcp_config cfg = tcp_config_default();

	cfg.conns_max = 8;
	cfg.half_open_max = 4;
	cfg.time_wait_max = 4;
	cfg.time_wait = NS_PER_MS;
	cfg.rcv_buf = BUFFER;
	cfg.timestamps = rig->ts_on;
	cfg.window_scaling = false;
	cfg.secret = (struct siphash_key){{3, 4}};
	// A window that was never open, where none can be filled.
	if (rig->zero && (rig->state < ST_ESTABLISHED || rig->gone))
		cfg.rcv_buf = 0;
	return cfg;
}

struct states_rig *states_rig_new(enum states_name state, bool gone, bool ts_on, bool zero)
{
	struct states_rig *rig = calloc(1, sizeof(*rig));
	struct net_config net = {
		.mac = {{2, 0, 0, 0, 0, 1}},
		.mtu = 1500,
		.addr_n = 1,
		.neigh_max = 4,
		.frag_max = 2,
	};
	struct tcp_config cfg;

	rig->state = state;
	rig->gone = gone;
	rig->ts_on = ts_on;
	rig->zero = zero;
	cfg = config_of(rig);
	if (!ip_prefix_parse("192.0.2.1/24", &net.addr[0]) ||
		!ip_addr_parse("192.0.2.2", &rig->wire.peer))
		abort();
	rig->wire.own = net.addr[0].addr;
	memcpy(rig->wire.own_mac, net.mac.addr_bytes, 6);
	memcpy(rig->wire.peer_mac, "\2\0\0\0\0\2", 6);
	rig->wire.pool = test_pool_create(64);
	rig->now = (struct mono){.ns = NS_PER_SEC};
	rig->net = net_new(&net, rig->wire.pool, &rig->stats, rig->now);
	rig->tcp = tcp_new(&cfg, rig->net, rig->wire.pool, &rig->stats, rig->now);
	if (rig->tcp == NULL || tcp_listen(rig->tcp, NULL, LISTENED, 4, &rig->listener) != 0)
		abort();
	rig->peer_port = 40000;
	return rig;
}

void states_rig_free(struct states_rig *rig)
{
	tcp_free(rig->tcp);
	net_free(rig->net);
	rte_mempool_free(rig->wire.pool);
	free(rig);
}

// The peer's view of the stack.
static void note(void *ctx, const struct wire_seen *sent)
{
	const struct wire_seg *seg = sent->seg;
	struct states_rig *rig = ctx;
	struct states_tcb *seen = &rig->seen;
	uint32_t end = seg->seq + seg->len + !!(seg->flags & TCP_SYN) + !!(seg->flags & TCP_FIN);

	rig->sent_n++;
	rig->sent = *seg;
	if (seg->flags & TCP_RST)
		return;
	if (seg->flags & TCP_SYN) {
		seen->iss = seg->seq;
		seen->snd_una = seg->seq;
		seen->snd_nxt = end;
	}
	if ((int32_t)(end - seen->snd_nxt) > 0)
		seen->snd_nxt = end;
	seen->fin_sent |= !!(seg->flags & TCP_FIN);
	if (!(seg->flags & TCP_ACK))
		return;
	seen->rcv_nxt = seg->ack;
	if ((int32_t)(seg->ack + seg->win - rig->edge) > 0)
		rig->edge = seg->ack + seg->win;
}

static struct wire_stack stack_of(struct states_rig *rig)
{
	return (struct wire_stack){&rig->wire, rig->net, rig->tcp, note, rig};
}

static void turn(struct states_rig *rig)
{
	struct wire_stack stack = stack_of(rig);

	wire_turn(&stack, rig->now);
}

static void inject(struct states_rig *rig, const struct states_seg *seg)
{
	struct wire_seg wire = {
		.peer_port = rig->peer_port,
		.own_port = rig->own_port,
		.seq = seg->seq,
		.ack = seg->ack,
		.len = seg->len,
		.win = PEER_WINDOW,
		.flags = seg->flags,
		.first = (uint8_t)(seg->seq + !!(seg->flags & TCP_SYN)),
		.opts = TCP_OPTS_NONE,
	};
	struct wire_stack stack = stack_of(rig);

	if (seg->flags & TCP_SYN)
		wire.opts.mss = 1460;
	wire.opts.ts = seg->ts;
	wire.opts.tsval = seg->tsval;
	wire_input(&stack, wire_make(&rig->wire, &wire), rig->now);
}

// --- into a state

// The peer behaves: in order, in the window, everything acknowledged up to `ack`.
static void peer_sends(struct states_rig *rig, uint8_t flags, uint32_t len, uint32_t ack)
{
	struct states_seg seg = {
		.flags = flags,
		.seq = rig->peer_nxt,
		.ack = flags & TCP_ACK ? ack : 0,
		.len = len,
		.ts = rig->ts_on,
		.tsval = TSVAL,
	};

	inject(rig, &seg);
	rig->peer_nxt += len + !!(flags & TCP_SYN) + !!(flags & TCP_FIN);
	if (flags & TCP_ACK)
		rig->seen.snd_una = ack;
	turn(rig);
}

static void peer_acks(struct states_rig *rig)
{
	peer_sends(rig, TCP_ACK, 0, rig->seen.snd_nxt);
}

static uint32_t window(const struct states_rig *rig)
{
	return rig->edge - rig->seen.rcv_nxt;
}

// Bytes that the user reads, checked: the value of each is its sequence number.
static uint32_t read_all(struct states_rig *rig, bool give_back)
{
	struct rte_mbuf *m = tcp_recv(rig->conn);
	uint32_t n = 0;

	while (m != NULL) {
		struct rte_mbuf *next = m->next;

		for (uint32_t i = 0; i < m->data_len; i++)
			if (*rte_pktmbuf_mtod_offset(m, uint8_t *, i) != (uint8_t)rig->read_at++)
				rig->text_wrong = true;
		n += m->data_len;
		rte_pktmbuf_free_seg(m);
		m = next;
	}
	if (give_back)
		tcp_recv_done(rig->conn, n);
	return n;
}

static void exchange(struct states_rig *rig)
{
	static const uint8_t bytes[FLIGHT];
	// The window is closed by text, and by a FIN where there is one.
	bool fin = rig->state >= ST_CLOSE_WAIT;

	if (!tcp_send_copy(rig->conn, bytes, FLIGHT))
		return;
	turn(rig);
	peer_acks(rig);
	if (rig->zero && window(rig) > 0)
		peer_sends(rig, TCP_ACK, window(rig) - fin, rig->seen.snd_una);
	else if (window(rig) > 0)
		peer_sends(rig, TCP_ACK, 50, rig->seen.snd_una);
	read_all(rig, !rig->zero);
	if (!tcp_send_copy(rig->conn, bytes, FLIGHT))
		return;
	turn(rig);
}

static void end_sending(struct states_rig *rig)
{
	if (rig->gone) {
		tcp_close(rig->conn);
		rig->conn = NULL;
	} else {
		tcp_shutdown(rig->conn);
	}
	turn(rig);
}

static void peer_ends(struct states_rig *rig)
{
	peer_sends(rig, TCP_FIN | TCP_ACK, 0, rig->seen.snd_una);
}

static void go_on_from_established(struct states_rig *rig)
{
	enum states_name to = rig->state;

	exchange(rig);
	if (to == ST_CLOSE_WAIT || to == ST_LAST_ACK)
		peer_ends(rig);
	if (to != ST_ESTABLISHED && to != ST_CLOSE_WAIT)
		end_sending(rig);
	if (to == ST_FIN_WAIT_2 || to == ST_TIME_WAIT)
		peer_acks(rig);
	if (to == ST_CLOSING || to == ST_TIME_WAIT)
		peer_ends(rig);
}

static void open_active(struct states_rig *rig)
{
	rig->own_port = (uint16_t)(50000 + rig->peer_port % 1000);
	if (tcp_connect(rig->tcp, &rig->wire.peer, rig->peer_port, rig->own_port, rig->now,
		    &rig->conn) != 0)
		return;
	turn(rig);
	if (rig->state == ST_SYN_RECEIVED)
		peer_sends(rig, TCP_SYN, 0, 0);
}

static void open_passive(struct states_rig *rig)
{
	peer_sends(rig, TCP_SYN, 0, 0);
	if (rig->state == ST_HALF_OPEN) {
		rig->now = mono_add(rig->now, PAST_SYN_ACK_NS);
		return;
	}
	peer_acks(rig);
	rig->conn = tcp_accept(rig->listener);
	if (rig->conn != NULL)
		go_on_from_established(rig);
}

static enum states_name conn_state(const struct tcp_conn *conn)
{
	static const enum states_name names[] = {
		[TCPS_CLOSED] = ST_CLOSED,
		[TCPS_SYN_SENT] = ST_SYN_SENT,
		[TCPS_SYN_RECEIVED] = ST_SYN_RECEIVED,
		[TCPS_ESTABLISHED] = ST_ESTABLISHED,
		[TCPS_CLOSE_WAIT] = ST_CLOSE_WAIT,
		[TCPS_FIN_WAIT_1] = ST_FIN_WAIT_1,
		[TCPS_FIN_WAIT_2] = ST_FIN_WAIT_2,
		[TCPS_CLOSING] = ST_CLOSING,
		[TCPS_LAST_ACK] = ST_LAST_ACK,
	};

	return names[conn->state];
}

// There is at most one connection.
static enum states_name state_now(const struct states_rig *rig)
{
	struct tcp_usage usage = tcp_usage(rig->tcp);

	for (uint32_t i = 0; i < rig->tcp->conns.touched; i++) {
		const struct tcp_conn *conn = tcp_conn_at(rig->tcp, i);

		if (conn != NULL && conn->state != TCPS_CLOSED)
			return conn_state(conn);
	}
	if (usage.half_open > 0)
		return ST_HALF_OPEN;
	if (usage.time_wait > 0)
		return ST_TIME_WAIT;
	return rig->own_port == LISTENED && rig->state <= ST_HALF_OPEN ? ST_LISTEN : ST_CLOSED;
}

bool states_rig_enter(struct states_rig *rig, struct states_tcb *tcb, const char **why)
{
	unsigned events;

	rig->seen = (struct states_tcb){.state = rig->state, .gone = rig->gone};
	rig->own_port = rig->state == ST_CLOSED ? UNHEARD : LISTENED;
	rig->peer_nxt = PEER_ISN;
	rig->read_at = PEER_ISN + 1;
	rig->edge = PEER_ISN + 1;
	if (rig->state == ST_SYN_SENT || rig->state == ST_SYN_RECEIVED)
		open_active(rig);
	else if (rig->state > ST_LISTEN)
		open_passive(rig);
	while (tcp_event(rig->tcp, &events) != NULL)
		;
	*tcb = rig->seen;
	if (rig->state == ST_CLOSED || rig->state == ST_LISTEN || rig->state == ST_SYN_SENT) {
		tcb->rcv_nxt = PEER_ISN;
		tcb->rcv_wnd = rig->zero ? 0 : BUFFER;
	} else {
		tcb->rcv_wnd = window(rig);
	}
	tcb->irs = PEER_ISN;
	tcb->max_snd_wnd = PEER_WINDOW;
	tcb->ts_on = rig->ts_on;
	tcb->ts_recent = TSVAL;
	*why = "it is in another state";
	if (state_now(rig) != rig->state)
		return false;
	*why = "its window is not what it must be";
	return rig->zero == (tcb->rcv_wnd == 0);
}

// --- one segment

static void see_reply(const struct states_rig *rig, struct states_outcome *out)
{
	const struct wire_seg *seg = &rig->sent;

	if (rig->sent_n == 0)
		return;
	out->reply_seq = seg->seq;
	out->reply_ack = seg->ack;
	if (rig->sent_n > 1 || seg->len > 0)
		out->reply = REPLY_OTHER;
	else if (seg->flags == TCP_RST)
		out->reply = REPLY_RST;
	else if (seg->flags == (TCP_RST | TCP_ACK))
		out->reply = REPLY_RST_ACK;
	else if (seg->flags == TCP_ACK && seg->opts.ts == rig->ts_used)
		out->reply = REPLY_ACK;
	else if (seg->flags == (TCP_SYN | TCP_ACK))
		out->reply = REPLY_SYN_ACK;
	else
		out->reply = REPLY_OTHER;
}

static void see_user(struct states_rig *rig, struct states_outcome *out)
{
	unsigned events = 0;
	unsigned some;

	if (rig->conn == NULL)
		rig->conn = tcp_accept(rig->listener);
	if (rig->conn == NULL)
		return;
	while (tcp_event(rig->tcp, &some) != NULL)
		events |= some;
	out->connected = events & TCP_CONNECTED;
	out->eof = events & TCP_EOF;
	out->over = events & TCP_CLOSED;
	out->error = tcp_error(rig->conn);
	out->text = read_all(rig, false);
	// Readable is said when, and only when, it is.
	if (((events & TCP_READABLE) != 0) != (out->text > 0))
		out->reply = REPLY_OTHER;
}

// The bytes before what was kept, so that it shows.
static void fill_hole(
	struct states_rig *rig, const struct states_outcome *want, struct states_outcome *out)
{
	struct states_outcome late = {.reply = REPLY_NONE};
	uint32_t ahead = want->hole - rig->seen.rcv_nxt;

	rig->peer_nxt = rig->seen.rcv_nxt;
	peer_sends(rig, TCP_ACK, ahead, rig->seen.snd_una);
	if (rig->conn == NULL)
		return;
	see_user(rig, &late);
	out->hole = want->hole;
	out->late = late.text - ahead;
	out->late_eof = late.eof;
}

struct states_outcome states_rig_try(
	struct states_rig *rig, const struct states_seg *seg, const struct states_outcome *want)
{
	struct states_outcome out = {.reply = REPLY_NONE};

	rig->sent_n = 0;
	rig->text_wrong = false;
	rig->ts_used = rig->ts_on;
	// A SYN-ACK chooses where text begins, and whether there are timestamps.
	if (rig->state == ST_SYN_SENT) {
		rig->read_at = seg->seq + 1;
		rig->ts_used &= seg->ts;
	}
	inject(rig, seg);
	turn(rig);
	see_reply(rig, &out);
	out.next = state_now(rig);
	see_user(rig, &out);
	if (want->hole != 0 && out.hole == 0)
		fill_hole(rig, want, &out);
	if (rig->text_wrong || tcp_check(rig->tcp) != NULL)
		out.reply = REPLY_OTHER;
	return out;
}

bool states_rig_leave(struct states_rig *rig, const char **why)
{
	struct states_seg reset = {.flags = TCP_RST, .seq = rig->seen.rcv_nxt};
	struct tcp_usage usage;

	if (rig->conn != NULL)
		tcp_abort(rig->conn);
	rig->conn = NULL;
	inject(rig, &reset);
	turn(rig);
	rig->now = mono_add(rig->now, PAST_TIME_WAIT_NS);
	turn(rig);
	rig->peer_port = rig->peer_port == 60000 ? 40000 : rig->peer_port + 1;
	usage = tcp_usage(rig->tcp);
	*why = "something of it is left";
	if (usage.conns != 0 || usage.half_open != 0 || usage.time_wait != 0 || usage.mem != 0)
		return false;
	*why = "packet buffers leak";
	return test_pool_in_use(rig->wire.pool) == 0;
}
