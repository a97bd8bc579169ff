// TIME_WAIT between two stacks: names that are used again.
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>

#include <rte_ip.h>
#include <rte_tcp.h>

#include "dataplane/tcp/tcp_seq.h"
#include "tests/support/tcp_pair.h"

#define PORT 50000

// The sequence numbers that each host used last, as they are seen on the wire.
struct watch {
	uint32_t syn[2];
	uint32_t last[2];
};

struct fixture {
	struct tcp_pair *pair;
	struct tcp_listener *listener;
	struct watch watch;
};

static bool watch_frame(void *ctx, unsigned from, const struct rte_mbuf *frame)
{
	const uint8_t *p = rte_pktmbuf_mtod(frame, const uint8_t *);
	struct watch *watch = ctx;
	struct rte_tcp_hdr tcp;
	uint32_t seq;
	uint32_t len;

	if (p[12] != 0x08 || p[13] != 0 || p[23] != 6)
		return false;
	memcpy(&tcp, p + 34, sizeof(tcp));
	seq = rte_be_to_cpu_32(tcp.sent_seq);
	len = frame->pkt_len - 34 - (uint32_t)(tcp.data_off >> 4) * 4;
	if (tcp.tcp_flags & RTE_TCP_SYN_FLAG)
		watch->syn[from] = seq;
	watch->last[from] = seq + len + (tcp.tcp_flags & RTE_TCP_FIN_FLAG);
	return false;
}

static void setup(struct fixture *f, const struct tcp_pair_options *options)
{
	*f = (struct fixture){.pair = tcp_pair_new(options)};
	f->pair->drop = watch_frame;
	f->pair->drop_ctx = &f->watch;
	assert_int_equal(tcp_listen(f->pair->host[1].tcp, NULL, 8102, 64, &f->listener), 0);
}

static int try_connect(struct fixture *f, uint16_t port, struct tcp_conn **conn)
{
	return tcp_connect(
		f->pair->host[0].tcp, &f->pair->host[1].addr, 8102, port, f->pair->now, conn);
}

static void open_pair(struct fixture *f, struct tcp_conn *ends[2])
{
	assert_int_equal(try_connect(f, PORT, &ends[0]), 0);
	tcp_pair_run(f->pair, 5 * NS_PER_MS);
	ends[1] = tcp_accept(f->listener);
	assert_non_null(ends[1]);
}

// More bytes from host `from` than its clock of sequence numbers makes in the same time.
static void send_much(struct fixture *f, struct tcp_conn *from, struct tcp_conn *to)
{
	static const char block[1000];
	size_t got = 0;

	for (unsigned round = 0; round < 100; round++) {
		for (unsigned i = 0; i < 50; i++)
			assert_true(tcp_send_copy(from, block, sizeof(block)));
		tcp_pair_run(f->pair, 5 * NS_PER_MS);
		got += tcp_pair_read(to, NULL, 0);
	}
	assert_int_equal(got, 100 * 50 * sizeof(block));
}

static void close_both(struct fixture *f, struct tcp_conn *ends[2], unsigned first)
{
	tcp_close(ends[first]);
	tcp_pair_run(f->pair, 5 * NS_PER_MS);
	tcp_close(ends[!first]);
	tcp_pair_run(f->pair, 5 * NS_PER_MS);
	assert_int_equal(tcp_usage(f->pair->host[first].tcp).time_wait, 1);
	assert_int_equal(tcp_usage(f->pair->host[!first].tcp).time_wait, 0);
}

static void check_works(struct fixture *f, struct tcp_conn *ends[2])
{
	for (unsigned i = 0; i < 2; i++) {
		assert_true(tcp_send_copy(ends[i], "again", 5));
		tcp_pair_run(f->pair, 5 * NS_PER_MS);
		assert_int_equal(tcp_pair_read(ends[!i], NULL, 0), 5);
	}
}

