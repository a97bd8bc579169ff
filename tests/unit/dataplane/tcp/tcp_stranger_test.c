// What strangers with forged addresses can make the stack send, hold and do.
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include <rte_mempool.h>

#include "dataplane/tcp/tcp_cookie.h"
#include "dataplane/tcp/tcp_seg.h"
#include "dataplane/tcp/tcp_types.h"
#include "tests/support/eal.h"
#include "tests/support/wire_turn.h"

#define FRAME_MIN 60u
#define PEER_ISN 1000u

struct rig {
	struct wire wire;
	struct ip_addr gateway;
	struct net *net;
	struct tcp *tcp;
	struct stats stats;
	struct tcp_listener *listener;
	struct mono now;
	uint64_t in_bytes; // of frames, as they are on the wire
	uint64_t out_bytes;
	uint32_t out_n;
	struct wire_seg last; // that the stack sent
};

static void setup(struct rig *r, const struct tcp_config *cfg, uint32_t backlog)
{
	struct net_config net = {
		.mac = {{2, 0, 0, 0, 0, 1}},
		.mtu = 1500,
		.addr_n = 1,
		.neigh_max = 16,
		.frag_max = 4,
	};

	test_eal_start();
	memset(r, 0, sizeof(*r));
	assert_true(ip_prefix_parse("192.0.2.1/24", &net.addr[0]));
	assert_true(ip_addr_parse("192.0.2.2", &r->gateway));
	net.gateway4 = r->gateway;
	r->wire.own = net.addr[0].addr;
	memcpy(r->wire.own_mac, net.mac.addr_bytes, 6);
	memcpy(r->wire.peer_mac, "\2\0\0\0\0\2", 6);
	r->wire.pool = test_pool_create(2048);
	r->now = (struct mono){.ns = 1000 * NS_PER_SEC};
	r->net = net_new(&net, r->wire.pool, &r->stats, r->now);
	r->tcp = tcp_new(cfg, r->net, r->wire.pool, &r->stats, r->now);
	assert_non_null(r->tcp);
	assert_int_equal(tcp_listen(r->tcp, NULL, 8102, backlog, &r->listener), 0);
}

static void teardown(struct rig *r)
{
	assert_int_equal(tcp_usage(r->tcp).mem, 0);
	tcp_free(r->tcp);
	net_free(r->net);
	assert_int_equal(test_pool_in_use(r->wire.pool), 0);
	rte_mempool_free(r->wire.pool);
}

static void note(void *ctx, const struct wire_seen *seen)
{
	struct rig *r = ctx;

	r->last = *seen->seg;
	r->out_n++;
	r->out_bytes += RTE_MAX(seen->frame_len, FRAME_MIN);
}

static void turn(struct rig *r)
{
	struct wire gateway = r->wire;
	struct wire_stack stack = {&gateway, r->net, r->tcp, note, r};

	gateway.peer = r->gateway;
	wire_turn(&stack, r->now);
}

// From a stranger with a number, who has an address of his own.
static void arrive(struct rig *r, uint32_t stranger, const struct wire_seg *seg)
{
	struct wire_stack stack = {&r->wire, r->net, r->tcp, note, r};
	struct rte_mbuf *frame;

	r->wire.peer = ip_addr_from_v4(rte_cpu_to_be_32((10u << 24) + stranger + 1));
	frame = wire_make(&r->wire, seg);
	assert_non_null(frame);
	r->in_bytes += RTE_MAX(frame->pkt_len, FRAME_MIN);
	wire_input(&stack, frame, r->now);
	turn(r);
}

static void pass(struct rig *r, uint64_t ns)
{
	struct mono until = mono_add(r->now, ns);

	for (;;) {
		struct mono next = mono_min(tcp_next(r->tcp), net_next(r->net));

		if (next.ns >= until.ns)
			break;
		r->now = next.ns > r->now.ns ? next : mono_add(r->now, NS_PER_US);
		turn(r);
	}
	r->now = until;
	turn(r);
}

static struct wire_seg segment(uint8_t flags)
{
	return (struct wire_seg){.peer_port = 40000,
		.own_port = 8102,
		.flags = flags,
		.seq = PEER_ISN,
		.win = 60000,
		.opts = TCP_OPTS_NONE};
}

