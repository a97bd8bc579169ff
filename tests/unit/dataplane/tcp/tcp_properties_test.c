// What loss recovery promises, measured in virtual time: no retransmission for mere reordering,
// repair of a loss within a round trip, of a lost tail by a probe, and the bottleneck kept full.
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/eal.h"
#include "tests/support/tcp_frame.h"
#include "tests/support/tcp_stream.h"

#define MS NS_PER_MS
#define SEC NS_PER_SEC
// A turn, the timer wheel's tick, and the bytes' time.
#define SLACK (3 * MS)
#define TICK MS
#define ACK_DELAY (200 * MS)
#define WIRE 1514.0 // a full frame, and the payload in it
#define PAYLOAD 1448.0

static const struct cc_ops *const algorithms[] = {&cc_newreno, &cc_cubic};

// A stream each from host 0 to host 1, over one link.
#define FLOWS_MAX 2

struct fixture {
	struct tcp_pair *pair;
	struct tcp_listener *listener;
	struct tcp_stream flow[FLOWS_MAX];
	unsigned flow_n;
	// Data frames of host 0 to lose, counted from when `lose` is set: a bit for each.
	uint64_t lose;
	unsigned seen;
	unsigned lost;
};

static void writer_turn(struct tcp_pair *pair, unsigned host, void *ctx)
{
	struct fixture *f = ctx;

	for (unsigned i = 0; i < f->flow_n; i++)
		tcp_stream_write(&f->flow[i], pair->host[host].pool);
}

static void reader_turn(struct tcp_pair *pair, unsigned host, void *ctx)
{
	struct fixture *f = ctx;

	(void)pair;
	(void)host;
	for (unsigned i = 0; i < f->flow_n; i++)
		tcp_stream_read(&f->flow[i]);
}

static bool lose_chosen(void *ctx, unsigned from, const struct rte_mbuf *frame)
{
	struct fixture *f = ctx;
	struct tcp_frame_info info = tcp_frame_look(
		rte_pktmbuf_mtod(frame, const uint8_t *), rte_pktmbuf_data_len(frame));

	// Headers are in the first segment, the payload may be in others.
	if (from != 0 || !info.tcp || frame->pkt_len < 100 || f->seen >= 64)
		return false;
	if (!(f->lose >> f->seen++ & 1))
		return false;
	f->lost++;
	return true;
}

static bool all_read(struct tcp_pair *pair, void *ctx)
{
	struct fixture *f = ctx;

	(void)pair;
	for (unsigned i = 0; i < f->flow_n; i++)
		if (!tcp_stream_done(&f->flow[i]))
			return false;
	return true;
}

static bool all_acked(struct tcp_pair *pair, void *ctx)
{
	struct fixture *f = ctx;

	(void)pair;
	return tcp_unacked(f->flow[0].from) == 0;
}

static void begin(struct fixture *f, const struct tcp_pair_options *options)
{
	*f = (struct fixture){.pair = tcp_pair_new(options)};
	if (tcp_listen(f->pair->host[1].tcp, NULL, 8102, 16, &f->listener) != 0)
		fail_msg("tcp_listen");
	f->pair->check_seldom = true;
}

static void add_flow(struct fixture *f, uint64_t total, bool v6)
{
	struct tcp_pair *pair = f->pair;
	struct tcp_conn *client;
	struct tcp_conn *server = NULL;

	if (tcp_connect(pair->host[0].tcp, v6 ? &pair->host[1].addr6 : &pair->host[1].addr, 8102, 0,
		    pair->now, &client) != 0)
		fail_msg("tcp_connect");
	for (unsigned i = 0; i < 1000 && server == NULL; i++) {
		tcp_pair_run(pair, MS);
		server = tcp_accept(f->listener);
	}
	if (server == NULL)
		fail_msg("no connection");
	tcp_stream_init(&f->flow[f->flow_n], client, server, total, pair->seed + f->flow_n);
	f->flow[f->flow_n].chunk_max = 16000;
	f->flow_n++;
}

