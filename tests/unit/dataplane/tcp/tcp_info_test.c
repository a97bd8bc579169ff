// What is told about connections is true, and going through them meets each once, whatever comes
// and goes meanwhile. And the trace: what happens to a connection is in it.
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "dataplane/tcp/tcp_info.h"
#include "tests/support/tcp_pair.h"

#define CONNS 300

static const struct tcp_info_filter ALL = {.state = -1};
static struct conn_info page[CONNS];
static struct tcp_conn *clients[CONNS];

struct fixture {
	struct tcp_pair *pair;
	struct tcp_listener *listener;
	struct tcp_conn *client;
	struct tcp_conn *server;
};

static struct fixture connected(uint64_t seed)
{
	struct tcp_pair_options options = tcp_pair_options(seed);
	struct fixture f = {0};

	f.pair = tcp_pair_new(&options);
	f.pair->link.delay = 20 * NS_PER_MS;
	assert_int_equal(tcp_listen(f.pair->host[1].tcp, NULL, 8102, 1, &f.listener), 0);
	assert_int_equal(tcp_connect(f.pair->host[0].tcp, &f.pair->host[1].addr, 8102, 0,
				 f.pair->now, &f.client),
		0);
	tcp_pair_run(f.pair, 200 * NS_PER_MS);
	f.server = tcp_accept(f.listener);
	assert_non_null(f.server);
	return f;
}

static uint64_t num(const struct conn_info *info, enum conn_num which)
{
	return info->num[which];
}

static void facts_are_those_of_the_connection(void **state)
{
	struct fixture f = connected(1);
	struct conn_info c;
	struct conn_info s;
	char block[5000] = {0};

	(void)state;
	assert_true(tcp_send_copy(f.client, block, sizeof(block)));
	tcp_pair_run(f.pair, NS_PER_SEC);
	tcp_info(f.client, &c);
	tcp_info(f.server, &s);
	assert_int_equal(c.state, CONN_ESTABLISHED);
	assert_int_equal(c.local_port, s.remote_port);
	assert_int_equal(c.remote_port, s.local_port);
	assert_true(ip_addr_eq(&c.local, &s.remote));
	assert_true(ip_addr_eq(&c.remote, &f.pair->host[1].addr));
	assert_in_range(num(&c, CONN_NUM_srtt_us), 40000, 60000);
	assert_true(num(&c, CONN_NUM_rto_us) >= 200000);
	assert_true(num(&c, CONN_NUM_cwnd_bytes) >= 10 * num(&c, CONN_NUM_mss_bytes));
	assert_int_equal(num(&c, CONN_NUM_mss_bytes), 1448);
	assert_int_equal(num(&c, CONN_NUM_pmtu_bytes), 1500);
	assert_int_equal(c.options & (1u << CONN_OPTION_TIMESTAMPS), 1u << CONN_OPTION_TIMESTAMPS);
	assert_int_equal(c.options & (1u << CONN_OPTION_WSCALE), 1u << CONN_OPTION_WSCALE);
	assert_int_equal(c.phase, CONN_PHASE_SLOW_START);
	assert_int_equal(num(&c, CONN_NUM_unacked_bytes), 0);
	assert_int_equal(c.timer, CONN_TIMER_KEEPALIVE);
	assert_int_equal(num(&s, CONN_NUM_recv_queue_bytes), sizeof(block));
	assert_int_equal(num(&s, CONN_NUM_rcv_wscale), num(&c, CONN_NUM_snd_wscale));
	assert_true(num(&c, CONN_NUM_sent_us) >= num(&c, CONN_NUM_heard_us));
	assert_string_not_equal(c.cc, "");
	tcp_abort(f.client);
	tcp_abort(f.server);
	tcp_pair_free(f.pair);
}

