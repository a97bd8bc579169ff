// Every way for a connection to end, and what is left of it: nothing.
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>

#include "tests/support/tcp_pair.h"

struct fixture {
	struct tcp_pair *pair;
	struct tcp_listener *listener;
	struct tcp_conn *end[2];
};

static void connect_with(struct fixture *f, const struct tcp_pair_options *options)
{
	f->pair = tcp_pair_new(options);
	tcp_pair_connect(f->pair, &f->listener, &f->end[0], &f->end[1]);
}

static void connect_default(struct fixture *f, uint64_t seed)
{
	struct tcp_pair_options options = tcp_pair_options(seed);

	connect_with(f, &options);
}

// All timers run out; nothing may be left, and all packet buffers must be back.
static void finish(struct fixture *f)
{
	tcp_pair_run(f->pair, 200 * NS_PER_SEC);
	for (unsigned i = 0; i < 2; i++) {
		struct tcp_usage usage = tcp_usage(f->pair->host[i].tcp);

		assert_int_equal(usage.conns, 0);
		assert_int_equal(usage.half_open, 0);
		assert_int_equal(usage.time_wait, 0);
		assert_int_equal(usage.mem, 0);
		assert_int_equal(f->pair->host[i].stats.stat[STAT_tcp_curr_estab], 0);
		assert_int_equal(f->pair->host[i].stats.stat[STAT_tcp_time_wait], 0);
	}
	tcp_pair_free(f->pair);
}

static unsigned events(struct fixture *f, unsigned i)
{
	return tcp_pair_events(f->pair, i, f->end[i]);
}

static void settle(struct fixture *f)
{
	tcp_pair_run(f->pair, 10 * NS_PER_MS);
}

static void test_either_end_first(void **state)
{
	(void)state;
	for (unsigned first = 0; first < 2; first++) {
		struct fixture f;

		connect_default(&f, first);
		tcp_close(f.end[first]);
		settle(&f);
		assert_int_equal(events(&f, !first), TCP_EOF);
		tcp_close(f.end[!first]);
		settle(&f);
		assert_int_equal(tcp_usage(f.pair->host[first].tcp).time_wait, 1);
		assert_int_equal(tcp_usage(f.pair->host[!first].tcp).time_wait, 0);
		finish(&f);
	}
}

static void test_half_close(void **state)
{
	struct fixture f;
	char buf[8];

	(void)state;
	connect_default(&f, 1);
	tcp_shutdown(f.end[0]);
	assert_false(tcp_send_copy(f.end[0], "x", 1));
	settle(&f);
	assert_int_equal(events(&f, 1), TCP_EOF);
	// The other direction lives on, for as long as it likes.
	tcp_pair_run(f.pair, 300 * NS_PER_SEC);
	assert_true(tcp_send_copy(f.end[1], "late", 4));
	settle(&f);
	assert_int_equal(events(&f, 0), TCP_READABLE);
	assert_int_equal(tcp_pair_read(f.end[0], buf, sizeof(buf)), 4);
	tcp_shutdown(f.end[1]);
	settle(&f);
	assert_int_equal(events(&f, 0), TCP_EOF | TCP_CLOSED);
	assert_int_equal(tcp_error(f.end[0]), 0);
	assert_int_equal(events(&f, 1), TCP_CLOSED);
	tcp_close(f.end[0]);
	tcp_close(f.end[1]);
	finish(&f);
}

// Bytes that came before the end stay readable after it.
static void test_unread_bytes_outlive_the_connection(void **state)
{
	struct fixture f;
	char buf[8];

	(void)state;
	connect_default(&f, 2);
	tcp_shutdown(f.end[0]);
	assert_true(tcp_send_copy(f.end[1], "bye", 3));
	tcp_shutdown(f.end[1]);
	settle(&f);
	assert_int_equal(events(&f, 0), TCP_READABLE | TCP_EOF | TCP_CLOSED);
	assert_int_equal(tcp_pair_read(f.end[0], buf, sizeof(buf)), 3);
	tcp_close(f.end[0]);
	tcp_close(f.end[1]);
	finish(&f);
}