// Users take part from now on.
static void run_users(struct fixture *f)
{
	f->pair->user[0] = writer_turn;
	f->pair->user[1] = reader_turn;
	f->pair->user_ctx[0] = f;
	f->pair->user_ctx[1] = f;
}

static uint64_t stat_of(const struct fixture *f, enum stat_id id)
{
	return f->pair->host[0].stats.stat[id];
}

static void end(struct fixture *f)
{
	struct tcp_pair *pair = f->pair;

	for (unsigned i = 0; i < f->flow_n; i++)
		assert_false(f->flow[i].wrong);
	pair->user[0] = NULL;
	pair->user[1] = NULL;
	for (unsigned i = 0; i < f->flow_n; i++) {
		tcp_abort(f->flow[i].from);
		tcp_abort(f->flow[i].to);
	}
	tcp_pair_free(pair);
}

// --- reordering

// Within a quarter of the round trip, and nothing lost: at most 0.1 % is sent again.
static void reorder(uint64_t rtt, uint64_t seed, struct link_model data)
{
	struct tcp_pair_options options = tcp_pair_options(seed);
	struct link_model acks = {.delay = rtt / 2};
	struct fixture f;
	uint64_t again;
	uint64_t sent;

	data.delay = rtt / 2;
	begin(&f, &options);
	f.pair->own[0] = &data;
	f.pair->own[1] = &acks;
	add_flow(&f, 1 << 20, false);
	run_users(&f);
	// Until it has seen reordering, three segments behind a hole are taken for news of a loss
	// (RFC 8985 §6.2 step 4): once.
	assert_true(tcp_pair_until(f.pair, 600 * SEC, all_read, &f));
	again = stat_of(&f, STAT_tcp_retrans_segs);
	sent = f.pair->sent[0];
	f.flow[0].total += 8 << 20;
	assert_true(tcp_pair_until(f.pair, 600 * SEC, all_read, &f));
	again = stat_of(&f, STAT_tcp_retrans_segs) - again;
	sent = f.pair->sent[0] - sent;
	if (again * 1000 > sent)
		fail_msg("rtt %llu us, seed %llu: %llu of %llu segments sent again, the receiver "
			 "had no place for %llu",
			(unsigned long long)(rtt / NS_PER_US), (unsigned long long)seed,
			(unsigned long long)again, (unsigned long long)sent,
			(unsigned long long)f.pair->host[1].stats.drop[DROP_TCP_OOO_FULL]);
	assert_int_equal(stat_of(&f, STAT_tcp_rto), 0);
	end(&f);
}

static const uint64_t rtts[] = {2 * MS, 10 * MS, 50 * MS, 200 * MS};

static void test_jitter_is_no_loss(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RTE_DIM(rtts); i++)
		for (uint64_t seed = 1; seed <= 3; seed++)
			reorder(rtts[i], seed, (struct link_model){.jitter = rtts[i] / 4});
}

static void test_some_late_frames_are_no_loss(void **state)
{
	static const uint32_t often[] = {5000, 50000, 300000};

	(void)state;
	for (unsigned i = 0; i < RTE_DIM(rtts); i++)
		for (unsigned k = 0; k < RTE_DIM(often); k++)
			reorder(rtts[i], 100 + i * 10 + k,
				(struct link_model){
					.reorder = often[k], .reorder_delay = rtts[i] / 4});
}

// --- single losses

struct flight {
	uint64_t rtt;
	unsigned segs;
	uint64_t lose; // bits of the flight
	bool sack;
	bool burst;     // in one turn, as a port hands them over
	uint64_t limit; // ns from its sending until the last byte was read
};

