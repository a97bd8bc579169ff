// The plain life of connections between two whole stacks.
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "tests/support/tcp_pair.h"

struct fixture {
	struct tcp_pair *pair;
	struct tcp_listener *listener;
	struct tcp_conn *client;
	struct tcp_conn *server;
};

static int setup(void **state)
{
	struct tcp_pair_options options = tcp_pair_options(1);
	struct fixture *f = calloc(1, sizeof(*f));

	f->pair = tcp_pair_new(&options);
	tcp_pair_connect(f->pair, &f->listener, &f->client, &f->server);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	tcp_pair_free(f->pair);
	free(f);
	return 0;
}

static void assert_all_gone(struct tcp_pair *pair)
{
	for (unsigned i = 0; i < 2; i++) {
		struct tcp_usage usage = tcp_usage(pair->host[i].tcp);

		assert_int_equal(usage.conns, 0);
		assert_int_equal(usage.half_open, 0);
		assert_int_equal(usage.time_wait, 0);
		assert_int_equal(usage.mem, 0);
	}
}

static void test_connect_is_told(void **state)
{
	struct tcp_pair_options options = tcp_pair_options(2);
	struct tcp_pair *pair = tcp_pair_new(&options);
	struct tcp_listener *listener;
	struct tcp_conn *client;

	(void)state;
	assert_int_equal(tcp_listen(pair->host[1].tcp, NULL, 8102, 4, &listener), 0);
	assert_int_equal(
		tcp_connect(pair->host[0].tcp, &pair->host[1].addr, 8102, 0, pair->now, &client),
		0);
	assert_null(tcp_accept(listener));
	tcp_pair_run(pair, NS_PER_MS);
	assert_int_equal(tcp_pair_events(pair, 0, client), TCP_CONNECTED);
	assert_non_null(tcp_accept(listener));
	assert_null(tcp_accept(listener));
	tcp_pair_free(pair);
}

static void test_request_and_reply(void **state)
{
	struct fixture *f = *state;
	char buf[64];

	assert_true(tcp_send_copy(f->client, "GET", 3));
	tcp_pair_run(f->pair, NS_PER_MS);
	assert_int_equal(tcp_pair_events(f->pair, 1, f->server), TCP_READABLE);
	assert_int_equal(tcp_pair_read(f->server, buf, sizeof(buf)), 3);
	assert_memory_equal(buf, "GET", 3);
	assert_true(tcp_send_copy(f->server, "value", 5));
	tcp_pair_run(f->pair, NS_PER_MS);
	assert_int_equal(tcp_pair_events(f->pair, 0, f->client), TCP_READABLE);
	assert_int_equal(tcp_pair_read(f->client, buf, sizeof(buf)), 5);
	assert_memory_equal(buf, "value", 5);
}

static void answer(struct tcp_pair *pair, unsigned host, void *ctx)
{
	struct fixture *f = ctx;
	char buf[64];

	(void)pair;
	(void)host;
	if (tcp_pair_read(f->server, buf, sizeof(buf)) > 0)
		assert_true(tcp_send_copy(f->server, "+OK\r\n", 5));
}

// A reply that is made in the turn of its request carries the ACK: one segment.
static void test_ack_rides_on_the_reply(void **state)
{
	struct fixture *f = *state;
	uint64_t sent = f->pair->sent[1];

	f->pair->user[1] = answer;
	f->pair->user_ctx[1] = f;
	assert_true(tcp_send_copy(f->client, "PING\r\n", 6));
	tcp_pair_run(f->pair, 10 * NS_PER_MS);
	assert_int_equal(f->pair->sent[1] - sent, 1);
	assert_int_equal(tcp_pair_read(f->client, NULL, 0), 5);
}

static void test_client_closes_first(void **state)
{
	struct fixture *f = *state;

	tcp_close(f->client);
	tcp_pair_run(f->pair, 10 * NS_PER_MS);
	assert_int_equal(tcp_pair_events(f->pair, 1, f->server), TCP_EOF);
	tcp_close(f->server);
	tcp_pair_run(f->pair, 10 * NS_PER_MS);
	assert_int_equal(tcp_usage(f->pair->host[0].tcp).time_wait, 1);
	assert_int_equal(tcp_usage(f->pair->host[0].tcp).conns, 0);
	assert_int_equal(tcp_usage(f->pair->host[1].tcp).conns, 0);
	tcp_pair_run(f->pair, 61 * NS_PER_SEC);
	assert_all_gone(f->pair);
}

static void test_both_close_at_once(void **state)
{
	struct fixture *f = *state;

	tcp_close(f->client);
	tcp_close(f->server);
	tcp_pair_run(f->pair, 10 * NS_PER_MS);
	assert_int_equal(tcp_usage(f->pair->host[0].tcp).time_wait, 1);
	assert_int_equal(tcp_usage(f->pair->host[1].tcp).time_wait, 1);
	tcp_pair_run(f->pair, 61 * NS_PER_SEC);
	assert_all_gone(f->pair);
}

static void test_refused(void **state)
{
	struct fixture *f = *state;
	struct tcp_conn *conn;

	assert_int_equal(tcp_connect(f->pair->host[0].tcp, &f->pair->host[1].addr, 9, 0,
				 f->pair->now, &conn),
		0);
	tcp_pair_run(f->pair, 10 * NS_PER_MS);
	assert_int_equal(tcp_pair_events(f->pair, 0, conn), TCP_CLOSED);
	assert_int_equal(tcp_error(conn), ECONNREFUSED);
	tcp_close(conn);
}

static void test_lost_segment_is_sent_again(void **state)
{
	struct fixture *f = *state;

	f->pair->link.down = true;
	assert_true(tcp_send_copy(f->client, "x", 1));
	tcp_pair_run(f->pair, 100 * NS_PER_MS);
	f->pair->link.down = false;
	tcp_pair_run(f->pair, 200 * NS_PER_MS);
	assert_int_equal(tcp_pair_read(f->server, NULL, 0), 1);
	// A probe comes before the time-out, and as late when it is of a single segment.
	assert_int_equal(f->pair->host[0].stats.stat[STAT_tcp_loss_probes], 1);
	assert_int_equal(f->pair->host[0].stats.stat[STAT_tcp_rto], 0);
	assert_int_equal(f->pair->host[0].stats.stat[STAT_tcp_retrans_segs], 1);
}

static void test_abort_is_a_reset(void **state)
{
	struct fixture *f = *state;

	tcp_abort(f->client);
	tcp_pair_run(f->pair, 10 * NS_PER_MS);
	assert_int_equal(tcp_pair_events(f->pair, 1, f->server), TCP_CLOSED);
	assert_int_equal(tcp_error(f->server), ECONNRESET);
	tcp_close(f->server);
	assert_all_gone(f->pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connect_is_told),
		cmocka_unit_test_setup_teardown(test_request_and_reply, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ack_rides_on_the_reply, setup, teardown),
		cmocka_unit_test_setup_teardown(test_client_closes_first, setup, teardown),
		cmocka_unit_test_setup_teardown(test_both_close_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lost_segment_is_sent_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_abort_is_a_reset, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
