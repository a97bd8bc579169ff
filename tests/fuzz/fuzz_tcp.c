// Fuzzes a whole stack: the input is a list of segments (built relative to what the connections
// expect just now, so that they get past the first check), raw frames, calls of the user, ICMP
// errors, time, and allocations that fail. After each step what must hold is checked; at the end
// every mbuf must be back.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mempool.h>

#include "dataplane/tcp/tcp_check.h"
#include "dataplane/tcp/tcp_conn.h"
#include "dataplane/tcp/tcp_seg.h"
#include "tests/support/alloc_fail.h"
#include "tests/support/eal.h"
#include "tests/support/wire_turn.h"

#define PORTS 4
#define HELD_MAX 16
#define STEPS_MAX 400

struct input {
	const uint8_t *p;
	size_t left;
};

struct world {
	struct wire wire;
	struct net *net;
	struct tcp *tcp;
	struct stats stats;
	struct tcp_listener *listener;
	struct mono now;
	struct tcp_conn *held[HELD_MAX];
	unsigned held_n;
	uint32_t last_ack[PORTS]; // the stack's sequence number + 1, as last seen on the wire
};

static struct rte_mempool *pool;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	test_eal_start();
	pool = test_pool_create(2048);
	return 0;
}

static uint8_t take(struct input *in)
{
	if (in->left == 0)
		return 0;
	in->left--;
	return *in->p++;
}

static uint32_t take16(struct input *in)
{
	uint32_t high = take(in);

	return high << 8 | take(in);
}

static void start(struct world *w, struct input *in)
{
	uint8_t mode = take(in);
	struct net_config net = {
		.mac = {{2, 0, 0, 0, 0, 1}},
		.mtu = mode & 1 ? 1500 : 700,
		.addr_n = 1,
		.neigh_max = 8,
		.frag_max = 4,
	};
	struct tcp_config cfg = tcp_config_default();

	cfg.conns_max = 6;
	cfg.half_open_max = mode & 2 ? 2 : 0;
	cfg.time_wait_max = 2;
	cfg.rcv_buf = mode & 4 ? 3000 : 100000;
	cfg.snd_buf = 20000;
	cfg.mem_max = mode & 8 ? 30000 : 1 << 20;
	cfg.timestamps = mode & 16;
	cfg.window_scaling = mode & 32;
	cfg.delayed_ack = mode & 64 ? 40 * NS_PER_MS : 0;
	cfg.keepalive_idle = 20 * NS_PER_SEC;
	if (mode & 128) {
		mode = take(in);
		cfg.sack = mode & 1;
		cfg.ecn = (mode >> 1) % 3;
		cfg.cc = mode & 8 ? &cc_newreno : cfg.cc;
		cfg.syn_cookies = mode & 16;
		cfg.data_retries = mode & 32 ? 3 : cfg.data_retries;
		cfg.persist_silence = mode & 32 ? 3 * NS_PER_SEC : cfg.persist_silence;
	}
	if (!ip_prefix_parse("192.0.2.1/24", &net.addr[0]) ||
		!ip_addr_parse("192.0.2.2", &w->wire.peer))
		abort();
	w->wire.own = net.addr[0].addr;
	memcpy(w->wire.own_mac, net.mac.addr_bytes, 6);
	memcpy(w->wire.peer_mac, "\2\0\0\0\0\2", 6);
	w->wire.pool = pool;
	w->now = (struct mono){.ns = NS_PER_SEC};
	w->net = net_new(&net, pool, &w->stats, w->now);
	w->tcp = tcp_new(&cfg, w->net, pool, &w->stats, w->now);
	if (tcp_listen(w->tcp, NULL, 8102, 3, &w->listener) != 0)
		abort();
}

static void note(void *ctx, const struct wire_seen *seen)
{
	const struct wire_seg *seg = seen->seg;
	uint32_t port = (uint32_t)seg->peer_port - 40000;
	struct world *w = ctx;

	if (port < PORTS)
		w->last_ack[port] = seg->seq + seg->len + ((seg->flags & TCP_SYN) != 0);
}

static struct wire_stack stack_of(struct world *w)
{
	return (struct wire_stack){&w->wire, w->net, w->tcp, note, w};
}

static void feed(struct world *w, struct rte_mbuf *frame)
{
	struct wire_stack stack = stack_of(w);

	if (frame != NULL)
		wire_input(&stack, frame, w->now);
}

static void turn(struct world *w)
{
	struct wire_stack stack = stack_of(w);
	const char *wrong;

	wire_turn(&stack, w->now);
	wrong = tcp_check(w->tcp);
	if (wrong != NULL) {
		fprintf(stderr, "%s\n", wrong);
		abort();
	}
}