// Sends one flight of full segments all at once on a connection whose window fits it, loses some.
static void fly(const struct flight *flight, struct fixture *f)
{
	struct tcp_pair_options options = tcp_pair_options(7);
	uint64_t bytes = flight->segs * UINT64_C(1448);
	bool arrived;

	for (unsigned i = 0; i < 2; i++)
		options.tcp[i].sack = flight->sack;
	begin(f, &options);
	f->pair->link = (struct link_model){
		.delay = flight->rtt / 2, .rate = flight->burst ? 0 : 100000000};
	add_flow(f, 0, false);
	run_users(f);
	// Slow start until it fits, then at once, so that the window is not forgotten.
	for (unsigned i = 0; i < 6 && flight->segs > 10; i++) {
		f->flow[0].total += bytes;
		assert_true(tcp_pair_until(f->pair, 10 * SEC, all_acked, f));
	}
	assert_int_equal(stat_of(f, STAT_tcp_retrans_segs), 0);
	f->pair->drop = lose_chosen;
	f->pair->drop_ctx = f;
	f->seen = 0;
	f->lose = flight->lose;
	f->flow[0].total += bytes;
	// One piece: that each part is a full segment is what this is about.
	f->flow[0].chunk_max = UINT32_MAX;
	arrived = tcp_pair_until(f->pair, flight->limit, all_read, f);
	assert_int_equal(f->lost, __builtin_popcountll(flight->lose));
	if (!arrived || stat_of(f, STAT_tcp_rto) > 0)
		fail_msg("rtt %llu ms, %u segments, lost %llx%s: %s, %llu time-outs, %llu probes, "
			 "%llu of %llu bytes",
			(unsigned long long)(flight->rtt / MS), flight->segs,
			(unsigned long long)flight->lose, flight->sack ? "" : ", no SACK",
			arrived ? "in time" : "late", (unsigned long long)stat_of(f, STAT_tcp_rto),
			(unsigned long long)stat_of(f, STAT_tcp_loss_probes),
			(unsigned long long)f->flow[0].read, (unsigned long long)f->flow[0].total);
}

// The segment's own way takes half a round trip, the news that it is missing a whole one, the
// reordering window a quarter, and its second way another half.
static void test_single_loss_is_repaired_in_a_round_trip(void **state)
{
	static const uint64_t trips[] = {20 * MS, 100 * MS};
	static const unsigned segs[] = {10, 16, 40};
	struct fixture f;

	(void)state;
	for (unsigned t = 0; t < RTE_DIM(trips); t++)
		for (unsigned s = 0; s < RTE_DIM(segs); s++)
			for (unsigned i = 0; i + 1 < segs[s]; i++) {
				struct flight flight = {.rtt = trips[t],
					.segs = segs[s],
					.lose = UINT64_C(1) << i,
					.sack = true,
					.limit = trips[t] + trips[t] / 4 + trips[t] / 2 + SLACK};

				fly(&flight, &f);
				// Only what was lost, once.
				assert_int_equal(stat_of(&f, STAT_tcp_retrans_segs), 1);
				end(&f);
			}
}

// NewReno wants three duplicate ACKs.
static void test_single_loss_without_sack(void **state)
{
	struct fixture f;

	(void)state;
	for (unsigned burst = 0; burst < 2; burst++)
		for (unsigned i = 0; i + 3 < 16; i++) {
			struct flight flight = {.rtt = 40 * MS,
				.segs = 16,
				.lose = UINT64_C(1) << i,
				.burst = burst,
				.limit = 60 * MS + SLACK};

			fly(&flight, &f);
			end(&f);
		}
}

// Several holes in one flight: all in the same round trip.
static void test_several_losses_are_repaired_in_a_round_trip(void **state)
{
	static const uint64_t lose[] = {0x3, 0x11, 0x7, 0x155, 0x1f0, 0x7c00, 0x10101010};
	struct fixture f;

	(void)state;
	for (unsigned i = 0; i < RTE_DIM(lose); i++) {
		struct flight flight = {.rtt = 40 * MS,
			.segs = 40,
			.lose = lose[i],
			.sack = true,
			.limit = 40 * MS + 10 * MS + 20 * MS + SLACK};

		fly(&flight, &f);
		if (stat_of(&f, STAT_tcp_retrans_segs) != f.lost)
			fail_msg("lost %llx: %llu segments sent again", (unsigned long long)lose[i],
				(unsigned long long)stat_of(&f, STAT_tcp_retrans_segs));
		end(&f);
	}
}

