// Clients that do not read, stores that do not: what is held is bounded, and nobody else waits
// long.
#include "tests/unit/dataplane/store/fake_fixture.h"

// Feeds a reply as fast as it is taken.
struct feed {
	struct store_fake *fake;
	unsigned conn;
	const char *bytes;
	size_t len;
	size_t sent;
};

static void feed_turn(void *ctx)
{
	struct feed *feed = ctx;

	fake_turn(feed->fake);
	if (feed->sent < feed->len)
		feed->sent += fake_send(
			feed->fake, feed->conn, feed->bytes + feed->sent, feed->len - feed->sent);
}

static struct feed feed_new(struct fix *f, size_t value)
{
	char *bytes = malloc(value + 32);
	size_t n = (size_t)sprintf(bytes, "$%zu\r\n", value);

	for (size_t i = 0; i < value; i++)
		bytes[n + i] = (char)(i * 7 + (i >> 11));
	memcpy(bytes + n + value, "\r\n", 2);
	return (struct feed){.fake = f->fake,
		.conn = (unsigned)fake_busy(f->fake),
		.bytes = bytes,
		.len = n + value + 2};
}

static void test_slow_reader_alone(void **state)
{
	struct fix *f = *state;
	struct rig_client *c = send_on(f, "get a\r\n");
	struct feed feed;

	wait_requests(f, 1);
	feed = feed_new(f, 4 * MB);
	f->rig->each_turn = feed_turn;
	f->rig->ctx = &feed;
	c->paused = true;
	rig_sleep(f->rig, 10 * NS_PER_SEC);
	// What it does not take, nobody holds: a few buffers, and the store waits.
	assert_true(feed.sent < 2 * MB);
	assert_true(f->rig->big_peak < 60);
	assert_int_equal(stat(f, STAT_client_slow), 0);
	c->paused = false;
	assert_true(rig_expect(f->rig, c, feed.bytes, feed.len));
	f->fake->conns[feed.conn].owed = 0;
	f->rig->each_turn = fake_turn;
	f->rig->ctx = f->fake;
	free((void *)(uintptr_t)feed.bytes);
}

// Its connection becomes its own, and the others do not notice.
static void test_slow_reader_is_left_behind(void **state)
{
	struct fix *f = *state;
	struct rig_client *slow = send_on(f, "get a\r\n");
	struct rig_client *others[4];
	struct feed feed;

	wait_requests(f, 1);
	feed = feed_new(f, 4 * MB);
	f->rig->each_turn = feed_turn;
	f->rig->ctx = &feed;
	slow->paused = true;
	rig_sleep(f->rig, 100 * NS_PER_MS);
	assert_int_equal(store_usage(f->rig->store).slow, 1);
	f->fake->conns[feed.conn].owed = 0;
	f->fake->reply = "+B\r\n";
	for (unsigned i = 0; i < 4; i++)
		others[i] = send_on(f, "get b\r\n");
	rig_sleep(f->rig, 5 * NS_PER_MS);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(others[i]->in_len, 4);
	rig_sleep(f->rig, 4 * NS_PER_SEC);
	assert_int_equal(stat(f, STAT_client_slow), 0);
	assert_int_equal(stat(f, STAT_server_diverted), 1);
	slow->paused = false;
	assert_true(rig_expect(f->rig, slow, feed.bytes, feed.len));
	rig_sleep(f->rig, 10 * NS_PER_MS);
	assert_int_equal(store_usage(f->rig->store).slow, 0);
	assert_true(RIG_ASK(f->rig, slow, "get c\r\n", "+B\r\n"));
	f->rig->each_turn = fake_turn;
	f->rig->ctx = f->fake;
	free((void *)(uintptr_t)feed.bytes);
}

static void test_slow_reader_in_the_way(void **state)
{
	struct rig_config config = rig_config_default("");
	struct rig_client *others[4];
	struct rig_client *slow;
	struct feed feed;
	struct fix *f;

	f = fix_new(&config);
	slow = send_on(f, "get a\r\n");
	wait_requests(f, 1);
	// Four clients over two connections: some of them are behind it.
	for (unsigned i = 0; i < 4; i++)
		others[i] = send_on(f, "get b\r\n");
	wait_requests(f, 5);
	feed = feed_new(f, 4 * MB);
	f->rig->each_turn = feed_turn;
	f->rig->ctx = &feed;
	slow->paused = true;
	rig_sleep(f->rig, 4 * NS_PER_SEC);
	assert_int_equal(stat(f, STAT_client_slow), 1);
	slow->paused = false;
	assert_true(rig_closed(f->rig, slow));
	// Its reply is read to the end and thrown away.
	rig_sleep(f->rig, 100 * NS_PER_MS);
	assert_int_equal(feed.sent, feed.len);
	f->rig->each_turn = fake_turn;
	f->rig->ctx = f->fake;
	f->fake->conns[feed.conn].owed--;
	f->fake->reply = "+B\r\n";
	for (unsigned i = 0; i < 4; i++)
		assert_true(RIG_EXPECT(f->rig, others[i], "+B\r\n"));
	free((void *)(uintptr_t)feed.bytes);
	*state = f;
	teardown(state);
}

