// A store that is slow, away, dead half-way, or talks nonsense: what clients get, and that nobody
// else pays for it.
#include "tests/unit/dataplane/store/fake_fixture.h"

static void test_connects_with_the_first_request(void **state)
{
	struct fix *f = *state;
	struct rig_client *c;

	f->fake->reply = "+HI\r\n";
	rig_sleep(f->rig, 10 * NS_PER_MS);
	assert_int_equal(f->fake->accepted, 0);
	c = send_on(f, "get a\r\n");
	assert_true(RIG_EXPECT(f->rig, c, "+HI\r\n"));
	assert_int_equal(f->fake->accepted, 2);
}

static void test_preconnect(void **state)
{
	struct rig_config config = rig_config_default("");
	struct fix *f;

	(void)state;
	config.store.preconnect = true;
	config.store.lanes = 5;
	f = fix_new(&config);
	rig_sleep(f->rig, 10 * NS_PER_MS);
	assert_int_equal(f->fake->accepted, 5);
	*state = f;
	teardown(state);
}

// Each request has its own time; a late reply goes nowhere, the next one where it belongs.
static void test_time_out(void **state)
{
	struct fix *f = *state;
	struct rig_client *c;
	unsigned busy;

	f->rig->snapshot->timeout_ms = 50;
	c = send_on(f, "get a\r\nping\r\n");
	wait_requests(f, 1);
	busy = (unsigned)fake_busy(f->fake);
	rig_sleep(f->rig, 40 * NS_PER_MS);
	rig_send(f->rig, c, "get b\r\n", 7);
	wait_requests(f, 2);
	assert_int_equal(c->received, 0);
	rig_sleep(f->rig, 20 * NS_PER_MS);
	assert_true(RIG_EXPECT(f->rig, c, REFUSED "+PONG\r\n"));
	assert_int_equal(c->in_len, 0);
	assert_int_equal(stat(f, STAT_server_timedout_requests), 1);
	assert_int_equal(fake_send(f->fake, busy, "+A\r\n+B\r\n", 8), 8);
	f->fake->conns[busy].owed = 0;
	assert_true(RIG_EXPECT(f->rig, c, "+B\r\n"));
	assert_int_equal(session_usage(f->rig->session).requests, 0);
}

// A store that stays silent is left, so that what it owes is not waited for for ever.
static void test_stuck_store(void **state)
{
	struct fix *f = *state;
	struct rig_client *c;

	f->rig->snapshot->timeout_ms = 50;
	c = send_on(f, "get a\r\n");
	assert_true(RIG_EXPECT(f->rig, c, REFUSED));
	assert_int_equal(session_usage(f->rig->session).requests, 1);
	rig_sleep(f->rig, 300 * NS_PER_MS);
	assert_int_equal(session_usage(f->rig->session).requests, 0);
	assert_int_equal(stat(f, STAT_server_err), 1);
}

static void test_no_time_out(void **state)
{
	struct fix *f = *state;
	struct rig_client *c = send_on(f, "get a\r\n");

	wait_requests(f, 1);
	rig_sleep(f->rig, 3600 * NS_PER_SEC);
	assert_int_equal(c->received, 0);
	f->fake->reply = "+OK\r\n";
	assert_true(RIG_EXPECT(f->rig, c, "+OK\r\n"));
}

static void test_away(void **state)
{
	struct fix *f = *state;
	struct rig_client *c;

	fake_away(f->fake);
	c = send_on(f, "get a\r\nping\r\nset b 1\r\n");
	assert_true(RIG_EXPECT(f->rig, c, REFUSED "+PONG\r\n" REFUSED));
	assert_true(stat(f, STAT_server_dropped_requests) >= 2);
	// Back: found by itself, after the pause.
	f->fake->reply = "+OK\r\n";
	fake_back(f->fake);
	rig_sleep(f->rig, 1100 * NS_PER_MS);
	assert_true(RIG_ASK(f->rig, c, "get a\r\n", "+OK\r\n"));
	assert_int_equal(store_usage(f->rig->store).connected, 2);
}