static void what_waits_is_told(void **state)
{
	struct fixture f = connected(2);
	struct conn_info c;
	char block[3000] = {0};

	(void)state;
	f.pair->link.down = true;
	assert_true(tcp_send_copy(f.client, block, sizeof(block)));
	tcp_pair_run(f.pair, 2 * NS_PER_MS);
	tcp_info(f.client, &c);
	assert_int_equal(num(&c, CONN_NUM_unacked_bytes), sizeof(block));
	assert_int_equal(num(&c, CONN_NUM_in_flight_bytes), sizeof(block));
	assert_int_equal(num(&c, CONN_NUM_lost_bytes), 0);
	assert_int_not_equal(c.timer, CONN_TIMER_NONE);
	assert_in_range(num(&c, CONN_NUM_timer_us), 1, 1000000);
	tcp_pair_run(f.pair, 3 * NS_PER_SEC);
	tcp_info(f.client, &c);
	assert_int_equal(c.phase, CONN_PHASE_LOSS);
	assert_true(num(&c, CONN_NUM_backoff) >= 1 && num(&c, CONN_NUM_retries) >= 1);
	assert_true(num(&c, CONN_NUM_heard_us) >= 3000000);
	tcp_abort(f.client);
	tcp_abort(f.server);
	tcp_pair_free(f.pair);
}

static void connect_all(struct tcp_pair *pair, struct tcp_listener **listener)
{
	assert_int_equal(tcp_listen(pair->host[1].tcp, NULL, 80, CONNS, listener), 0);
	for (unsigned i = 0; i < CONNS; i++)
		assert_int_equal(tcp_connect(pair->host[0].tcp, &pair->host[1].addr, 80,
					 (uint16_t)(20000 + i), pair->now, &clients[i]),
			0);
	tcp_pair_run(pair, 5 * NS_PER_SEC);
}

// Every connection that lives from the first page to the last is met exactly once.
static void pages_meet_each_once_while_others_come_and_go(void **state)
{
	struct tcp_pair_options options = tcp_pair_options(3);
	struct tcp_pair *pair;
	struct tcp_listener *listener;
	unsigned met[CONNS + 50] = {0};
	struct tcp_conn *extra = NULL;
	uint32_t next = 0;
	uint32_t n;

	(void)state;
	options.tcp[0].conns_max = options.tcp[1].conns_max = CONNS + 50;
	pair = tcp_pair_new(&options);
	connect_all(pair, &listener);
	for (unsigned turn = 0; next != TCP_INFO_END; turn++) {
		assert_in_range(turn, 0, CONNS);
		n = tcp_info_page(pair->host[0].tcp, &ALL, next, 7, page, &next);
		assert_in_range(n, 0, 7);
		for (unsigned i = 0; i < n; i++) {
			assert_in_range(page[i].local_port, 20000, 20000 + CONNS + 49);
			met[page[i].local_port - 20000]++;
		}
		// One that is not from 100..199 goes, another one comes into its place.
		if (turn % 3 == 0 && turn / 3 < 50) {
			if (clients[turn / 3] != NULL)
				tcp_abort(clients[turn / 3]);
			clients[turn / 3] = NULL;
			assert_int_equal(
				tcp_connect(pair->host[0].tcp, &pair->host[1].addr, 80,
					(uint16_t)(20000 + CONNS + turn / 3), pair->now, &extra),
				0);
		}
	}
	for (unsigned i = 100; i < CONNS; i++)
		assert_int_equal(met[i], 1);
	for (unsigned i = 0; i < CONNS + 50; i++)
		assert_in_range(met[i], 0, 1);
	tcp_unlisten(listener);
	tcp_pair_free(pair);
}

static uint32_t count(const struct tcp *tcp, struct tcp_info_filter filter)
{
	uint32_t next = 0;
	uint32_t n = 0;

	while (next != TCP_INFO_END)
		n += tcp_info_page(tcp, &filter, next, 64, page, &next);
	return n;
}