// A SYN as common systems send it.
static struct wire_seg full_syn(void)
{
	struct wire_seg syn = segment(TCP_SYN);

	syn.opts.mss = 1460;
	syn.opts.wscale = 7;
	syn.opts.ts = true;
	syn.opts.tsval = 5000;
	syn.opts.sack_ok = true;
	return syn;
}

// The ACK of the SYN-ACK that was seen last.
static struct wire_seg ack_of(const struct rig *r)
{
	struct wire_seg ack = segment(TCP_ACK);

	ack.seq = PEER_ISN + 1;
	ack.ack = r->last.seq + 1;
	if (r->last.opts.ts) {
		ack.opts.ts = true;
		ack.opts.tsval = 5001;
		ack.opts.tsecr = r->last.opts.tsval;
	}
	return ack;
}

static struct tcp_config config(void)
{
	struct tcp_config cfg = tcp_config_default();

	cfg.conns_max = 64;
	cfg.half_open_max = 16;
	cfg.time_wait_max = 16;
	cfg.secret = (struct siphash_key){{17, 18}};
	cfg.seed = 3;
	return cfg;
}

// One segment, whatever it is, is worth one answer at most, which is not longer; a reset none.
static void test_one_answer_not_longer(void **state)
{
	static const uint16_t ports[] = {8102, 9};

	(void)state;
	for (unsigned flags = 0; flags < 64; flags++)
		for (unsigned k = 0; k < 16; k++) {
			struct tcp_config cfg = config();
			struct wire_seg seg = segment((uint8_t)flags);
			struct rig r;

			cfg.half_open_max = k & 1 ? 16 : 0;
			cfg.syn_retries = 0;
			setup(&r, &cfg, 4);
			seg.own_port = ports[k >> 1 & 1];
			seg.len = k & 4 ? 10 : 0;
			if (k & 8)
				seg.opts = full_syn().opts;
			arrive(&r, 1, &seg);
			pass(&r, 300 * NS_PER_SEC);
			assert_in_range(r.out_n, 0, 1);
			if (flags & TCP_RST)
				assert_int_equal(r.out_n, 0);
			assert_true(r.out_bytes <= r.in_bytes);
			assert_int_equal(tcp_usage(r.tcp).half_open, 0);
			teardown(&r);
		}
}

// SYNs from forged addresses, nobody answers. SYN-ACKs that are sent again would make six times as
// much of it: they stay within what is there at the start and a trickle.
static void test_syn_flood_is_not_amplified(void **state)
{
	enum { SYNS = 10000, SECONDS = 10 };
	struct tcp_config cfg = config();
	struct wire_seg syn = full_syn();
	uint64_t again;
	struct rig r;

	(void)state;
	cfg.half_open_max = 2 * SYNS;
	setup(&r, &cfg, 4);
	for (uint32_t i = 0; i < SYNS; i++) {
		arrive(&r, i, &syn);
		pass(&r, SECONDS * NS_PER_SEC / SYNS);
	}
	assert_int_equal(tcp_usage(r.tcp).half_open, SYNS);
	pass(&r, 100 * NS_PER_SEC);
	assert_int_equal(tcp_usage(r.tcp).half_open, 0);
	again = r.stats.stat[STAT_tcp_retrans_segs];
	assert_in_range(again, TCP_CREDIT_MAX, TCP_CREDIT_MAX + 10 * (SECONDS + 63) + 1);
	assert_int_equal(r.out_n, SYNS + again);
	assert_true(r.out_bytes <= r.in_bytes + again * 80);
	assert_true(r.out_bytes < r.in_bytes + r.in_bytes / 8);
	teardown(&r);
}

// Peers who answer earn it back: one who is slow hears from us again also after a flood.
static void test_handshakes_earn_repetition(void **state)
{
	struct tcp_config cfg = config();
	struct wire_seg syn = full_syn();
	struct wire_seg ack;
	struct rig r;

	(void)state;
	cfg.half_open_max = 1000;
	cfg.conns_max = 1000;
	setup(&r, &cfg, 1000);
	for (uint32_t i = 0; i < 500; i++)
		arrive(&r, i, &syn);
	pass(&r, NS_PER_SEC + NS_PER_MS);
	assert_in_range(r.stats.stat[STAT_tcp_retrans_segs], TCP_CREDIT_MAX, TCP_CREDIT_MAX + 20);
	for (uint32_t i = 600; i < 700; i++) {
		arrive(&r, i, &syn);
		ack = ack_of(&r);
		arrive(&r, i, &ack);
	}
	assert_int_equal(tcp_usage(r.tcp).conns, 100);
	r.stats.stat[STAT_tcp_retrans_segs] = 0;
	pass(&r, 2 * NS_PER_SEC);
	assert_in_range(r.stats.stat[STAT_tcp_retrans_segs], 100, 100 + 20);
	teardown(&r);
}