// The same with many whole replies, none of them large.
static void test_slow_reader_of_many_replies(void **state)
{
	enum { ONE = 60000, N = 60 };
	static char reply[ONE + 16];
	static char many[N * 6];
	struct fix *f = *state;
	struct rig_client *others[4];
	struct rig_client *slow = rig_connect(f->rig);
	struct rig_client *filler = rig_connect(f->rig);

	sprintf(reply, "$%u\r\n%0*d\r\n", ONE, ONE, 7);
	for (unsigned i = 0; i < N; i++)
		memcpy(many + (size_t)i * 6, "get k\n", 6);
	f->fake->deaf = true;
	rig_send(f->rig, slow, many, sizeof(many));
	rig_sleep(f->rig, 10 * NS_PER_MS);
	// The other connection is even busier, so that the others are behind the slow one.
	filler->discard = true;
	rig_send(f->rig, filler, many, sizeof(many));
	rig_sleep(f->rig, 10 * NS_PER_MS);
	rig_send(f->rig, filler, many, sizeof(many));
	rig_sleep(f->rig, 10 * NS_PER_MS);
	for (unsigned i = 0; i < 4; i++)
		others[i] = send_on(f, "get b\r\n");
	slow->paused = true;
	f->fake->reply = reply;
	f->fake->deaf = false;
	rig_sleep(f->rig, 4 * NS_PER_SEC);
	assert_int_equal(stat(f, STAT_client_slow), 1);
	for (unsigned i = 0; i < 4; i++)
		assert_true(rig_expect(f->rig, others[i], reply, strlen(reply)));
	slow->paused = false;
	assert_true(rig_closed(f->rig, slow));
	assert_true(slow->received < (uint64_t)N * ONE);
	// Its replies are read to their end.
	rig_sleep(f->rig, 100 * NS_PER_MS);
	assert_int_equal(session_usage(f->rig->session).requests, 0);
}

// Those who take no more of a connection for large requests than they use are served in the end.
static void test_stalled_large_requests(void **state)
{
	static const char head[] = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1000000\r\n";
	struct fix *f = *state;
	struct rig_client *stalled[4];
	struct rig_client *c;
	size_t n = sizeof(head) - 1;
	char *set = malloc(n + 1000002);

	f->fake->reply = "+OK\r\n";
	memcpy(set, head, n);
	memset(set + n, 'x', 1000000);
	memcpy(set + n + 1000000, "\r\n", 2);
	for (unsigned i = 0; i < 4; i++) {
		stalled[i] = rig_connect(f->rig);
		rig_send(f->rig, stalled[i], set, n + 5000);
	}
	rig_sleep(f->rig, 60 * NS_PER_SEC);
	assert_int_equal(stat(f, STAT_client_slow), 0);
	assert_int_equal(store_usage(f->rig->store).in_flight, 4);
	c = rig_connect(f->rig);
	rig_send(f->rig, c, set, n + 1000002);
	assert_true(RIG_EXPECT(f->rig, c, "+OK\r\n"));
	assert_true(rig_closed(f->rig, stalled[0]));
	assert_true(stat(f, STAT_client_slow) >= 1);
	free(set);
}

// After a part of the reply was sent there is only one way to say that the rest will not come.
static void test_dies_in_a_large_reply(void **state)
{
	struct fix *f = *state;
	struct rig_client *c = send_on(f, "get a\r\nget b\r\n");
	struct feed feed;

	wait_requests(f, 2);
	feed = feed_new(f, MB);
	feed.len = MB / 2;
	f->rig->each_turn = feed_turn;
	f->rig->ctx = &feed;
	assert_true(rig_receive(f->rig, c, MB / 4));
	fake_close(f->fake, feed.conn);
	f->rig->each_turn = fake_turn;
	f->rig->ctx = f->fake;
	assert_true(rig_closed(f->rig, c));
	assert_false(c->eof);
	free((void *)(uintptr_t)feed.bytes);
}

// A store that reads nothing: clients are not read either, and nothing grows.
static void test_deaf_store(void **state)
{
	struct fix *f = *state;
	struct rig_client *c;
	size_t len = 80000 * 14;
	char *many = malloc(len + 1);

	for (size_t i = 0; i < len; i += 14)
		memcpy(many + i, "get something\n", 14);
	f->fake->deaf = true;
	c = rig_connect(f->rig);
	rig_send(f->rig, c, many, len);
	rig_sleep(f->rig, 5 * NS_PER_SEC);
	assert_true(session_usage(f->rig->session).requests <= 1024);
	assert_true(c->sent < len);
	f->fake->deaf = false;
	f->fake->reply = "+OK\r\n";
	assert_true(rig_receive(f->rig, c, (size_t)80000 * 5));
	free(many);
}

