// Bugs that users of other stacks hit and that take more than a script to show; each test has the
// name of what it would catch. The whole list is in tests/README.md.
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "dataplane/tcp/tcp_types.h"
#include "tests/support/tcp_stream.h"

struct talk {
	struct tcp_pair *pair;
	struct tcp_listener *listener;
	struct tcp_conn *end[2];
	struct tcp_stream stream[2]; // from end i to the other
	bool closed[2];
	uint32_t frames;
	uint32_t cut_after;
};

static void user(struct tcp_pair *pair, unsigned host, void *ctx)
{
	struct talk *t = ctx;
	struct tcp_conn *conn;
	unsigned events;

	if (host == 1 && t->end[1] == NULL) {
		t->end[1] = tcp_accept(t->listener);
		if (t->end[1] != NULL)
			for (unsigned i = 0; i < 2; i++)
				tcp_stream_init(&t->stream[i], t->end[i], t->end[!i],
					t->stream[i].total, 5 + i);
	}
	while ((conn = tcp_event(pair->host[host].tcp, &events)) != NULL)
		if (conn == t->end[host] && (events & TCP_CLOSED)) {
			t->closed[host] = true;
			tcp_close(conn);
		}
	if (t->end[1] == NULL)
		return;
	if (!t->closed[host])
		tcp_stream_write(&t->stream[host], pair->host[host].pool);
	if (!t->closed[host])
		tcp_stream_read(&t->stream[!host]);
}

static void begin(
	struct talk *t, const struct tcp_pair_options *options, uint64_t up, uint64_t down)
{
	t->pair = tcp_pair_new(options);
	t->stream[0].total = up;
	t->stream[1].total = down;
	for (unsigned i = 0; i < 2; i++) {
		t->pair->user[i] = user;
		t->pair->user_ctx[i] = t;
	}
	if (tcp_listen(t->pair->host[1].tcp, NULL, 8102, 4, &t->listener) != 0 ||
		tcp_connect(t->pair->host[0].tcp, &t->pair->host[1].addr, 8102, 0, t->pair->now,
			&t->end[0]) != 0)
		fail();
}

static void end(struct talk *t)
{
	for (unsigned i = 0; i < 2; i++)
		if (t->end[i] != NULL && !t->closed[i])
			tcp_abort(t->end[i]);
	tcp_pair_free(t->pair);
}

static bool cut(void *ctx, unsigned from, const struct rte_mbuf *frame)
{
	struct talk *t = ctx;

	(void)from;
	(void)frame;
	return ++t->frames > t->cut_after;
}

// mTCP 12, smoltcp 62, 224, 836, XLIO 611, picoTCP 3: wherever the line goes dead, each end that
// knows of the connection gives up in the end, since something always wakes it.
static void lost_timer(void **state)
{
	(void)state;
	for (uint32_t n = 2; n < 60; n++) {
		struct tcp_pair_options options = tcp_pair_options(n);
		struct talk t = {.cut_after = n};

		for (unsigned i = 0; i < 2; i++) {
			options.tcp[i].data_retries = 4;
			options.tcp[i].keepalive_probes = 2;
		}
		begin(&t, &options, 30000, 30000);
		t.pair->drop = cut;
		t.pair->drop_ctx = &t;
		tcp_pair_run(t.pair, 300 * NS_PER_SEC);
		for (unsigned i = 0; i < 2; i++) {
			struct tcp_usage usage = tcp_usage(t.pair->host[i].tcp);

			if (usage.conns != 0 || usage.half_open != 0)
				fail_msg("host %u waits for ever when %u frames got through", i, n);
		}
		end(&t);
	}
}

static bool streams_done(struct tcp_pair *pair, void *ctx)
{
	struct talk *t = ctx;

	(void)pair;
	return t->end[1] != NULL && tcp_stream_done(&t->stream[0]) &&
		tcp_stream_done(&t->stream[1]);
}

static uint64_t time_of(uint64_t up, uint64_t down)
{
	struct tcp_pair_options options = tcp_pair_options(1);
	struct talk t = {0};
	uint64_t took;

	begin(&t, &options, up, down);
	t.pair->link.delay = 5 * NS_PER_MS;
	if (!tcp_pair_until(t.pair, 60 * NS_PER_SEC, streams_done, &t))
		fail();
	took = t.pair->now.ns;
	end(&t);
	return took;
}

// F-Stack 580: one direction was 300 times slower than the other.
static void reverse_direction_is_slow(void **state)
{
	uint64_t up = time_of(2 << 20, 0) - NS_PER_SEC;
	uint64_t down = time_of(0, 2 << 20) - NS_PER_SEC;

	(void)state;
	assert_in_range(up, down / 10 * 9, down / 10 * 11);
}

