// Streams over a bad link: every byte arrives, once, in order, and nothing is left afterwards.
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/tcp_stream.h"

// TEST_SEEDS=1000 runs as many seeds of each case.
static uint64_t seeds(uint64_t normally)
{
	const char *text = getenv("TEST_SEEDS");

	return text != NULL ? strtoull(text, NULL, 10) : normally;
}

struct transfer {
	struct tcp_pair *pair;
	struct tcp_listener *listener;
	struct tcp_conn *client;
	struct tcp_conn *server;
	struct tcp_stream up;
	struct tcp_stream down;
};

static void client_turn(struct tcp_pair *pair, unsigned host, void *ctx)
{
	struct transfer *t = ctx;

	tcp_stream_write(&t->up, pair->host[host].pool);
	tcp_stream_read(&t->down);
}

static void server_turn(struct tcp_pair *pair, unsigned host, void *ctx)
{
	struct transfer *t = ctx;

	tcp_stream_write(&t->down, pair->host[host].pool);
	tcp_stream_read(&t->up);
}

static bool done(struct tcp_pair *pair, void *ctx)
{
	struct transfer *t = ctx;

	(void)pair;
	return tcp_stream_done(&t->up) && tcp_stream_done(&t->down);
}

static void start(
	struct transfer *t, const struct tcp_pair_options *options, uint64_t up, uint64_t down)
{
	t->pair = tcp_pair_new(options);
	tcp_pair_connect(t->pair, &t->listener, &t->client, &t->server);
	tcp_stream_init(&t->up, t->client, t->server, up, options->seed);
	tcp_stream_init(&t->down, t->server, t->client, down, options->seed + 77);
	t->pair->user[0] = client_turn;
	t->pair->user[1] = server_turn;
	t->pair->user_ctx[0] = t;
	t->pair->user_ctx[1] = t;
}

static void finish(struct transfer *t, uint64_t limit)
{
	struct tcp_pair *pair = t->pair;

	if (!tcp_pair_until(pair, limit, done, t))
		fail_msg("seed %llu: only %llu and %llu bytes arrived",
			(unsigned long long)pair->seed, (unsigned long long)t->up.read,
			(unsigned long long)t->down.read);
	assert_false(t->up.wrong);
	assert_false(t->down.wrong);
	pair->user[0] = NULL;
	pair->user[1] = NULL;
	tcp_close(t->client);
	tcp_close(t->server);
	pair->link = (struct link_model){.delay = NS_PER_MS};
	tcp_pair_run(pair, 200 * NS_PER_SEC);
	for (unsigned i = 0; i < 2; i++) {
		struct tcp_usage usage = tcp_usage(pair->host[i].tcp);

		assert_int_equal(usage.conns, 0);
		assert_int_equal(usage.time_wait, 0);
		assert_int_equal(usage.mem, 0);
	}
	tcp_pair_free(pair);
}

static void run(
	uint64_t seed, const struct link_model *link, uint64_t up, uint64_t down, uint64_t limit)
{
	struct tcp_pair_options options = tcp_pair_options(seed);
	struct transfer t;

	// At 30 % loss one segment in ten thousand is lost 13 times in a row.
	options.tcp[0].data_retries = 40;
	options.tcp[1].data_retries = 40;
	start(&t, &options, up, down);
	t.pair->link = *link;
	finish(&t, limit);
}

static void test_clean_link(void **state)
{
	struct link_model link = {.delay = 5 * NS_PER_MS};
	struct tcp_pair_options options = tcp_pair_options(3);
	struct transfer t;

	(void)state;
	start(&t, &options, 4 << 20, 1 << 20);
	t.pair->link = link;
	assert_true(tcp_pair_until(t.pair, 20 * NS_PER_SEC, done, &t));
	assert_int_equal(t.pair->host[0].stats.stat[STAT_tcp_retrans_segs], 0);
	assert_int_equal(t.pair->host[1].stats.stat[STAT_tcp_retrans_segs], 0);
	// 4 MiB through windows of 256 KiB at 10 ms a round trip: 160 ms plus slow start.
	assert_in_range(t.pair->now.ns, NS_PER_SEC, NS_PER_SEC + 400 * NS_PER_MS);
	finish(&t, NS_PER_SEC);
}

static void test_loss_grid(void **state)
{
	static const uint32_t loss[] = {1000, 10000, 50000, 150000, 300000};

	(void)state;
	for (unsigned i = 0; i < sizeof(loss) / sizeof(loss[0]); i++)
		for (uint64_t seed = 1; seed <= seeds(4); seed++) {
			struct link_model link = {
				.delay = NS_PER_MS, .jitter = 200 * NS_PER_US, .loss = loss[i]};

			run(seed * 100 + i, &link, 300000, 100000, 3600 * NS_PER_SEC);
		}
}

