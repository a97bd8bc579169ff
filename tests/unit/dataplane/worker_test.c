// What holds for whole workers on threads of their own (worker_rig.h).
#include "tests/unit/dataplane/worker_rig.h"

static uint64_t accepted(const struct rig *r)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < r->worker_n; i++)
		n += r->stats[i]->stat[STAT_client_accepted];
	return n;
}

static bool over(struct rig *r)
{
	return load_over(r->load);
}

static void expect_all_done(struct rig *r, const struct load_config *load)
{
	struct load_counts c;

	if (!until(r, over))
		fail_msg("not done in time: %llu of %llu requests answered",
			(unsigned long long)load_counts(r->load).answered,
			(unsigned long long)(load->conns * load->requests));
	c = load_counts(r->load);
	if (load_complaint(r->load))
		fail_msg("%s", load_complaint(r->load));
	assert_int_equal(c.done, load->conns);
	assert_int_equal(c.answered, load->conns * load->requests);
	assert_int_equal(accepted(r), load->conns);
}

// Each worker has some of the connections.
static void expect_all_served(const struct rig *r)
{
	for (unsigned i = 0; i < r->worker_n; i++) {
		assert_true(r->stats[i]->stat[STAT_client_accepted] > 0);
		assert_true(r->stats[i]->stat[STAT_read_requests] > 0);
	}
}

static void one_worker_serves(void **state)
{
	const struct load_config load = {
		.conns = 10, .pipeline = 8, .requests = 100, .value_len = 100};
	struct rig *r = rig_start(1, 1, store_redis_start(), &load);

	(void)state;
	expect_all_done(r, &load);
	stop(r);
	join(r);
	rig_free(r);
	store_redis_stop();
}

// All ARP comes by the first queue: the second worker knows the clients' station from the first.
static void what_arp_tells_one_worker_the_other_knows(void **state)
{
	const struct load_config load = {
		.conns = 32, .pipeline = 4, .requests = 50, .value_len = 2000};
	struct rig *r = rig_start(2, 2, store_redis_start(), &load);

	(void)state;
	expect_all_done(r, &load);
	expect_all_served(r);
	// The device does not say how it spreads: what comes by the wrong queue is handed over.
	assert_true(r->stats[0]->stat[STAT_rx_steered] > 0);
	assert_true(r->stats[1]->stat[STAT_rx_steered] > 0);
	assert_int_equal(r->stats[0]->stat[STAT_rx_misrouted], 0);
	stop(r);
	join(r);
	rig_free(r);
	store_redis_stop();
}

static void with_one_queue_segments_are_handed_over(void **state)
{
	const struct load_config load = {
		.conns = 64, .pipeline = 4, .requests = 50, .value_len = 1000};
	struct rig *r = rig_start(4, 1, store_redis_start(), &load);

	(void)state;
	expect_all_done(r, &load);
	expect_all_served(r);
	assert_true(r->stats[0]->stat[STAT_rx_steered] > 0);
	for (unsigned i = 1; i < 4; i++) {
		assert_int_equal(r->stats[i]->stat[STAT_rx_packets], 0);
		assert_int_equal(r->stats[i]->stat[STAT_tx_packets], 0);
	}
	stop(r);
	join(r);
	rig_free(r);
	store_redis_stop();
}

#define HELD 24

static bool store_has_all(struct rig *r)
{
	return fake_requests(r->fake) >= HELD && load_counts(r->load).answered == HELD;
}

static bool all_ended(struct rig *r)
{
	return load_counts(r->load).ended + load_counts(r->load).failed == HELD;
}

static void wait_store_has_all(struct rig *r)
{
	struct load_counts c;

	if (until(r, store_has_all))
		return;
	c = load_counts(r->load);
	fail_msg("the store has %llu requests; %u connected, %u failed, %llu answered: %s",
		(unsigned long long)fake_requests(r->fake), c.connected, c.failed,
		(unsigned long long)c.answered, load_complaint(r->load));
}

static void told_to_stop_it_answers_what_is_under_way(void **state)
{
	// A PING, which needs no store, and a SET, which the store holds.
	const struct load_config load = {
		.conns = HELD, .pipeline = 2, .requests = 2, .value_len = 10, .stay = true};
	struct store_fake *fake = fake_new();
	struct rig *r = rig_start(3, 1, fake->path, &load);
	struct mono before;

	(void)state;
	r->fake = fake;
	wait_store_has_all(r);
	stop(r);
	for (unsigned i = 0; i < 200; i++)
		client_turn(r);
	assert_int_equal(load_counts(r->load).ended, 0);
	assert_int_equal(load_counts(r->load).failed, 0);
	fake->reply = "+OK\r\n";
	before = rig_now(r);
	assert_true(until(r, all_ended));
	if (load_complaint(r->load))
		fail_msg("%s", load_complaint(r->load));
	assert_int_equal(load_counts(r->load).done, HELD);
	assert_int_equal(load_counts(r->load).ended, HELD);
	join(r);
	// The end came by itself, not because time was up.
	assert_true(mono_since(rig_now(r), before) < WORKER_DRAIN_NS - NS_PER_SEC);
	rig_free(r);
	fake_free(fake);
}

static bool runs(struct rig *r)
{
	return load_counts(r->load).connected == 40 && load_counts(r->load).answered > 3000;
}

static void stopped_under_load_it_ends_and_leaks_nothing(void **state)
{
	const struct load_config load = {
		.conns = 40, .pipeline = 16, .requests = UINT64_MAX, .value_len = 3000};
	struct rig *r = rig_start(2, 1, store_redis_start(), &load);
	struct mono before;

	(void)state;
	assert_true(until(r, runs));
	before = rig_now(r);
	stop(r);
	if (!until(r, over)) {
		struct load_counts c = load_counts(r->load);

		fail_msg("of %u clients %u saw an orderly end, %u another, the rest none",
			load.conns, c.ended, c.failed);
	}
	join(r);
	assert_true(mono_since(rig_now(r), before) < WORKER_DRAIN_NS + 2 * NS_PER_SEC);
	rig_free(r);
	store_redis_stop();
}

// Clients that have vanished do not keep it for longer than the time it gives them.
static void a_client_that_went_silent_delays_the_end_but_for_its_time(void **state)
{
	const struct load_config load = {
		.conns = HELD, .pipeline = 2, .requests = 2, .value_len = 10, .stay = true};
	struct store_fake *fake = fake_new();
	struct rig *r = rig_start(2, 2, fake->path, &load);
	struct mono before;

	(void)state;
	r->fake = fake;
	wait_store_has_all(r);
	before = rig_now(r);
	stop(r);
	join(r); // meanwhile no client takes a turn, and the store says nothing
	assert_in_range(mono_since(rig_now(r), before), WORKER_DRAIN_NS - NS_PER_SEC / 10,
		WORKER_DRAIN_NS + 2 * NS_PER_SEC);
	rig_free(r);
	fake_free(fake);
}

static int setup(void **state)
{
	(void)state;
	log_set_level(LOG_ERR);
	test_eal_start_sized(320);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_worker_serves),
		cmocka_unit_test(what_arp_tells_one_worker_the_other_knows),
		cmocka_unit_test(with_one_queue_segments_are_handed_over),
		cmocka_unit_test(told_to_stop_it_answers_what_is_under_way),
		cmocka_unit_test(stopped_under_load_it_ends_and_leaks_nothing),
		cmocka_unit_test(a_client_that_went_silent_delays_the_end_but_for_its_time),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
