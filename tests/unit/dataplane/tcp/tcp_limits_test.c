// What is bounded stays bounded, and whoever met the bound goes on when there is room again.
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>

#include <rte_mempool.h>

#include "tests/support/eal.h"
#include "tests/support/tcp_pair.h"

struct fixture {
	struct tcp_pair *pair;
	struct tcp_listener *listener;
	struct tcp_conn *client;
	struct tcp_conn *server;
};

static void connect_with(struct fixture *f, const struct tcp_pair_options *options)
{
	f->pair = tcp_pair_new(options);
	tcp_pair_connect(f->pair, &f->listener, &f->client, &f->server);
}

static void finish(struct fixture *f)
{
	tcp_abort(f->client);
	tcp_abort(f->server);
	assert_int_equal(tcp_usage(f->pair->host[0].tcp).mem, 0);
	assert_int_equal(tcp_usage(f->pair->host[1].tcp).mem, 0);
	tcp_pair_free(f->pair);
}

// A known bug of another stack: segments of one byte that nobody reads exhausted its pool.
static void test_single_byte_segments_pin_little(void **state)
{
	struct tcp_pair_options options = tcp_pair_options(1);
	struct fixture f;
	unsigned before;

	(void)state;
	connect_with(&f, &options);
	before = test_pool_in_use(f.pair->host[1].pool);
	for (int i = 0; i < 2000; i++) {
		assert_true(tcp_send_copy(f.client, "x", 1));
		tcp_pair_run(f.pair, NS_PER_MS);
	}
	assert_in_range(test_pool_in_use(f.pair->host[1].pool) - before, 1, 10);
	assert_int_equal(tcp_pair_read(f.server, NULL, 0), 2000);
	finish(&f);
}

// Nobody reads: the window closes at rcv_buf, and opens again when somebody does.
static void test_receive_buffer(void **state)
{
	struct tcp_pair_options options = tcp_pair_options(2);
	struct fixture f;
	char block[1000] = {0};
	size_t got;

	(void)state;
	options.tcp[1].rcv_buf = 20000;
	connect_with(&f, &options);
	for (int i = 0; i < 100; i++)
		assert_true(tcp_send_copy(f.client, block, sizeof(block)));
	tcp_pair_run(f.pair, 5 * NS_PER_SEC);
	got = tcp_pair_read(f.server, NULL, 0);
	assert_in_range(got, 20000 - 1460, 20000);
	while (got < 100 * sizeof(block)) {
		tcp_pair_run(f.pair, NS_PER_SEC);
		got += tcp_pair_read(f.server, NULL, 0);
	}
	finish(&f);
}

static void test_send_room_and_writable(void **state)
{
	struct tcp_pair_options options = tcp_pair_options(3);
	struct fixture f;
	char block[1000] = {0};

	(void)state;
	options.tcp[0].snd_buf = 10000;
	connect_with(&f, &options);
	assert_int_equal(tcp_send_room(f.client), 10000);
	for (int i = 0; i < 9; i++)
		tcp_send_copy(f.client, block, sizeof(block));
	assert_int_equal(tcp_unacked(f.client), 9000);
	assert_int_equal(tcp_send_room(f.client), 1000);
	tcp_want_acked(f.client);
	tcp_pair_run(f.pair, 10 * NS_PER_MS);
	assert_int_equal(tcp_pair_events(f.pair, 0, f.client), TCP_WRITABLE | TCP_ACKED);
	assert_int_equal(tcp_send_room(f.client), 10000);
	// Each was asked for once.
	tcp_send_copy(f.client, block, sizeof(block));
	tcp_pair_run(f.pair, 10 * NS_PER_MS);
	assert_int_equal(tcp_pair_events(f.pair, 0, f.client), 0);
	// At once when there is nothing to wait for.
	tcp_want_acked(f.client);
	assert_int_equal(tcp_pair_events(f.pair, 0, f.client), TCP_ACKED);
	finish(&f);
}

// Memory is short for all: nobody gets room, and those who asked hear of it when it is back.
static void test_memory_bound(void **state)
{
	struct tcp_pair_options options = tcp_pair_options(4);
	struct fixture f;
	char block[2000] = {0};
	uint32_t sent = 0;

	(void)state;
	options.tcp[0].mem_max = 100000;
	options.tcp[0].snd_buf = 1 << 20;
	connect_with(&f, &options);
	f.pair->link.down = true;
	while (tcp_send_room(f.client) > 0 && sent < 1 << 20) {
		assert_true(tcp_send_copy(f.client, block, sizeof(block)));
		sent += sizeof(block);
	}
	assert_in_range(tcp_usage(f.pair->host[0].tcp).mem, 75000, 100000);
	tcp_pair_run(f.pair, 10 * NS_PER_MS);
	assert_int_equal(tcp_pair_events(f.pair, 0, f.client), 0);
	f.pair->link.down = false;
	tcp_pair_run(f.pair, 2 * NS_PER_SEC);
	assert_int_equal(tcp_pair_events(f.pair, 0, f.client), TCP_WRITABLE);
	assert_int_equal(tcp_pair_read(f.server, NULL, 0), sent);
	finish(&f);
}