static void test_everything_at_once(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= seeds(12); seed++) {
		struct link_model link = {
			.delay = 2 * NS_PER_MS,
			.jitter = 500 * NS_PER_US,
			.loss = 20000,
			.dup = 30000,
			.reorder = 50000,
			.reorder_delay = 3 * NS_PER_MS,
			.corrupt = 20000,
		};

		run(seed, &link, 400000, 400000, 3600 * NS_PER_SEC);
	}
}

// A reader that gives back 100 bytes a turn closes the window again and again.
static void test_slow_reader(void **state)
{
	struct tcp_pair_options options = tcp_pair_options(5);
	struct transfer t;

	(void)state;
	options.tcp[1].rcv_buf = 8192;
	start(&t, &options, 200000, 0);
	t.up.read_max = 100;
	finish(&t, 3600 * NS_PER_SEC);
}

static void test_tiny_buffers(void **state)
{
	struct tcp_pair_options options = tcp_pair_options(6);
	struct transfer t;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		options.tcp[i].rcv_buf = 2000;
		options.tcp[i].snd_buf = 3000;
	}
	start(&t, &options, 100000, 100000);
	t.pair->link.loss = 20000;
	finish(&t, 3600 * NS_PER_SEC);
}

static void test_without_options(void **state)
{
	struct tcp_pair_options options = tcp_pair_options(7);
	struct transfer t;

	(void)state;
	options.tcp[0].timestamps = false;
	options.tcp[1].window_scaling = false;
	start(&t, &options, 300000, 300000);
	t.pair->link.loss = 30000;
	finish(&t, 3600 * NS_PER_SEC);
}

static void test_jumbo_frames(void **state)
{
	struct tcp_pair_options options = tcp_pair_options(8);
	struct transfer t;

	(void)state;
	options.mtu = 9000;
	start(&t, &options, 2000000, 0);
	t.up.chunk_max = 30000;
	t.pair->link.loss = 10000;
	finish(&t, 600 * NS_PER_SEC);
}

// Large packets that the device cuts, with losses, in few and in many pieces, over both families of
// sizes of a device.
static void test_device_cuts(void **state)
{
	static const struct {
		uint32_t max;
		uint16_t segs;
		uint32_t chunk;
	} devices[] = {{65000, 64, 30000}, {9000, 4, 4000}, {65000, 40, 400}, {3000, 3, 60000}};

	(void)state;
	for (unsigned i = 0; i < RTE_DIM(devices); i++) {
		struct tcp_pair_options options = tcp_pair_options(20 + i);
		struct transfer t;

		options.tso[0] = devices[i].max;
		options.tso[1] = devices[i].max;
		options.tso_segs = devices[i].segs;
		start(&t, &options, 2000000, 300000);
		t.up.chunk_max = devices[i].chunk;
		t.pair->link = (struct link_model){.delay = NS_PER_MS,
			.loss = i % 2 * 20000,
			.reorder = 10000,
			.reorder_delay = NS_PER_MS / 2};
		if (!tcp_pair_until(t.pair, 600 * NS_PER_SEC, done, &t))
			fail_msg("device %u: not done", i);
		assert_true(t.pair->cuts > 50);
		// As many segments are counted as frames were seen.
		assert_true(t.pair->host[0].stats.stat[STAT_tcp_out_segs] >= t.pair->sent[0]);
		assert_true(t.pair->host[0].stats.stat[STAT_tcp_out_segs] <= t.pair->sent[0] + 2);
		finish(&t, 600 * NS_PER_SEC);
	}
}

// Buffers run out at both ends: it goes slower and does not stand still.
static void test_out_of_mbufs(void **state)
{
	struct tcp_pair_options options = tcp_pair_options(9);
	struct transfer t;

	(void)state;
	options.mbufs = 220;
	for (unsigned i = 0; i < 2; i++)
		options.tcp[i].mem_max = 120 * 2304;
	start(&t, &options, 300000, 0);
	t.pair->link.delay = 3 * NS_PER_MS;
	finish(&t, 3600 * NS_PER_SEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clean_link),
		cmocka_unit_test(test_loss_grid),
		cmocka_unit_test(test_everything_at_once),
		cmocka_unit_test(test_slow_reader),
		cmocka_unit_test(test_tiny_buffers),
		cmocka_unit_test(test_without_options),
		cmocka_unit_test(test_jumbo_frames),
		cmocka_unit_test(test_device_cuts),
		cmocka_unit_test(test_out_of_mbufs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