static void test_simultaneous_close(void **state)
{
	struct fixture f;

	(void)state;
	connect_default(&f, 3);
	tcp_close(f.end[0]);
	tcp_close(f.end[1]);
	settle(&f);
	assert_int_equal(tcp_usage(f.pair->host[0].tcp).time_wait, 1);
	assert_int_equal(tcp_usage(f.pair->host[1].tcp).time_wait, 1);
	finish(&f);
}

// All orders again, while one frame in three is lost.
static void test_orders_over_a_bad_link(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct fixture f;
		unsigned first = seed & 1;

		connect_default(&f, seed);
		f.pair->link.loss = 330000;
		f.pair->link.dup = 100000;
		tcp_send_copy(f.end[first], "data", 4);
		switch (seed % 3) {
		case 0:
			tcp_close(f.end[0]);
			tcp_close(f.end[1]);
			break;
		case 1:
			tcp_shutdown(f.end[first]);
			tcp_pair_run(f.pair, seed * NS_PER_MS);
			tcp_shutdown(f.end[!first]);
			tcp_pair_run(f.pair, 900 * NS_PER_SEC);
			tcp_close(f.end[0]);
			tcp_close(f.end[1]);
			break;
		default:
			tcp_close(f.end[first]);
			tcp_pair_run(f.pair, 900 * NS_PER_SEC);
			tcp_pair_read(f.end[!first], NULL, 0);
			tcp_close(f.end[!first]);
		}
		tcp_pair_run(f.pair, 1000 * NS_PER_SEC);
		finish(&f);
	}
}

// RFC 2525 §2.17.
static void test_close_with_unread_bytes_resets(void **state)
{
	struct fixture f;

	(void)state;
	connect_default(&f, 4);
	tcp_send_copy(f.end[0], "unread", 6);
	settle(&f);
	tcp_close(f.end[1]);
	settle(&f);
	assert_int_equal(events(&f, 0), TCP_CLOSED);
	assert_int_equal(tcp_error(f.end[0]), ECONNRESET);
	tcp_close(f.end[0]);
	finish(&f);
}

static void test_bytes_after_close_are_answered_by_reset(void **state)
{
	struct fixture f;

	(void)state;
	connect_default(&f, 5);
	tcp_close(f.end[1]);
	settle(&f);
	assert_int_equal(events(&f, 0), TCP_EOF);
	tcp_send_copy(f.end[0], "too late", 8);
	settle(&f);
	assert_int_equal(events(&f, 0), TCP_CLOSED);
	assert_int_equal(tcp_error(f.end[0]), ECONNRESET);
	tcp_close(f.end[0]);
	finish(&f);
}

// What was queued goes out before the FIN, however much it is.
static void test_close_sends_the_rest(void **state)
{
	struct fixture f;
	char block[1000] = {0};
	size_t got = 0;

	(void)state;
	connect_default(&f, 6);
	for (int i = 0; i < 100; i++)
		assert_true(tcp_send_copy(f.end[0], block, sizeof(block)));
	tcp_close(f.end[0]);
	for (int i = 0; i < 100; i++) {
		settle(&f);
		got += tcp_pair_read(f.end[1], NULL, 0);
	}
	assert_int_equal(got, 100 * sizeof(block));
	assert_true(events(&f, 1) & TCP_EOF);
	tcp_close(f.end[1]);
	finish(&f);
}

static void test_fin_wait_2_of_an_orphan_ends(void **state)
{
	struct tcp_pair_options options = tcp_pair_options(7);
	struct fixture f;

	(void)state;
	options.tcp[0].fin_wait_2 = 5 * NS_PER_SEC;
	connect_with(&f, &options);
	tcp_close(f.end[0]);
	tcp_pair_run(f.pair, 4 * NS_PER_SEC);
	assert_int_equal(tcp_usage(f.pair->host[0].tcp).conns, 1);
	tcp_pair_run(f.pair, 2 * NS_PER_SEC);
	assert_int_equal(tcp_usage(f.pair->host[0].tcp).conns, 0);
	tcp_close(f.end[1]);
	finish(&f);
}