// A probe after two round trips brings the last segment, or what tells of more.
static void test_lost_tail_is_repaired_by_a_probe(void **state)
{
	static const uint64_t trips[] = {10 * MS, 30 * MS, 60 * MS};
	struct fixture f;

	(void)state;
	for (unsigned t = 0; t < RTE_DIM(trips); t++)
		for (unsigned tail = 1; tail <= 4; tail++) {
			uint64_t bits = (UINT64_C(1) << tail) - 1;
			struct flight flight = {.rtt = trips[t],
				.segs = 12,
				.lose = bits << (12 - tail),
				.sack = true,
				// From the last ACK on two; for a longer tail one more, and another
				// where PRR sends again no more than arrives. The ACK of a single
				// segment may be delayed.
				.limit = trips[t] + 2 * trips[t] + trips[t] / 2 + SLACK +
					(tail > 2                  ? trips[t] * 5 / 2
							: tail > 1 ? trips[t] * 3 / 2
								   : ACK_DELAY) +
					2 * TICK};

			fly(&flight, &f);
			assert_true(stat_of(&f, STAT_tcp_loss_probes) > 0);
			end(&f);
		}
}

// Requests over a long path whose ACKs are delayed: nothing is lost, and nothing times out.
static void test_delayed_ack_is_no_loss(void **state)
{
	static const uint64_t trips[] = {MS, 20 * MS, 150 * MS, 200 * MS, 400 * MS};
	struct fixture f;

	(void)state;
	for (unsigned sack = 0; sack < 2; sack++)
		for (unsigned t = 0; t < RTE_DIM(trips); t++) {
			struct tcp_pair_options options = tcp_pair_options(t);

			options.tcp[0].sack = sack;
			options.tcp[1].delayed_ack = 40 * MS;
			begin(&f, &options);
			f.pair->link = (struct link_model){.delay = trips[t] / 2};
			add_flow(&f, 0, false);
			run_users(&f);
			// Even rounds are acknowledged at once, odd ones late.
			for (unsigned i = 0; i < 100; i++) {
				f.flow[0].total += i % 8 != 0 ? 3000 : 300;
				assert_true(tcp_pair_until(f.pair, 10 * SEC, all_acked, &f));
			}
			if (stat_of(&f, STAT_tcp_rto) > 0)
				fail_msg("rtt %llu ms%s: %llu time-outs, %llu segments sent again",
					(unsigned long long)(trips[t] / MS),
					sack ? "" : ", no SACK",
					(unsigned long long)stat_of(&f, STAT_tcp_rto),
					(unsigned long long)stat_of(&f, STAT_tcp_retrans_segs));
			end(&f);
		}
}

// --- bad links

static void transfer(struct tcp_pair_options *options, const struct link_model *link, bool v6,
	uint64_t total, uint64_t limit)
{
	struct fixture f;

	begin(&f, options);
	add_flow(&f, total, v6);
	f.pair->link = *link;
	run_users(&f);
	if (!tcp_pair_until(f.pair, limit, all_read, &f))
		fail_msg("seed %llu: %llu of %llu bytes", (unsigned long long)options->seed,
			(unsigned long long)f.flow[0].read, (unsigned long long)total);
	end(&f);
}

static void test_thirty_percent_loss_completes(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 10; seed++) {
		struct tcp_pair_options options = tcp_pair_options(seed);
		struct link_model link = {.delay = 10 * MS, .loss = 300000};

		options.tcp[0].sack = seed % 4 != 0;
		transfer(&options, &link, seed % 2, 200000, 3600 * SEC);
	}
}