static void filters_and_odd_cursors(void **state)
{
	struct tcp_pair_options options = tcp_pair_options(4);
	struct tcp_listener *listener;
	struct tcp_pair *pair;
	struct tcp *tcp;
	uint32_t next = 0;

	(void)state;
	options.tcp[0].conns_max = options.tcp[1].conns_max = CONNS;
	options.tcp[1].half_open_max = CONNS;
	pair = tcp_pair_new(&options);
	tcp = pair->host[0].tcp;
	assert_int_equal(count(tcp, ALL), 0);
	connect_all(pair, &listener);
	assert_int_equal(count(tcp, ALL), CONNS);
	assert_int_equal(count(tcp, (struct tcp_info_filter){.state = CONN_ESTABLISHED}), CONNS);
	assert_int_equal(count(tcp, (struct tcp_info_filter){.state = CONN_LAST_ACK}), 0);
	assert_int_equal(count(tcp, (struct tcp_info_filter){.state = -1, .port = 80}), CONNS);
	assert_int_equal(count(tcp, (struct tcp_info_filter){.state = -1, .port = 20007}), 1);
	assert_int_equal(page[0].local_port, 20007);
	assert_int_equal(count(tcp, (struct tcp_info_filter){.state = -1, .port = 1}), 0);
	assert_int_equal(
		count(tcp, (struct tcp_info_filter){.state = -1, .remote = pair->host[1].addr}),
		CONNS);
	assert_int_equal(
		count(tcp, (struct tcp_info_filter){.state = -1, .remote = pair->host[0].addr}), 0);
	// Bounded by what was asked for, also when that is nothing.
	assert_int_equal(tcp_info_page(tcp, &ALL, 5, 0, page, &next), 0);
	assert_int_equal(next, 5);
	assert_int_equal(tcp_info_page(tcp, &ALL, CONNS, 10, page, &next), 0);
	assert_int_equal(next, TCP_INFO_END);
	assert_int_equal(tcp_info_page(tcp, &ALL, UINT32_MAX, 10, page, &next), 0);
	assert_int_equal(next, TCP_INFO_END);
	tcp_unlisten(listener);
	tcp_pair_free(pair);
}

// Whether the trace has this event of the connection behind `*at`; moves `*at` behind it.
static bool traced(const struct tcp *tcp, uint64_t *at, enum trace_id event, uint32_t a, uint32_t b)
{
	struct trace_rec rec;
	uint64_t first;

	while (trace_read(tcp_trace_ring(tcp), *at, 1, &rec, &first) == 1) {
		*at = first + 1;
		if (rec.event == event && rec.a == a && rec.b == b)
			return true;
	}
	return false;
}

static void the_trace_has_the_life_of_a_connection(void **state)
{
	struct fixture f = connected(5);
	struct tcp *client = f.pair->host[0].tcp;
	struct tcp *server = f.pair->host[1].tcp;
	struct trace_rec rec;
	uint64_t c = 0;
	uint64_t s = 0;
	uint64_t first;

	(void)state;
	assert_int_equal(trace_read(tcp_trace_ring(client), 0, 1, &rec, &first), 1);
	assert_int_equal(rec.remote_port, tcp_conn_endpoints(f.client).remote_port);
	assert_int_equal(rec.local_port, tcp_conn_endpoints(f.client).local_port);
	assert_memory_equal(&rec.remote, f.pair->host[1].addr.b + 12, 4);
	tcp_close(f.client);
	tcp_pair_run(f.pair, NS_PER_SEC);
	tcp_close(f.server);
	tcp_pair_run(f.pair, NS_PER_SEC);
	assert_true(traced(client, &c, TRACE_STATE, CONN_CLOSED, CONN_SYN_SENT));
	assert_true(traced(client, &c, TRACE_CONNECT, 1460, 0));
	assert_true(traced(client, &c, TRACE_STATE, CONN_SYN_SENT, CONN_ESTABLISHED));
	assert_true(traced(client, &c, TRACE_STATE, CONN_ESTABLISHED, CONN_FIN_WAIT_1));
	assert_true(traced(client, &c, TRACE_STATE, CONN_FIN_WAIT_1, CONN_FIN_WAIT_2));
	assert_true(traced(client, &c, TRACE_END, 0, 0));
	assert_true(traced(server, &s, TRACE_STATE, CONN_CLOSED, CONN_ESTABLISHED));
	assert_true(traced(server, &s, TRACE_STATE, CONN_ESTABLISHED, CONN_CLOSE_WAIT));
	assert_true(traced(server, &s, TRACE_STATE, CONN_CLOSE_WAIT, CONN_LAST_ACK));
	assert_true(traced(server, &s, TRACE_STATE, CONN_LAST_ACK, CONN_CLOSED));
	tcp_unlisten(f.listener);
	tcp_pair_free(f.pair);
}