static void test_dies_with_requests_in_flight(void **state)
{
	struct fix *f = *state;
	struct rig_client *a = send_on(f, "get a\r\nping\r\nget b\r\nget c\r\n");
	struct rig_client *b;
	unsigned busy;

	wait_requests(f, 3);
	busy = (unsigned)fake_busy(f->fake);
	// Another client is on the other connection, and lives.
	b = send_on(f, "get x\r\n");
	wait_requests(f, 4);
	assert_int_equal(fake_send(f->fake, busy, "$1\r\nA\r\n$5\r\nhal", 14), 14);
	assert_true(RIG_EXPECT(f->rig, a, "$1\r\nA\r\n+PONG\r\n"));
	fake_close(f->fake, busy);
	assert_true(RIG_EXPECT(f->rig, a, REFUSED REFUSED));
	f->fake->reply = "+X\r\n";
	assert_true(RIG_EXPECT(f->rig, b, "+X\r\n"));
	assert_true(RIG_ASK(f->rig, a, "get d\r\n", "+X\r\n"));
	assert_int_equal(stat(f, STAT_server_eof), 1);
}

static void nonsense(struct fix *f, const char *bytes)
{
	struct rig_client *c = send_on(f, "get a\r\n");
	uint64_t before = stat(f, STAT_server_err);
	unsigned busy;

	wait_requests(f, 1);
	busy = (unsigned)fake_busy(f->fake);
	assert_int_equal(fake_send(f->fake, busy, bytes, strlen(bytes)), strlen(bytes));
	assert_true(RIG_EXPECT(f->rig, c, REFUSED));
	assert_int_equal(stat(f, STAT_server_err), before + 1);
	rig_sleep(f->rig, 1100 * NS_PER_MS);
}

static void test_nonsense(void **state)
{
	struct fix *f = *state;

	nonsense(f, "hello\r\n");
	nonsense(f, "$x\r\n");
	nonsense(f, "*2\r\n:1\r\n?\r\n");
}

static void test_reply_to_nothing(void **state)
{
	struct fix *f = *state;
	struct rig_client *c;

	f->fake->reply = "+OK\r\n";
	c = send_on(f, "get a\r\n");
	assert_true(RIG_EXPECT(f->rig, c, "+OK\r\n"));
	fake_send(f->fake, (unsigned)fake_busy(f->fake), "+MORE\r\n", 7);
	rig_sleep(f->rig, 100 * NS_PER_MS);
	assert_int_equal(stat(f, STAT_server_err), 1);
	assert_int_equal(c->in_len, 0);
	rig_sleep(f->rig, 1100 * NS_PER_MS);
	assert_true(RIG_ASK(f->rig, c, "get a\r\n", "+OK\r\n"));
}

static void test_eject(void **state)
{
	struct rig_config config = rig_config_default("");
	struct rig_client *c;
	struct fix *f;

	config.store.auto_eject = true;
	config.store.failure_limit = 2;
	config.store.retry_timeout = 3 * NS_PER_SEC;
	f = fix_new(&config);
	fake_away(f->fake);
	c = send_on(f, "get a\r\n");
	assert_true(RIG_EXPECT(f->rig, c, REFUSED));
	rig_sleep(f->rig, 500 * NS_PER_MS);
	assert_true(store_usage(f->rig->store).ejected);
	assert_int_equal(stat(f, STAT_server_ejects), 1);
	f->fake->reply = "+OK\r\n";
	fake_back(f->fake);
	// Nothing is tried before its time, though it would work.
	rig_sleep(f->rig, 2 * NS_PER_SEC);
	assert_true(RIG_ASK(f->rig, c, "get a\r\n", REFUSED));
	assert_int_equal(f->fake->accepted, 0);
	rig_sleep(f->rig, 2 * NS_PER_SEC);
	assert_true(RIG_ASK(f->rig, c, "get a\r\n", "+OK\r\n"));
	assert_false(store_usage(f->rig->store).ejected);
	*state = f;
	teardown(state);
}

// Replies in pieces of every size, to clients in turn.
static void test_replies_cut_anywhere(void **state)
{
	static const char replies[] =
		"+OK\r\n$5\r\nhello\r\n*2\r\n:1\r\n*1\r\n$-1\r\n-ERR no\r\n:7\r\n";
	struct fix *f = *state;
	struct rig_client *c = rig_connect(f->rig);

	for (size_t cut = 1; cut < sizeof(replies) - 1; cut++) {
		uint64_t before = fake_requests(f->fake);
		unsigned busy;

		rig_send(f->rig, c, "get a\r\nget b\r\nget c\r\nget d\r\nget e\r\n", 35);
		wait_requests(f, before + 5);
		busy = (unsigned)fake_busy(f->fake);
		fake_send(f->fake, busy, replies, cut);
		rig_sleep(f->rig, NS_PER_MS);
		fake_send(f->fake, busy, replies + cut, sizeof(replies) - 1 - cut);
		f->fake->conns[busy].owed = 0;
		assert_true(RIG_EXPECT(f->rig, c, replies));
	}
}