static void test_connection_limit(void **state)
{
	struct tcp_pair_options options = tcp_pair_options(5);
	struct fixture f;
	struct tcp_conn *more;

	(void)state;
	options.tcp[0].conns_max = 1;
	connect_with(&f, &options);
	assert_int_equal(tcp_connect(f.pair->host[0].tcp, &f.pair->host[1].addr, 8102, 0,
				 f.pair->now, &more),
		-ENOMEM);
	assert_int_equal(tcp_connect(f.pair->host[0].tcp, &f.pair->host[1].addr, 8102,
				 tcp_conn_endpoints(f.client).local_port, f.pair->now, &more),
		-EADDRINUSE);
	finish(&f);
}

static void test_oldest_time_wait_gives_way(void **state)
{
	struct tcp_pair_options options = tcp_pair_options(6);
	struct tcp_pair *pair;
	struct tcp_listener *listener;

	(void)state;
	options.tcp[0].time_wait_max = 3;
	pair = tcp_pair_new(&options);
	assert_int_equal(tcp_listen(pair->host[1].tcp, NULL, 8102, 4, &listener), 0);
	for (int i = 0; i < 10; i++) {
		struct tcp_conn *client;
		struct tcp_conn *server;

		assert_int_equal(tcp_connect(pair->host[0].tcp, &pair->host[1].addr, 8102, 0,
					 pair->now, &client),
			0);
		tcp_pair_run(pair, 5 * NS_PER_MS);
		server = tcp_accept(listener);
		assert_non_null(server);
		tcp_close(client);
		tcp_pair_run(pair, 5 * NS_PER_MS);
		tcp_close(server);
		tcp_pair_run(pair, 5 * NS_PER_MS);
		assert_in_range(tcp_usage(pair->host[0].tcp).time_wait, 1, 3);
	}
	tcp_pair_run(pair, 100 * NS_PER_SEC);
	assert_int_equal(tcp_usage(pair->host[0].tcp).time_wait, 0);
	tcp_pair_free(pair);
}

// The transmit queue is full: tcp_output says so, and the rest goes out later.
static void test_no_room_in_the_transmit_queue(void **state)
{
	struct tcp_pair_options options = tcp_pair_options(7);
	struct fixture f;
	struct rte_mbuf *frames[NET_BURST];
	char block[1400] = {0};
	bool all = true;
	unsigned n;

	(void)state;
	options.tcp[0].snd_buf = 16 << 20;
	options.tcp[1].rcv_buf = 16 << 20;
	options.mbufs = 8000;
	connect_with(&f, &options);
	// Open the congestion window first.
	for (int i = 0; i < 3500; i++)
		tcp_send_copy(f.client, block, sizeof(block));
	tcp_pair_run(f.pair, 50 * NS_PER_MS);
	assert_int_equal(tcp_pair_read(f.server, NULL, 0), 3500 * sizeof(block));
	tcp_pair_run(f.pair, NS_PER_MS);
	for (int i = 0; i < 2000; i++)
		tcp_send_copy(f.client, block, sizeof(block));
	for (int i = 0; i < 40 && all; i++)
		all = tcp_output(f.pair->host[0].tcp, f.pair->now);
	assert_false(all);
	while ((n = net_collect(f.pair->host[0].net, frames, NET_BURST)) > 0)
		rte_pktmbuf_free_bulk(frames, n); // lost
	tcp_pair_run(f.pair, 120 * NS_PER_SEC);
	assert_int_equal(tcp_pair_read(f.server, NULL, 0), 2000 * sizeof(block));
	finish(&f);
}

static void test_ipv6(void **state)
{
	struct tcp_pair_options options = tcp_pair_options(8);
	struct tcp_pair *pair = tcp_pair_new(&options);
	struct tcp_listener *listener;
	struct tcp_conn *client;
	struct tcp_conn *server;
	struct tcp_endpoints ends;
	char block[5000] = {1};

	(void)state;
	assert_int_equal(
		tcp_listen(pair->host[1].tcp, &pair->host[1].addr6, 8102, 4, &listener), 0);
	assert_int_equal(
		tcp_connect(pair->host[0].tcp, &pair->host[1].addr6, 8102, 0, pair->now, &client),
		0);
	tcp_pair_run(pair, 2 * NS_PER_SEC);
	assert_int_equal(tcp_pair_events(pair, 0, client), TCP_CONNECTED);
	server = tcp_accept(listener);
	assert_non_null(server);
	ends = tcp_conn_endpoints(server);
	assert_true(ip_addr_eq(&ends.remote, &pair->host[0].addr6));
	assert_int_equal(ends.local_port, 8102);
	assert_true(tcp_send_copy(client, block, sizeof(block)));
	tcp_pair_run(pair, 10 * NS_PER_MS);
	assert_int_equal(tcp_pair_read(server, NULL, 0), sizeof(block));
	tcp_close(client);
	tcp_close(server);
	tcp_pair_run(pair, 100 * NS_PER_SEC);
	assert_int_equal(tcp_usage(pair->host[0].tcp).conns, 0);
	tcp_pair_free(pair);
}