// A client that asks and asks and never reads: it is not read either.
static void test_client_that_does_not_read(void **state)
{
	static char reply[1100];
	struct fix *f = *state;
	struct rig_client *c;
	size_t n = 20000;
	char *many = malloc(n * 6 + 1);

	sprintf(reply, "$1024\r\n%01024d\r\n", 7);
	for (size_t i = 0; i < n * 6; i += 6)
		memcpy(many + i, "get k\n", 6);
	f->fake->reply = reply;
	c = rig_connect(f->rig);
	c->paused = true;
	rig_send(f->rig, c, many, n * 6);
	rig_sleep(f->rig, 5 * NS_PER_SEC);
	assert_true(fake_requests(f->fake) < 5000);
	assert_true(f->rig->big_peak < 200);
	c->paused = false;
	assert_true(rig_receive(f->rig, c, n * strlen(reply)));
	assert_int_equal(c->in_len, n * strlen(reply));
	free(many);
}

// The same with answers of our own, which are large.
static void test_client_that_asks_for_the_table(void **state)
{
	enum { N = 1000 };
	struct fix *f = *state;
	struct rig_client *c = rig_connect(f->rig);
	static char many[N * 14 + 1];
	size_t one;

	assert_true(RIG_ASK(f->rig, c, "command docs\r\n", "*"));
	rig_sleep(f->rig, 10 * NS_PER_MS);
	one = c->in_len + 1;
	c->in_len = 0;
	for (unsigned i = 0; i < N; i++)
		memcpy(many + (size_t)i * 14, "command docs\r\n", 14);
	c->paused = true;
	rig_send(f->rig, c, many, N * 14);
	rig_sleep(f->rig, 5 * NS_PER_SEC);
	assert_true(f->rig->pool_peak < 2000);
	c->paused = false;
	assert_true(rig_receive(f->rig, c, N * one));
	assert_int_equal(c->in_len, N * one);
}

// Those who take their replies slowly may not hold all the buffers.
static void test_slow_readers_hold_all_buffers(void **state)
{
	enum { ONE = 480000, SLOW = 12 };
	struct rig_config config = rig_config_default("");
	char *reply = malloc(ONE + 16);
	struct rig_client *slow[SLOW];
	struct rig_client *c;
	struct fix *f;

	sprintf(reply, "$%u\r\n%0*d\r\n", ONE, ONE, 7);
	config.big_mbufs = 127;
	f = fix_new(&config);
	f->fake->reply = reply;
	for (unsigned i = 0; i < SLOW; i++) {
		slow[i] = rig_connect(f->rig);
		slow[i]->paused = true;
		rig_send(f->rig, slow[i], "get a\r\n", 7);
	}
	rig_sleep(f->rig, 5 * NS_PER_SEC);
	assert_true(stat(f, STAT_client_slow) > 0);
	c = rig_connect(f->rig);
	rig_send(f->rig, c, "get a\r\n", 7);
	assert_true(rig_expect(f->rig, c, reply, strlen(reply)));
	*state = f;
	teardown(state);
	free(reply);
}

// max_msgs: those who come too late wait, nobody fails.
static void test_all_requests_in_use(void **state)
{
	struct rig_config config = rig_config_default("");
	struct rig_client *c[8];
	struct fix *f;

	config.session.requests_max = 16;
	f = fix_new(&config);
	for (unsigned i = 0; i < 8; i++)
		c[i] = send_on(f, "get a\r\nget b\r\nget c\r\nget d\r\nget e\r\n");
	rig_sleep(f->rig, 10 * NS_PER_MS);
	assert_int_equal(session_usage(f->rig->session).requests, 16);
	f->fake->reply = "+OK\r\n";
	for (unsigned i = 0; i < 8; i++)
		assert_true(RIG_EXPECT(f->rig, c[i], "+OK\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n"));
	*state = f;
	teardown(state);
}

// No buffers for a while: everything waits, nothing is lost.
static void test_no_buffers(void **state)
{
	struct rig_config config = rig_config_default("");
	struct rte_mbuf *taken[64];
	struct rig_client *c;
	unsigned n = 0;
	struct fix *f;

	config.big_mbufs = 63;
	f = fix_new(&config);
	f->fake->reply = "$3\r\nabc\r\n";
	while (n < 64 && (taken[n] = rte_pktmbuf_alloc(f->rig->big)))
		n++;
	c = send_on(f, "get a\r\nget b\r\n");
	rig_sleep(f->rig, 10 * NS_PER_MS);
	assert_int_equal(c->received, 0);
	rte_pktmbuf_free_bulk(taken, n);
	assert_true(RIG_EXPECT(f->rig, c, "$3\r\nabc\r\n$3\r\nabc\r\n"));
	*state = f;
	teardown(state);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_slow_reader_alone),
		TEST(test_slow_reader_is_left_behind),
		cmocka_unit_test(test_slow_reader_in_the_way),
		TEST(test_slow_reader_of_many_replies),
		TEST(test_stalled_large_requests),
		TEST(test_dies_in_a_large_reply),
		TEST(test_deaf_store),
		TEST(test_client_that_does_not_read),
		TEST(test_client_that_asks_for_the_table),
		cmocka_unit_test(test_slow_readers_hold_all_buffers),
		cmocka_unit_test(test_all_requests_in_use),
		cmocka_unit_test(test_no_buffers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