// Nobody says that long packets do not fit; short ones do.
static void test_black_hole_completes(void **state)
{
	static const uint64_t totals[] = {1000, 1200, 1300, 1440, 2000, 500000};

	(void)state;
	for (unsigned i = 0; i < RTE_DIM(totals); i++)
		for (unsigned v6 = 0; v6 < 2; v6++) {
			struct tcp_pair_options options = tcp_pair_options(i);
			struct link_model link = {.delay = 10 * MS, .hole = v6 ? 1280 : 1200};

			transfer(&options, &link, v6, totals[i], 60 * SEC);
			// When somebody says so, it takes no time-out at all.
			link.hole_icmp = true;
			transfer(&options, &link, v6, totals[i], 400 * MS + totals[i] * 2000);
		}
}

// --- bottlenecks

static void fill(const struct cc_ops *cc, uint64_t rate, uint64_t rtt)
{
	struct tcp_pair_options options = tcp_pair_options(11);
	uint64_t bdp = rate * (rtt / MS) / 1000;
	struct link_model data = {.delay = rtt / 2, .rate = rate};
	struct link_model acks = {.delay = rtt / 2};
	struct fixture f;
	uint64_t before;
	double share;

	data.queue = (uint32_t)RTE_MAX(bdp, UINT64_C(30000));
	options.mbufs = 8192;
	for (unsigned i = 0; i < 2; i++) {
		options.tcp[i].cc = cc;
		options.tcp[i].conns_max = 1024; // records of segments in flight go by it
		options.tcp[i].wide_buf = 4u << 20;
	}
	begin(&f, &options);
	f.pair->own[0] = &data;
	f.pair->own[1] = &acks;
	add_flow(&f, UINT64_MAX, false);
	tcp_widen(f.flow[0].from);
	tcp_widen(f.flow[0].to);
	run_users(&f);
	tcp_pair_run(f.pair, 5 * SEC);
	before = f.flow[0].read;
	tcp_pair_run(f.pair, 10 * SEC);
	share = (double)(f.flow[0].read - before) / ((double)rate * 10 * PAYLOAD / WIRE);
	if (share < 0.9)
		fail_msg("%s, %llu bytes/s, rtt %llu ms: %.1f %%", cc->name,
			(unsigned long long)rate, (unsigned long long)(rtt / MS), share * 100);
	end(&f);
}

static void test_bottleneck_is_kept_full(void **state)
{
	static const uint64_t rate[] = {125000, 1250000, 6000000};
	static const uint64_t trips[] = {10 * MS, 60 * MS};

	(void)state;
	for (unsigned a = 0; a < RTE_DIM(algorithms); a++) {
		for (unsigned i = 0; i < RTE_DIM(rate); i++)
			for (unsigned t = 0; t < RTE_DIM(trips); t++)
				fill(algorithms[a], rate[i], trips[t]);
		// A long link takes more at once than the buffers that every connection has.
		fill(algorithms[a], 12500000, 100 * MS);
	}
}

static void share(const struct cc_ops *cc, uint64_t seed)
{
	struct tcp_pair_options options = tcp_pair_options(seed);
	struct link_model data = {
		.delay = 20 * MS, .jitter = MS, .in_order = true, .rate = 1250000, .queue = 60000};
	struct link_model acks = {.delay = 20 * MS, .jitter = MS, .in_order = true};
	struct fixture f;
	uint64_t got[2];

	for (unsigned i = 0; i < 2; i++)
		options.tcp[i].cc = cc;
	begin(&f, &options);
	f.pair->own[0] = &data;
	f.pair->own[1] = &acks;
	add_flow(&f, UINT64_MAX, false);
	run_users(&f);
	tcp_pair_run(f.pair, 3 * SEC);
	add_flow(&f, UINT64_MAX, false);
	tcp_pair_run(f.pair, 20 * SEC);
	for (unsigned i = 0; i < 2; i++)
		got[i] = f.flow[i].read;
	tcp_pair_run(f.pair, 40 * SEC);
	for (unsigned i = 0; i < 2; i++)
		got[i] = f.flow[i].read - got[i];
	if (got[0] > 3 * got[1] || got[1] > 3 * got[0])
		fail_msg("%s, seed %llu: %llu and %llu bytes", cc->name, (unsigned long long)seed,
			(unsigned long long)got[0], (unsigned long long)got[1]);
	end(&f);
}