// Several listeners; one that is bound to an address does not answer for another.
static void test_listeners(void **state)
{
	struct tcp_pair_options options = tcp_pair_options(9);
	struct tcp_pair *pair = tcp_pair_new(&options);
	struct tcp *tcp = pair->host[1].tcp;
	struct tcp_listener *bound;
	struct tcp_listener *other;
	struct tcp_conn *conn;

	(void)state;
	assert_int_equal(tcp_listen(tcp, &pair->host[1].addr6, 8102, 4, &bound), 0);
	assert_int_equal(tcp_listen(tcp, NULL, 8102, 4, &other), -EADDRINUSE);
	assert_int_equal(tcp_listen(tcp, NULL, 8101, 4, &other), 0);
	assert_int_equal(
		tcp_connect(pair->host[0].tcp, &pair->host[1].addr, 8102, 0, pair->now, &conn), 0);
	tcp_pair_run(pair, 10 * NS_PER_MS);
	assert_int_equal(tcp_pair_events(pair, 0, conn), TCP_CLOSED);
	tcp_close(conn);
	tcp_unlisten(bound);
	assert_int_equal(tcp_listen(tcp, NULL, 8102, 4, &bound), 0);
	tcp_pair_free(pair);
}

// Ten thousand connections, each with a request and a reply, and nothing left of them.
static void test_ten_thousand_connections(void **state)
{
	enum { N = 10000 };
	struct tcp_pair_options options = tcp_pair_options(10);
	struct tcp_pair *pair;
	struct tcp_listener *listener;
	struct tcp_conn **conns = calloc(2 * N, sizeof(*conns));

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		options.tcp[i].conns_max = N;
		options.tcp[i].half_open_max = 256;
		options.tcp[i].time_wait_max = N;
	}
	pair = tcp_pair_new(&options);
	assert_int_equal(tcp_listen(pair->host[1].tcp, NULL, 8102, 256, &listener), 0);
	for (unsigned i = 0; i < N; i += 200) {
		for (unsigned k = i; k < i + 200; k++)
			assert_int_equal(tcp_connect(pair->host[0].tcp, &pair->host[1].addr, 8102,
						 0, pair->now, &conns[k]),
				0);
		// The first ones wait for ARP, some of them longer than its queue.
		tcp_pair_run(pair, i == 0 ? 2 * NS_PER_SEC : NS_PER_MS);
		for (unsigned k = i; k < i + 200; k++) {
			conns[N + k] = tcp_accept(listener);
			assert_non_null(conns[N + k]);
		}
	}
	assert_int_equal(tcp_usage(pair->host[1].tcp).conns, N);
	for (unsigned i = 0; i < N; i += 200) {
		for (unsigned k = i; k < i + 200; k++) {
			assert_true(tcp_send_copy(conns[k], "ping", 4));
			assert_true(tcp_send_copy(conns[N + k], "pong", 4));
		}
		tcp_pair_run(pair, NS_PER_MS);
		for (unsigned k = i; k < i + 200; k++) {
			assert_int_equal(tcp_pair_read(conns[k], NULL, 0), 4);
			assert_int_equal(tcp_pair_read(conns[N + k], NULL, 0), 4);
		}
	}
	for (unsigned k = 0; k < 2 * N; k++)
		tcp_close(conns[k]);
	tcp_pair_run(pair, 200 * NS_PER_SEC);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(tcp_usage(pair->host[i].tcp).conns, 0);
		assert_int_equal(tcp_usage(pair->host[i].tcp).mem, 0);
	}
	tcp_pair_free(pair);
	free(conns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_single_byte_segments_pin_little),
		cmocka_unit_test(test_receive_buffer),
		cmocka_unit_test(test_send_room_and_writable),
		cmocka_unit_test(test_memory_bound),
		cmocka_unit_test(test_connection_limit),
		cmocka_unit_test(test_oldest_time_wait_gives_way),
		cmocka_unit_test(test_no_room_in_the_transmit_queue),
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_listeners),
		cmocka_unit_test(test_ten_thousand_connections),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