// The connection with this port of the peer, if there is one.
static const struct tcp_conn *live(const struct world *w, uint16_t port)
{
	for (uint32_t i = 0; i < w->tcp->conns.touched; i++) {
		const struct tcp_conn *conn = tcp_conn_at(w->tcp, i);

		if (conn != NULL && conn->key.remote_port == port && conn->state != TCPS_CLOSED)
			return conn;
	}
	return NULL;
}

static uint32_t near(struct input *in, uint32_t low, uint32_t high)
{
	uint32_t by = take(in);

	switch (by & 7) {
	case 0:
	case 1:
		return low;
	case 2:
		return high;
	case 3:
		return low - 1;
	case 4:
		return high + 1;
	case 5:
		return low + (by >> 3) * 97;
	case 6:
		return low + take16(in);
	default:
		return low - take16(in);
	}
}

// SACK blocks of every kind: true, behind snd_una (D-SACK), beyond snd_nxt, empty, upside down.
static void put_sack(const struct tcp_conn *conn, struct input *in, struct tcp_opts *opts)
{
	uint8_t kind = take(in);

	opts->sack_n = (uint8_t)(1 + kind % (opts->ts ? TCP_SACK_MAX - 1 : TCP_SACK_MAX));
	for (unsigned i = 0; i < opts->sack_n; i++) {
		struct tcp_sack_block *block = &opts->sack[i];

		block->seq = near(in, conn->snd_una, conn->snd_nxt);
		if (kind & 0x80)
			block->end = near(in, conn->snd_una, conn->snd_nxt);
		else
			block->end = block->seq + conn->mss * (take(in) & 7u);
	}
}

// The payload in several mbufs, as it is after IP reassembly.
static struct rte_mbuf *chop(struct rte_mbuf *m, uint16_t head)
{
	struct rte_mbuf *rest;
	uint16_t len;

	if (m == NULL || m->data_len <= head)
		return m;
	rest = rte_pktmbuf_alloc(pool);
	if (rest == NULL)
		return m;
	len = (uint16_t)(m->data_len - head);
	memcpy(rte_pktmbuf_append(rest, len), rte_pktmbuf_mtod_offset(m, void *, head), len);
	rte_pktmbuf_trim(m, len);
	rte_pktmbuf_chain(m, chop(rest, 300));
	return m;
}

static void step_segment(struct world *w, struct input *in)
{
	uint8_t which = take(in);
	const struct tcp_conn *conn = live(w, (uint16_t)(40000 + which % PORTS));
	uint32_t win = take(in);
	uint32_t size = take(in);
	struct wire_seg seg = {
		.peer_port = (uint16_t)(40000 + which % PORTS),
		.own_port = conn != NULL ? conn->key.local_port : 8102,
		.flags = take(in),
		.win = win < 8 ? win : win * 256,
		.len = size < 128 ? size : (size - 127) * 11,
		.opts = TCP_OPTS_NONE,
	};

	if (which & 0x10)
		seg.flags = TCP_ACK | (seg.flags & TCP_FIN);
	if (which & 0x20)
		seg.flags = TCP_SYN;
	seg.seq = conn != NULL ? near(in, conn->rcv_nxt, conn->rcv_adv) : near(in, 1001, 1001);
	if (seg.flags == TCP_SYN && conn == NULL)
		seg.seq = 1000;
	seg.ack =
		conn != NULL ? near(in, conn->snd_nxt, conn->snd_una) : w->last_ack[which % PORTS];
	if (seg.flags & TCP_SYN) {
		seg.opts.mss = (uint16_t)take16(in);
		seg.opts.wscale = which & 0x40 ? take(in) : TCP_WSCALE_NONE;
		seg.opts.sack_ok = which & 0x08;
	}
	if (which & 0x80) {
		seg.opts.ts = true;
		seg.opts.tsval = (uint32_t)(w->now.ns / NS_PER_MS) + take(in) - 128;
		seg.opts.tsecr = conn != NULL ? seg.opts.tsval + conn->ts_offset : take16(in);
	}
	if (conn != NULL && !(seg.flags & TCP_SYN) && (which & 0x40))
		put_sack(conn, in, &seg.opts);
	if (which & 0x04)
		seg.ecn = take(in) & 3;
	feed(w,
		seg.len % 3 == 1 ? chop(wire_make(&w->wire, &seg), 100 + seg.len % 64)
				 : wire_make(&w->wire, &seg));
}

static void step_frame(struct world *w, struct input *in)
{
	size_t len = RTE_MIN((size_t)take(in) + 14, in->left);
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

	if (m == NULL)
		return;
	memcpy(rte_pktmbuf_append(m, (uint16_t)len), in->p, len);
	in->p += len;
	in->left -= len;
	feed(w, m);
}