// A port of ours can be used again a second later, when there are timestamps; what it sends begins
// above what the old connection sent.
static void test_own_port_again(void **state)
{
	struct tcp_pair_options options = tcp_pair_options(1);
	struct tcp_conn *ends[2];
	struct fixture f;
	uint32_t last;

	(void)state;
	setup(&f, &options);
	open_pair(&f, ends);
	send_much(&f, ends[0], ends[1]);
	close_both(&f, ends, 0);
	last = f.watch.last[0];
	tcp_pair_run(f.pair, 900 * NS_PER_MS);
	assert_int_equal(try_connect(&f, PORT, &ends[0]), -EADDRINUSE);
	tcp_pair_run(f.pair, 100 * NS_PER_MS);
	open_pair(&f, ends);
	assert_int_equal(tcp_usage(f.pair->host[0].tcp).time_wait, 0);
	assert_true(seq_gt(f.watch.syn[0], last));
	check_works(&f, ends);
	close_both(&f, ends, 0);
	tcp_pair_free(f.pair);
}

static void test_own_port_without_timestamps(void **state)
{
	struct tcp_pair_options options = tcp_pair_options(2);
	struct tcp_conn *ends[2];
	struct fixture f;

	(void)state;
	options.tcp[1].timestamps = false;
	setup(&f, &options);
	open_pair(&f, ends);
	close_both(&f, ends, 0);
	tcp_pair_run(f.pair, 59 * NS_PER_SEC);
	assert_int_equal(try_connect(&f, PORT, &ends[0]), -EADDRINUSE);
	tcp_pair_run(f.pair, 2 * NS_PER_SEC);
	open_pair(&f, ends);
	check_works(&f, ends);
	tcp_pair_free(f.pair);
}

// The peer uses its port again at once; our answer begins above what we sent before.
static void test_peers_port_again(void **state)
{
	(void)state;
	for (unsigned ts = 0; ts < 2; ts++) {
		struct tcp_pair_options options = tcp_pair_options(3);
		struct tcp_conn *ends[2];
		struct fixture f;
		uint32_t last;

		options.tcp[0].timestamps = ts;
		setup(&f, &options);
		open_pair(&f, ends);
		send_much(&f, ends[1], ends[0]);
		close_both(&f, ends, 1);
		last = f.watch.last[1];
		open_pair(&f, ends);
		assert_int_equal(tcp_usage(f.pair->host[1].tcp).time_wait, 0);
		assert_true(seq_gt(f.watch.syn[1], last));
		check_works(&f, ends);
		tcp_pair_free(f.pair);
	}
}

// More connections to one peer within 2 MSL than there are ports.
static void test_more_connections_than_ports(void **state)
{
	enum { BATCH = 64, BATCHES = 270 };
	struct tcp_pair_options options = tcp_pair_options(4);
	struct fixture f;

	(void)state;
	options.tcp[0].conns_max = 2 * BATCH;
	options.tcp[0].time_wait_max = 20000;
	options.tcp[1].conns_max = 2 * BATCH;
	options.tcp[1].half_open_max = BATCH;
	setup(&f, &options);
	for (unsigned i = 0; i < BATCHES; i++) {
		struct tcp_conn *conns[BATCH];
		struct tcp_conn *server;

		for (unsigned k = 0; k < BATCH; k++)
			assert_int_equal(try_connect(&f, 0, &conns[k]), 0);
		tcp_pair_run(f.pair, i == 0 ? 2 * NS_PER_SEC : 20 * NS_PER_MS);
		for (unsigned k = 0; k < BATCH; k++)
			tcp_close(conns[k]);
		tcp_pair_run(f.pair, 10 * NS_PER_MS);
		while ((server = tcp_accept(f.listener)) != NULL)
			tcp_close(server);
		tcp_pair_run(f.pair, 10 * NS_PER_MS);
		assert_int_equal(tcp_usage(f.pair->host[0].tcp).conns, 0);
		assert_int_equal(tcp_usage(f.pair->host[1].tcp).conns, 0);
	}
	assert_true(BATCHES * BATCH > 16384 + BATCH);
	assert_in_range(tcp_usage(f.pair->host[0].tcp).time_wait, 16000, 16384);
	tcp_pair_run(f.pair, 61 * NS_PER_SEC);
	assert_int_equal(tcp_usage(f.pair->host[0].tcp).time_wait, 0);
	tcp_pair_free(f.pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_port_again),
		cmocka_unit_test(test_own_port_without_timestamps),
		cmocka_unit_test(test_peers_port_again),
		cmocka_unit_test(test_more_connections_than_ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