static void test_half_open_cap(void **state)
{
	struct tcp_config cfg = config();
	struct wire_seg syn = full_syn();
	struct rig r;

	(void)state;
	cfg.syn_cookies = false;
	setup(&r, &cfg, 4);
	for (uint32_t i = 0; i < 1000; i++)
		arrive(&r, i, &syn);
	assert_int_equal(tcp_usage(r.tcp).half_open, cfg.half_open_max);
	assert_int_equal(r.stats.drop[DROP_TCP_HALF_OPEN], 1000 - cfg.half_open_max);
	assert_int_equal(r.out_n, cfg.half_open_max);
	teardown(&r);
}

// ACKs, resets and whatever else for no connection: so many resets a second, no memory.
static void test_resets_are_limited(void **state)
{
	struct tcp_config cfg = config();
	struct wire_seg ack = segment(TCP_ACK);
	struct rig r;

	(void)state;
	setup(&r, &cfg, 4);
	for (uint32_t i = 0; i < 20000; i++)
		arrive(&r, i, &ack);
	assert_in_range(r.out_n, 500, 1500);
	assert_int_equal(r.out_n + r.stats.drop[DROP_TCP_RATE], 20000);
	assert_true(r.last.flags & TCP_RST);
	teardown(&r);
}

// Both with an entry and by a cookie the same is agreed on, with timestamps.
static void test_options_with_and_without_an_entry(void **state)
{
	(void)state;
	for (unsigned k = 0; k < 8; k++) {
		struct tcp_config cfg = config();
		struct wire_seg syn = full_syn();
		struct wire_seg ack;
		struct tcp_conn *conn;
		struct rig r;

		cfg.half_open_max = k & 1 ? 16 : 0;
		cfg.sack = (k & 2) != 0;
		cfg.ecn = k & 4 ? TCP_ECN_ACCEPT : TCP_ECN_OFF;
		syn.flags |= TCP_ECE | TCP_CWR;
		setup(&r, &cfg, 4);
		arrive(&r, 1, &syn);
		assert_int_equal(r.last.flags, TCP_SYN | TCP_ACK | (k & 4 ? TCP_ECE : 0));
		assert_int_equal(r.last.opts.sack_ok, cfg.sack);
		assert_int_not_equal(r.last.opts.wscale, TCP_WSCALE_NONE);
		ack = ack_of(&r);
		arrive(&r, 1, &ack);
		conn = tcp_accept(r.listener);
		assert_non_null(conn);
		assert_int_equal(conn->snd_wscale, 7);
		assert_true(conn->ts_on);
		tcp_abort(conn);
		teardown(&r);
	}
}

// RFC 3168 §6.1.1: one of the two flags alone is no offer.
static void test_half_an_offer_of_ecn(void **state)
{
	static const uint8_t flags[] = {TCP_ECE, TCP_CWR};

	(void)state;
	for (unsigned k = 0; k < 2; k++) {
		struct tcp_config cfg = config();
		struct wire_seg syn = full_syn();
		struct rig r;

		setup(&r, &cfg, 4);
		syn.flags |= flags[k];
		arrive(&r, 1, &syn);
		assert_int_equal(r.last.flags, TCP_SYN | TCP_ACK);
		teardown(&r);
	}
}

// Without a timestamp a cookie has no place for options: none is agreed on.
static void test_cookie_without_timestamp(void **state)
{
	struct tcp_config cfg = config();
	struct wire_seg syn = full_syn();
	struct wire_seg ack;
	struct tcp_conn *conn;
	struct rig r;

	(void)state;
	cfg.half_open_max = 0;
	syn.opts.ts = false;
	syn.flags |= TCP_ECE | TCP_CWR;
	setup(&r, &cfg, 4);
	arrive(&r, 1, &syn);
	assert_int_equal(r.last.flags, TCP_SYN | TCP_ACK);
	assert_false(r.last.opts.sack_ok);
	assert_int_equal(r.last.opts.wscale, TCP_WSCALE_NONE);
	ack = ack_of(&r);
	arrive(&r, 1, &ack);
	conn = tcp_accept(r.listener);
	assert_non_null(conn);
	assert_false(conn->wscale_on);
	assert_int_equal(conn->mss, 1460);
	tcp_abort(conn);
	teardown(&r);
}