// From now on the n-th allocation fails, or every n-th, or none.
static void step_fail(struct world *w, struct input *in)
{
	uint8_t by = take(in);

	alloc_fail_at(by & 0x7f, by & 0x80);
	alloc_fail_spare_sent(w->tcp);
}

static void step_time(struct world *w, struct input *in)
{
	uint8_t by = take(in);

	w->now = mono_add(w->now, (by & 15) * (NS_PER_US << (by >> 4) * 2));
}

static void hold(struct world *w, struct tcp_conn *conn)
{
	if (w->held_n < HELD_MAX)
		w->held[w->held_n++] = conn;
	else
		tcp_abort(conn);
}

static void read_all(struct tcp_conn *conn, bool give_back)
{
	struct rte_mbuf *m = tcp_recv(conn);
	uint32_t n = 0;

	while (m != NULL) {
		struct rte_mbuf *next = m->next;

		n += m->data_len;
		rte_pktmbuf_free_seg(m);
		m = next;
	}
	if (give_back)
		tcp_recv_done(conn, n);
}

static void send_shared(struct tcp_conn *conn, uint16_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

	if (m == NULL)
		return;
	len = RTE_MIN(len, rte_pktmbuf_tailroom(m));
	memset(rte_pktmbuf_append(m, len), 'x', len);
	if (len & 1)
		rte_mbuf_refcnt_update(m, 1);
	tcp_send(conn, m);
	if (len & 1)
		rte_pktmbuf_free(m);
}

static void step_open(struct world *w, struct input *in)
{
	uint16_t port = (uint16_t)(40000 + take(in) % PORTS);
	struct tcp_conn *conn = tcp_accept(w->listener);

	if (conn == NULL &&
		tcp_connect(w->tcp, &w->wire.peer, port, port & 1 ? 8102 : 0, w->now, &conn) != 0)
		return;
	hold(w, conn);
}

static void step_call(struct world *w, struct input *in)
{
	static const uint8_t bytes[600];
	uint8_t call = take(in);
	unsigned i = w->held_n > 0 ? take(in) % w->held_n : 0;
	struct tcp_conn *conn;
	unsigned events;

	if (call % 10 == 0 || w->held_n == 0) {
		step_open(w, in);
		return;
	}
	conn = w->held[i];
	switch (call % 10) {
	case 1:
		tcp_send_copy(conn, bytes, take(in) * 2);
		break;
	case 2:
		if (tcp_send_room(conn) > 0)
			send_shared(conn, (uint16_t)take16(in));
		break;
	case 3:
		read_all(conn, true);
		break;
	case 4:
		read_all(conn, false);
		break;
	case 5:
		tcp_recv_done(conn, take16(in));
		break;
	case 6:
		tcp_shutdown(conn);
		break;
	case 7:
		while (tcp_event(w->tcp, &events) != NULL)
			;
		tcp_want_acked(conn);
		break;
	default:
		w->held[i] = w->held[--w->held_n];
		if (call % 10 == 8)
			tcp_close(conn);
		else
			tcp_abort(conn);
	}
}

static void step_icmp(struct world *w, struct input *in)
{
	uint16_t port = (uint16_t)(40000 + take(in) % PORTS);
	const struct tcp_conn *conn = live(w, port);
	struct net_icmp icmp = {
		.kind = take(in) & 1 ? NET_ICMP_TOO_BIG : NET_ICMP_UNREACHABLE,
		.mtu = (uint16_t)take16(in),
		.local = w->wire.own,
		.remote = w->wire.peer,
		.remote_port = port,
	};

	if (conn == NULL)
		return;
	icmp.local_port = conn->key.local_port;
	icmp.seq = near(in, conn->snd_una, conn->snd_nxt);
	tcp_icmp(w->tcp, &icmp, w->now);
}

static void step_odd(struct world *w, struct input *in, uint8_t op)
{
	if (op & 0x80)
		step_frame(w, in);
	else if ((op & 0x38) == 0x38)
		step_fail(w, in);
	else
		step_icmp(w, in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world *w = calloc(1, sizeof(*w));
	struct input in = {.p = data, .left = size};

	start(w, &in);
	for (unsigned step = 0; step < STEPS_MAX && in.left > 0; step++) {
		uint8_t op = take(&in);

		switch (op & 7) {
		case 0:
			step_call(w, &in);
			break;
		case 1:
			step_time(w, &in);
			break;
		case 2:
			step_odd(w, &in, op);
			break;
		default:
			step_segment(w, &in);
		}
		// Sometimes several steps make one turn.
		if (!(op & 0x40))
			turn(w);
	}
	alloc_fail_at(0, false);
	turn(w);
	tcp_free(w->tcp);
	net_free(w->net);
	free(w);
	if (test_pool_in_use(pool) != 0)
		abort();
	return 0;
}