static void test_client_gone_with_requests_in_flight(void **state)
{
	struct fix *f = *state;
	struct rig_client *c = send_on(f, "get a\r\nget b\r\nget c\r\n");
	struct rig_client *other;

	wait_requests(f, 3);
	other = send_on(f, "get o\r\n");
	wait_requests(f, 4);
	tcp_abort(c->conn);
	c->conn = NULL;
	rig_sleep(f->rig, NS_PER_MS);
	assert_int_equal(session_clients(f->rig->session), 1);
	assert_int_equal(session_usage(f->rig->session).requests, 4);
	assert_int_equal(stat(f, STAT_client_dropped_requests), 3);
	f->fake->reply = "+O\r\n";
	assert_true(RIG_EXPECT(f->rig, other, "+O\r\n"));
	rig_sleep(f->rig, NS_PER_MS);
	assert_int_equal(session_usage(f->rig->session).requests, 0);
}

static void test_large_request_while_away(void **state)
{
	struct fix *f = *state;
	size_t value = 2 * MB;
	char *set = malloc(value + 64);
	size_t n = (size_t)sprintf(set, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%zu\r\n", value);
	struct rig_client *c;

	memset(set + n, 'x', value);
	memcpy(set + n + value, "\r\nping\r\n", 8);
	fake_away(f->fake);
	c = rig_connect(f->rig);
	rig_send(f->rig, c, set, n + value + 8);
	assert_true(RIG_EXPECT(f->rig, c, REFUSED "+PONG\r\n"));
	assert_int_equal(c->out_len, 0);
	free(set);
}

// Its time runs while it waits for a connection, and once it is written.
static void test_large_requests_time_out(void **state)
{
	struct rig_config config = rig_config_default("");
	size_t value = MB;
	char *set = malloc(value + 64);
	size_t n = (size_t)sprintf(set, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%zu\r\n", value);
	struct rig_client *c[3];
	struct fix *f;

	memset(set + n, 'x', value);
	memcpy(set + n + value, "\r\nping\r\n", 8);
	config.store.bulk = 1;
	f = fix_new(&config);
	f->rig->snapshot->timeout_ms = 100;
	for (unsigned i = 0; i < 3; i++) {
		c[i] = rig_connect(f->rig);
		rig_send(f->rig, c[i], set, n + value + 8);
	}
	rig_sleep(f->rig, 95 * NS_PER_MS);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(c[i]->received, 0);
	for (unsigned i = 0; i < 3; i++)
		assert_true(RIG_EXPECT(f->rig, c[i], REFUSED "+PONG\r\n"));
	assert_int_equal(stat(f, STAT_server_timedout_requests), 3);
	assert_int_equal(fake_requests(f->fake), 1);
	free(set);
	*state = f;
	teardown(state);
}

static void test_dies_in_a_large_request(void **state)
{
	struct fix *f = *state;
	size_t value = 8 * MB;
	char *set = malloc(value + 64);
	size_t n = (size_t)sprintf(set, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%zu\r\n", value);
	struct rig_client *c;

	memset(set + n, 'x', value);
	memcpy(set + n + value, "\r\nping\r\n", 8);
	c = rig_connect(f->rig);
	rig_send(f->rig, c, set, n + value + 8);
	while (fake_busy(f->fake) < 0 || f->fake->conns[fake_busy(f->fake)].bytes < MB)
		rig_turn(f->rig);
	fake_close(f->fake, (unsigned)fake_busy(f->fake));
	assert_true(RIG_EXPECT(f->rig, c, REFUSED "+PONG\r\n"));
	free(set);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_connects_with_the_first_request),
		cmocka_unit_test(test_preconnect),
		TEST(test_time_out),
		TEST(test_stuck_store),
		TEST(test_no_time_out),
		TEST(test_away),
		TEST(test_dies_with_requests_in_flight),
		TEST(test_nonsense),
		TEST(test_reply_to_nothing),
		cmocka_unit_test(test_eject),
		TEST(test_replies_cut_anywhere),
		TEST(test_client_gone_with_requests_in_flight),
		TEST(test_large_request_while_away),
		cmocka_unit_test(test_large_requests_time_out),
		TEST(test_dies_in_a_large_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