// Guesses cost: in a second in which too many were wrong, none is looked at that has no timestamp
// of ours to show. Those that have one go on.
static void test_cookie_guesses_are_limited(void **state)
{
	struct tcp_config cfg = config();
	struct wire_seg syn = full_syn();
	struct wire_seg bare = full_syn();
	struct wire_seg ack;
	struct wire_seg bare_ack;
	struct wire_seg guess = segment(TCP_ACK);
	struct rig r;

	(void)state;
	cfg.half_open_max = 0;
	bare.opts.ts = false;
	setup(&r, &cfg, 16);
	arrive(&r, 1, &syn);
	ack = ack_of(&r);
	arrive(&r, 2, &bare);
	bare_ack = ack_of(&r);
	for (uint32_t i = 0; i < 10000; i++) {
		guess.ack = i * 40503u;
		arrive(&r, 9, &guess);
	}
	assert_int_equal(r.stats.drop[DROP_TCP_COOKIE], 10000);
	arrive(&r, 2, &bare_ack);
	assert_int_equal(tcp_usage(r.tcp).conns, 0);
	arrive(&r, 1, &ack);
	assert_int_equal(tcp_usage(r.tcp).conns, 1);
	pass(&r, NS_PER_SEC);
	arrive(&r, 2, &bare_ack);
	assert_int_equal(tcp_usage(r.tcp).conns, 2);
	assert_int_equal(r.stats.stat[STAT_tcp_cookies_ok], 2);
	// With an echo that can't be, a right cookie is no good either.
	arrive(&r, 3, &syn);
	ack = ack_of(&r);
	ack.opts.tsecr += 1000;
	arrive(&r, 3, &ack);
	assert_int_equal(tcp_usage(r.tcp).conns, 2);
	ack.opts.tsecr -= 1000;
	arrive(&r, 3, &ack);
	assert_int_equal(tcp_usage(r.tcp).conns, 3);
	teardown(&r);
}

// The accept queue is full: silence, so that the peer tries again, or a reset when that is wanted.
static void test_backlog(void **state)
{
	(void)state;
	for (unsigned k = 0; k < 4; k++) {
		struct tcp_config cfg = config();
		struct wire_seg syn = full_syn();
		struct wire_seg first;
		struct wire_seg second;
		struct rig r;

		cfg.half_open_max = k & 1 ? 16 : 0;
		cfg.backlog_reset = k & 2;
		setup(&r, &cfg, 1);
		arrive(&r, 1, &syn);
		first = ack_of(&r);
		arrive(&r, 2, &syn);
		second = ack_of(&r);
		arrive(&r, 1, &first);
		r.out_n = 0;
		arrive(&r, 2, &second);
		assert_int_equal(tcp_usage(r.tcp).conns, 1);
		assert_int_equal(r.stats.drop[DROP_TCP_BACKLOG], 1);
		if (cfg.backlog_reset) {
			assert_int_equal(r.out_n, 1);
			assert_int_equal(r.last.flags, TCP_RST);
			assert_int_equal(tcp_usage(r.tcp).half_open, 0);
		} else {
			assert_int_equal(r.out_n, 0);
			tcp_abort(tcp_accept(r.listener));
			arrive(&r, 2, &second);
			assert_non_null(tcp_accept(r.listener));
		}
		teardown(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_answer_not_longer),
		cmocka_unit_test(test_syn_flood_is_not_amplified),
		cmocka_unit_test(test_handshakes_earn_repetition),
		cmocka_unit_test(test_half_open_cap),
		cmocka_unit_test(test_resets_are_limited),
		cmocka_unit_test(test_options_with_and_without_an_entry),
		cmocka_unit_test(test_half_an_offer_of_ecn),
		cmocka_unit_test(test_cookie_without_timestamp),
		cmocka_unit_test(test_cookie_guesses_are_limited),
		cmocka_unit_test(test_backlog),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