static void test_peer_that_vanished(void **state)
{
	struct tcp_pair_options options = tcp_pair_options(8);
	struct fixture f;

	(void)state;
	options.tcp[0].data_retries = 5;
	connect_with(&f, &options);
	f.pair->link.down = true;
	tcp_send_copy(f.end[0], "hello?", 6);
	tcp_pair_run(f.pair, 60 * NS_PER_SEC);
	assert_int_equal(events(&f, 0), TCP_CLOSED);
	assert_int_equal(tcp_error(f.end[0]), ETIMEDOUT);
	assert_int_equal(f.pair->host[0].stats.stat[STAT_tcp_rto], 5);
	// A probe, and each time-out but the one that gave up.
	assert_int_equal(f.pair->host[0].stats.stat[STAT_tcp_retrans_segs], 6);
	tcp_close(f.end[0]);
	f.pair->link.down = false;
	tcp_abort(f.end[1]);
	finish(&f);
}

static void test_close_before_connected(void **state)
{
	struct tcp_pair_options options = tcp_pair_options(9);
	struct fixture f = {.pair = tcp_pair_new(&options)};
	struct tcp_conn *conn;

	(void)state;
	assert_int_equal(tcp_connect(f.pair->host[0].tcp, &f.pair->host[1].addr, 8102, 0,
				 f.pair->now, &conn),
		0);
	tcp_pair_run(f.pair, 50 * NS_PER_US);
	tcp_close(conn);
	finish(&f);
}

static void test_unlisten_resets_those_who_wait(void **state)
{
	struct fixture f;
	struct tcp_conn *waiting;

	(void)state;
	connect_default(&f, 10);
	assert_int_equal(tcp_connect(f.pair->host[0].tcp, &f.pair->host[1].addr, 8102, 0,
				 f.pair->now, &waiting),
		0);
	settle(&f);
	tcp_unlisten(f.listener);
	settle(&f);
	assert_int_equal(tcp_pair_events(f.pair, 0, waiting), TCP_CONNECTED | TCP_CLOSED);
	assert_int_equal(tcp_error(waiting), ECONNRESET);
	tcp_close(waiting);
	// Those that were accepted live on.
	assert_true(tcp_send_copy(f.end[0], "x", 1));
	settle(&f);
	assert_int_equal(tcp_pair_read(f.end[1], NULL, 0), 1);
	tcp_close(f.end[0]);
	tcp_close(f.end[1]);
	finish(&f);
}

static void test_free_with_everything_open(void **state)
{
	struct fixture f;
	char block[5000] = {0};

	(void)state;
	connect_default(&f, 11);
	tcp_send_copy(f.end[0], block, sizeof(block));
	tcp_pair_turn(f.pair);
	tcp_send_copy(f.end[1], block, sizeof(block));
	tcp_pair_free(f.pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_either_end_first),
		cmocka_unit_test(test_half_close),
		cmocka_unit_test(test_unread_bytes_outlive_the_connection),
		cmocka_unit_test(test_simultaneous_close),
		cmocka_unit_test(test_orders_over_a_bad_link),
		cmocka_unit_test(test_close_with_unread_bytes_resets),
		cmocka_unit_test(test_bytes_after_close_are_answered_by_reset),
		cmocka_unit_test(test_close_sends_the_rest),
		cmocka_unit_test(test_fin_wait_2_of_an_orphan_ends),
		cmocka_unit_test(test_peer_that_vanished),
		cmocka_unit_test(test_close_before_connected),
		cmocka_unit_test(test_unlisten_resets_those_who_wait),
		cmocka_unit_test(test_free_with_everything_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