// gVisor 14092: bytes in flight were counted down too little, until cwnd was full of nothing. After
// many losses and their repair a fresh flight is as fast as on a new connection.
static void in_flight_leak(void **state)
{
	struct tcp_pair_options options = tcp_pair_options(9);
	struct talk t = {0};
	uint64_t from;

	(void)state;
	begin(&t, &options, 400000, 400000);
	t.pair->link = (struct link_model){
		.delay = 2 * NS_PER_MS, .jitter = NS_PER_MS, .loss = 50000, .dup = 20000};
	assert_true(tcp_pair_until(t.pair, 600 * NS_PER_SEC, streams_done, &t));
	t.pair->link = (struct link_model){.delay = 2 * NS_PER_MS};
	tcp_pair_run(t.pair, 10 * NS_PER_SEC);
	assert_int_equal(tcp_unacked(t.end[0]), 0);
	// Ten segments are the initial window: one round trip, and one for what is left in doubt.
	from = t.pair->now.ns;
	for (unsigned i = 0; i < 2; i++)
		t.stream[i].total += 14000;
	assert_true(tcp_pair_until(t.pair, NS_PER_SEC, streams_done, &t));
	assert_in_range(t.pair->now.ns - from, 2 * NS_PER_MS, 8 * NS_PER_MS);
	end(&t);
}

static bool table_full(struct tcp_pair *pair, void *ctx)
{
	(void)ctx;
	return tcp_usage(pair->host[1].tcp).half_open == 16;
}

// VPP-1463, mTCP 45 and 200: SYNs whose handshake never ends leave nothing behind, and do not keep
// those out that come after them.
static void half_open_leak(void **state)
{
	struct tcp_pair_options options = tcp_pair_options(4);
	struct talk t = {0};
	struct tcp_conn *lost[16];

	(void)state;
	options.tcp[1].syn_cookies = false;
	begin(&t, &options, 1000, 1000);
	t.pair->user[0] = NULL;
	t.pair->user[1] = NULL;
	// Their SYNs arrive, and they fall silent.
	for (unsigned i = 0; i < 16; i++)
		if (tcp_connect(t.pair->host[0].tcp, &t.pair->host[1].addr, 8102, 0, t.pair->now,
			    &lost[i]) != 0)
			fail();
	assert_true(tcp_pair_until(t.pair, NS_PER_SEC, table_full, NULL));
	t.pair->link.down = true;
	for (unsigned i = 0; i < 16; i++)
		tcp_abort(lost[i]);
	tcp_abort(t.end[0]);
	t.end[0] = NULL;
	tcp_pair_run(t.pair, 200 * NS_PER_SEC);
	assert_int_equal(tcp_usage(t.pair->host[1].tcp).half_open, 0);
	t.pair->link.down = false;
	assert_int_equal(tcp_connect(t.pair->host[0].tcp, &t.pair->host[1].addr, 8102, 0,
				 t.pair->now, &t.end[0]),
		0);
	for (unsigned i = 0; i < 2; i++)
		t.pair->user[i] = user;
	assert_true(tcp_pair_until(t.pair, NS_PER_SEC, streams_done, &t));
	end(&t);
}

// A mark in the sequence space that nobody moves lies ahead after 2 GB: no loss would be found by
// duplicate ACKs, and no congestion mark answered, for the 2 GB after that.
static void old_marks_lie_ahead(void **state)
{
	struct tcp_pair_options options = tcp_pair_options(8);
	struct talk t = {0};
	struct tcp_conn *conn;

	(void)state;
	begin(&t, &options, 1000, 0);
	assert_true(tcp_pair_until(t.pair, NS_PER_SEC, streams_done, &t));
	conn = t.end[0];
	tcp_flight_begin(conn);
	conn->flight->recover = conn->snd_una - UINT32_C(0x40000000);
	conn->flight->cwr_end = conn->flight->recover;
	tcp_stream_init(&t.stream[0], t.end[0], t.end[1], 100000, 9);
	// Until its last bytes are there, something is in flight all the time.
	assert_true(tcp_pair_until(t.pair, NS_PER_SEC, streams_done, &t));
	assert_ptr_not_equal(conn->flight, tcp_flight_no());
	assert_true(conn->snd_una - conn->flight->recover < 200000);
	assert_true(conn->snd_una - conn->flight->cwr_end < 200000);
	end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lost_timer),
		cmocka_unit_test(reverse_direction_is_slow),
		cmocka_unit_test(in_flight_leak),
		cmocka_unit_test(half_open_leak),
		cmocka_unit_test(old_marks_lie_ahead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