static void test_two_flows_share(void **state)
{
	(void)state;
	for (unsigned a = 0; a < RTE_DIM(algorithms); a++)
		for (uint64_t seed = 1; seed <= 3; seed++)
			share(algorithms[a], seed);
}

// --- the end of everything

static bool all_gone(struct tcp_pair *pair, void *ctx)
{
	(void)ctx;
	for (unsigned i = 0; i < 2; i++) {
		struct tcp_usage usage = tcp_usage(pair->host[i].tcp);

		if (usage.conns + usage.half_open + usage.time_wait + usage.mem != 0)
			return false;
	}
	return true;
}

// Gives back whatever is over.
static void bury(struct tcp_pair *pair, unsigned host, void *ctx)
{
	struct tcp_conn *conn;
	unsigned events;

	(void)ctx;
	while ((conn = tcp_event(pair->host[host].tcp, &events)) != NULL)
		if (events & TCP_CLOSED)
			tcp_close(conn);
}

// One connection in each state of its life when the network goes away for good.
static void test_all_memory_returns_when_the_link_dies(void **state)
{
	struct tcp_pair_options options = tcp_pair_options(3);
	struct fixture f;
	struct tcp_conn *conn;

	(void)state;
	begin(&f, &options);
	add_flow(&f, 2 << 20, false);
	add_flow(&f, 3000, true);
	f.pair->link.loss = 100000;
	run_users(&f);
	tcp_pair_run(f.pair, 30 * MS);
	// Its client has closed, its server has not.
	tcp_close(f.flow[1].from);
	assert_int_equal(tcp_connect(f.pair->host[0].tcp, &f.pair->host[1].addr, 8102, 0,
				 f.pair->now, &conn),
		0);
	f.pair->user[0] = NULL;
	tcp_pair_run(f.pair, 150 * NS_PER_US);
	f.pair->link.down = true;
	f.pair->user[0] = bury;
	f.pair->user[1] = bury;
	assert_true(tcp_send_copy(f.flow[0].to, "x", 1));
	tcp_unlisten(f.listener);
	if (!tcp_pair_until(f.pair, 3600 * SEC, all_gone, &f))
		fail_msg("%u and %u connections are left", tcp_usage(f.pair->host[0].tcp).conns,
			tcp_usage(f.pair->host[1].tcp).conns);
	tcp_pair_free(f.pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_jitter_is_no_loss),
		cmocka_unit_test(test_some_late_frames_are_no_loss),
		cmocka_unit_test(test_single_loss_is_repaired_in_a_round_trip),
		cmocka_unit_test(test_single_loss_without_sack),
		cmocka_unit_test(test_several_losses_are_repaired_in_a_round_trip),
		cmocka_unit_test(test_lost_tail_is_repaired_by_a_probe),
		cmocka_unit_test(test_delayed_ack_is_no_loss),
		cmocka_unit_test(test_thirty_percent_loss_completes),
		cmocka_unit_test(test_black_hole_completes),
		cmocka_unit_test(test_bottleneck_is_kept_full),
		cmocka_unit_test(test_two_flows_share),
		cmocka_unit_test(test_all_memory_returns_when_the_link_dies),
	};

	// Tests that fail keep their pools.
	test_eal_start_sized(1024);
	cmocka_set_test_filter(getenv("TEST_FILTER"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