static void the_trace_says_why_a_connection_ended(void **state)
{
	struct fixture f = connected(6);
	uint64_t at = 0;

	(void)state;
	tcp_abort(f.client);
	tcp_pair_run(f.pair, NS_PER_SEC);
	assert_true(traced(f.pair->host[1].tcp, &at, TRACE_END, ECONNRESET, 0));
	tcp_abort(f.server);
	tcp_unlisten(f.listener);
	tcp_pair_free(f.pair);
}

// Whether the trace has an event of this kind at all.
static bool seen(const struct tcp *tcp, enum trace_id event)
{
	static struct trace_rec recs[TRACE_RECS];
	uint64_t first;
	uint32_t n = trace_read(tcp_trace_ring(tcp), 0, TRACE_RECS, recs, &first);

	for (uint32_t i = 0; i < n; i++)
		if (recs[i].event == event)
			return true;
	return false;
}

static bool lose_first(void *ctx, unsigned from, const struct rte_mbuf *frame)
{
	unsigned *n = ctx;

	return from == 0 && frame->pkt_len > 1000 && ++*n == 1;
}

static void the_trace_has_losses_and_probes(void **state)
{
	static const enum trace_id events[] = {TRACE_RECOVERY, TRACE_RETRANS, TRACE_RECOVERED};
	struct fixture f = connected(7);
	struct tcp *tcp = f.pair->host[0].tcp;
	char block[20000] = {0};
	unsigned n = 0;

	(void)state;
	f.pair->drop = lose_first;
	f.pair->drop_ctx = &n;
	assert_true(tcp_send_copy(f.client, block, sizeof(block)));
	tcp_pair_run(f.pair, NS_PER_SEC);
	for (size_t i = 0; i < ARRAY_LEN(events); i++)
		assert_true(seen(tcp, events[i]));
	assert_false(seen(tcp, TRACE_RTO));
	assert_false(seen(tcp, TRACE_TLP));
	f.pair->link.down = true;
	assert_true(tcp_send_copy(f.client, block, 3000));
	tcp_pair_run(f.pair, 3 * NS_PER_SEC);
	assert_true(seen(tcp, TRACE_TLP));
	assert_true(seen(tcp, TRACE_RTO));
	assert_false(seen(tcp, TRACE_RST_OUT));
	f.pair->link.down = false;
	tcp_abort(f.client);
	assert_true(seen(tcp, TRACE_RST_OUT));
	tcp_pair_run(f.pair, NS_PER_SEC);
	// Which of the two it is depends on what arrived before it.
	assert_true(
		seen(f.pair->host[1].tcp, TRACE_RST_IN) || seen(f.pair->host[1].tcp, TRACE_DROP));
	tcp_abort(f.server);
	tcp_unlisten(f.listener);
	tcp_pair_free(f.pair);
}

static void the_trace_has_closed_windows(void **state)
{
	struct tcp_pair_options options = tcp_pair_options(8);
	struct fixture f = {0};
	char block[30000] = {0};

	(void)state;
	options.tcp[1].rcv_buf = 10000;
	f.pair = tcp_pair_new(&options);
	tcp_pair_connect(f.pair, &f.listener, &f.client, &f.server);
	assert_true(tcp_send_copy(f.client, block, sizeof(block)));
	tcp_pair_run(f.pair, 5 * NS_PER_SEC);
	assert_true(seen(f.pair->host[0].tcp, TRACE_ZERO_WINDOW));
	tcp_abort(f.client);
	tcp_abort(f.server);
	tcp_unlisten(f.listener);
	tcp_pair_free(f.pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(facts_are_those_of_the_connection),
		cmocka_unit_test(what_waits_is_told),
		cmocka_unit_test(pages_meet_each_once_while_others_come_and_go),
		cmocka_unit_test(filters_and_odd_cursors),
		cmocka_unit_test(the_trace_has_the_life_of_a_connection),
		cmocka_unit_test(the_trace_says_why_a_connection_ended),
		cmocka_unit_test(the_trace_has_losses_and_probes),
		cmocka_unit_test(the_trace_has_closed_windows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
