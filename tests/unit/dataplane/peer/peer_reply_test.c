// What a peer says: replies cut anywhere, ids that do not fit, nonsense; long replies, and clients
// that take them slowly.
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/proto/dnode_ext.h"
#include "tests/support/peer_rig.h"

#define GET "*2\r\n$3\r\nget\r\n$3\r\nfoo\r\n"
#define KB ((size_t)1024)

static struct peer_rig *mute_with(struct peer_rig_options *options)
{
	struct peer_rig *rig = peer_rig_new(options);

	rig->fake[0]->reply = NULL;
	return rig;
}

static struct peer_rig *mute(void)
{
	struct peer_rig_options options = peer_rig_options(2);

	return mute_with(&options);
}

// So many requests, which the peer has.
static void ask_some(struct peer_rig *rig, struct asked **a, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		a[i] = peer_rig_text(rig, 0, 0, 0, GET);
	peer_rig_run(rig, 20 * NS_PER_MS);
	assert_int_equal(peers_usage(rig->peers).in_flight, n);
}

static uint64_t id_of(const struct peer_rig *rig, unsigned i)
{
	return rig->fake[0]->request[i].id;
}

static void say(struct peer_rig *rig, const char *text)
{
	peer_fake_say(rig->fake[0], 0, text, strlen(text));
	peer_rig_run(rig, 10 * NS_PER_MS);
}

static void answer(struct peer_rig *rig, uint64_t id, const char *text)
{
	peer_fake_answer(rig->fake[0], 0, id, text, strlen(text));
	peer_rig_run(rig, 10 * NS_PER_MS);
}

static void replies_cut_at_every_byte(void **state)
{
	static const char *const replies[] = {"+OK\r\n", "$5\r\nhello\r\n",
		"*2\r\n:1\r\n*1\r\n$-1\r\n", "-ERR no\r\n", "$0\r\n\r\n"};
	struct peer_rig *rig = mute();
	unsigned seen = 0;

	(void)state;
	for (size_t cut = 1; cut < 260; cut++) {
		struct asked *a[5];
		size_t whole;

		ask_some(rig, a, 5);
		for (unsigned i = 0; i < 5; i++)
			peer_fake_answer(rig->fake[0], 0, id_of(rig, seen + i), replies[i],
				strlen(replies[i]));
		seen += 5;
		whole = rig->fake[0]->conn[0].out_len;
		assert_in_range(whole, 255, 290);
		rig->fake[0]->step = cut;
		peer_rig_run(rig, 2 * NS_PER_MS);
		rig->fake[0]->step = 0;
		peer_rig_run(rig, 20 * NS_PER_MS);
		for (unsigned i = 0; i < 5; i++)
			assert_true(peer_rig_got(a[i], replies[i]));
	}
	assert_int_equal(peer_rig_info(rig, 0).num[PEER_NUM_errors], 259);
	assert_int_equal(peer_rig_stat(rig, STAT_peer_forward_error), 259);
	peer_rig_free(rig);
}

static void replies_byte_by_byte(void **state)
{
	struct peer_rig *rig = mute();
	struct asked *a[3];

	(void)state;
	ask_some(rig, a, 3);
	rig->fake[0]->step = 1;
	for (unsigned i = 0; i < 3; i++)
		answer(rig, id_of(rig, i), "*2\r\n$3\r\nabc\r\n:5\r\n");
	peer_rig_run(rig, 500 * NS_PER_MS);
	for (unsigned i = 0; i < 3; i++)
		assert_true(peer_rig_got(a[i], "*2\r\n$3\r\nabc\r\n:5\r\n"));
	peer_rig_free(rig);
}

// A reply to what is over is dropped, and costs nobody anything.
static void an_id_that_is_too_low(void **state)
{
	struct peer_rig *rig = mute();
	struct asked *a[2];

	(void)state;
	ask_some(rig, a, 2);
	answer(rig, id_of(rig, 0) - 1, "$3\r\nold\r\n");
	assert_false(a[0]->back);
	answer(rig, id_of(rig, 0), "+A\r\n");
	answer(rig, id_of(rig, 0), "+AGAIN\r\n");
	assert_true(peer_rig_got(a[0], "+A\r\n"));
	assert_false(a[1]->back);
	answer(rig, id_of(rig, 1), "+B\r\n");
	assert_true(peer_rig_got(a[1], "+B\r\n"));
	// None in flight at all.
	answer(rig, id_of(rig, 1), "+B\r\n");
	assert_int_equal(peer_rig_info(rig, 0).num[PEER_NUM_stray], 3);
	assert_int_equal(peer_fake_open(rig->fake[0]), 1);
	peer_rig_free(rig);
}

// Those before it will never be answered.
static void an_id_that_leaves_some_out(void **state)
{
	struct peer_rig *rig = mute();
	struct asked *a[4];

	(void)state;
	ask_some(rig, a, 4);
	answer(rig, id_of(rig, 2), "+C\r\n");
	assert_int_equal(a[0]->r.error, REQUEST_ERROR_PEER_LOST);
	assert_int_equal(a[1]->r.error, REQUEST_ERROR_PEER_LOST);
	assert_true(a[0]->back && a[1]->back);
	assert_true(peer_rig_got(a[2], "+C\r\n"));
	answer(rig, id_of(rig, 3), "+D\r\n");
	assert_true(peer_rig_got(a[3], "+D\r\n"));
	assert_int_equal(peer_rig_stat(rig, STAT_peer_mismatch_requests), 2);
	peer_rig_free(rig);
}

// The peer talks on, but nothing of it makes sense any more.
static void ends(struct peer_rig *rig, unsigned n)
{
	peer_rig_run(rig, 10 * NS_PER_MS);
	assert_int_equal(peer_rig_info(rig, 0).num[PEER_NUM_nonsense], n);
	assert_int_equal(peer_rig_stat(rig, STAT_peer_err), n);
	assert_int_equal(peer_fake_open(rig->fake[0]), 0);
	assert_int_equal(rig->out, 0);
	for (const struct asked *a = rig->all; a; a = a->all_next)
		assert_int_equal(a->r.error, REQUEST_ERROR_PEER_LOST);
}

static void an_id_that_was_never_sent(void **state)
{
	struct peer_rig *rig = mute();
	struct asked *a[2];

	(void)state;
	ask_some(rig, a, 2);
	answer(rig, id_of(rig, 1) + 1, "+C\r\n");
	ends(rig, 1);
	peer_rig_free(rig);
}

static void nonsense(const char *text)
{
	struct peer_rig *rig = mute();
	struct asked *a[2];

	ask_some(rig, a, 2);
	say(rig, text);
	ends(rig, 1);
	peer_rig_free(rig);
}

static void what_makes_no_sense_ends_the_connection(void **state)
{
	(void)state;
	nonsense("+OK\r\n");
	nonsense("   $2014$ x");
	nonsense("   $2013$ 1 5");
	nonsense("\r\n");
	nonsense("   $2014$ 72057594037927936 5 0 1 1 *1 d *5\r\nhello");
	nonsense("   $2014$ 72057594037927936 5 0 1 1 *1 d *5\r\n$x\r\n");
	nonsense("   $2014$ 72057594037927936 5 0 1 1 *1 d *3\r\n\r\n+");
	// Requests, gossip, and types that there are not.
	nonsense("   $2014$ 72057594037927936 3 0 1 1 *1 d *14\r\n");
	nonsense("   $2014$ 72057594037927936 7 0 1 1 *1 a *4\r\nabcd");
	nonsense("   $2014$ 72057594037927936 99 0 1 1 *1 d *4\r\n");
	// Like one of ours, and broken.
	nonsense("   $2014$ 72057594037927936 5 0 1 1 *4 D1;; *5\r\n+OK\r\n");
}

static void encrypted_messages_are_refused(void **state)
{
	struct peer_rig *rig = mute();
	struct asked *a[1];

	(void)state;
	ask_some(rig, a, 1);
	say(rig, "   $2014$ 72057594037927936 5 1 1 1 *1 d *16\r\n");
	ends(rig, 1);
	assert_int_equal(peer_rig_info(rig, 0).num[PEER_NUM_encrypted], 1);
	peer_rig_free(rig);
}

// Replies are framed by what they are.
static void a_wrong_plen_is_counted_only(void **state)
{
	struct peer_rig *rig = mute();
	struct asked *a[2];

	(void)state;
	ask_some(rig, a, 2);
	say(rig,
		"   $2014$ 72057594037927936 5 0 1 1 *1 d *50\r\n+OK\r\n"
		"   $2014$ 72057594037927937 5 0 1 1 *1 d *5\r\n+OK\r\n");
	assert_true(peer_rig_got(a[0], "+OK\r\n"));
	assert_true(peer_rig_got(a[1], "+OK\r\n"));
	assert_int_equal(peer_rig_info(rig, 0).num[PEER_NUM_plen_wrong], 1);
	peer_rig_free(rig);
}

static void one_of_ours_is_recognised(void **state)
{
	struct peer_rig *rig = mute();
	struct asked *a[1];

	(void)state;
	ask_some(rig, a, 1);
	assert_int_equal(peer_rig_info(rig, 0).num[PEER_NUM_ours], 0);
	say(rig, "   $2014$ 72057594037927936 5 0 1 1 *6 D1;c=1 *5\r\n+OK\r\n");
	assert_true(peer_rig_got(a[0], "+OK\r\n"));
	assert_int_equal(peer_rig_info(rig, 0).num[PEER_NUM_ours], 1);
	peer_rig_free(rig);
}

// --- long replies

static char *make_bulk(size_t value, size_t *len)
{
	char *text = malloc(value + 64);

	*len = (size_t)sprintf(text, "$%zu\r\n", value);
	for (size_t i = 0; i < value; i++)
		text[(*len)++] = (char)('a' + i * 11 % 26);
	memcpy(text + *len, "\r\n", 2);
	*len += 2;
	return text;
}

static void expect_bulk(const struct asked *a, const char *bulk, size_t len)
{
	assert_true(a->back);
	assert_int_equal(a->r.error, REQUEST_ERROR_NONE);
	assert_int_equal(a->got_len, len);
	assert_memory_equal(a->got, bulk, len);
}

// All sizes around those where copying, referring and streaming begin.
static void replies_of_many_sizes(void **state)
{
	static const size_t sizes[] = {1, 100, 440, 470, 511, 512, 513, 1000, 1400, 1401, 1402,
		1403, 1448, 2048, 3000, 60 * 1024, 64 * 1024, 70 * 1024, 300 * 1024};
	struct peer_rig *rig = mute();
	unsigned seen = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t len;
		char *bulk = make_bulk(sizes[i], &len);
		struct asked *a[3];

		ask_some(rig, a, 3);
		for (unsigned k = 0; k < 3; k++)
			peer_fake_answer(rig->fake[0], 0, id_of(rig, seen + k), bulk, len);
		seen += 3;
		peer_rig_run(rig, 300 * NS_PER_MS);
		for (unsigned k = 0; k < 3; k++)
			expect_bulk(a[k], bulk, len);
		free(bulk);
	}
	peer_rig_free(rig);
}

static unsigned most_mbufs;

static bool watch(struct tcp_pair *pair, void *ctx)
{
	unsigned n = rte_mempool_in_use_count(pair->host[0].pool);

	most_mbufs = n > most_mbufs ? n : most_mbufs;
	return ((const struct asked *)ctx)->back;
}

// 8 MB through a pool of a fraction of that.
static void a_long_reply_streams(void **state)
{
	struct peer_rig *rig = mute();
	struct asked *a[2];
	size_t len;
	char *bulk = make_bulk(8192 * KB, &len);

	(void)state;
	ask_some(rig, a, 2);
	peer_fake_answer(rig->fake[0], 0, id_of(rig, 0), bulk, len);
	peer_fake_answer(rig->fake[0], 0, id_of(rig, 1), "+END\r\n", 6);
	most_mbufs = 0;
	assert_true(tcp_pair_until(rig->pair, 60 * NS_PER_SEC, watch, a[1]));
	expect_bulk(a[0], bulk, len);
	assert_true(a[0]->told > 10);
	assert_in_range(most_mbufs, 1, 1000);
	free(bulk);
	peer_rig_free(rig);
}

// What is to be held comes whole, whoever has left.
static void a_copy_is_answered_whole(void **state)
{
	struct peer_rig *rig = mute();
	struct asked *copy = peer_rig_text(rig, 0, 0, REQUEST_COPY | REQUEST_HOLD, GET);
	struct asked *held = peer_rig_text(rig, 0, 0, REQUEST_HOLD, GET);
	size_t len;
	char *bulk = make_bulk(700 * KB, &len);

	(void)state;
	peer_rig_run(rig, 20 * NS_PER_MS);
	peer_fake_answer(rig->fake[0], 0, id_of(rig, 0), bulk, len);
	peer_fake_answer(rig->fake[0], 0, id_of(rig, 1), bulk, len);
	assert_true(peer_rig_back(rig, held));
	expect_bulk(copy, bulk, len);
	expect_bulk(held, bulk, len);
	assert_int_equal(copy->told, 1);
	assert_int_equal(held->told, 1);
	free(bulk);
	peer_rig_free(rig);
}

static void what_can_not_be_held_fails_alone(void **state)
{
	struct peer_rig_options options = peer_rig_options(3);
	struct peer_rig *rig;
	struct asked *copy;
	struct asked *next;
	size_t len;
	char *bulk = make_bulk(4096 * KB, &len);

	(void)state;
	options.pair.mbufs = 2048;
	rig = mute_with(&options);
	copy = peer_rig_text(rig, 0, 0, REQUEST_COPY | REQUEST_HOLD, GET);
	next = peer_rig_text(rig, 0, 0, 0, GET);
	peer_rig_run(rig, 20 * NS_PER_MS);
	peer_fake_answer(rig->fake[0], 0, id_of(rig, 0), bulk, len);
	peer_fake_answer(rig->fake[0], 0, id_of(rig, 1), "+END\r\n", 6);
	assert_true(peer_rig_back(rig, next));
	assert_true(peer_rig_got(next, "+END\r\n"));
	assert_int_equal(copy->r.error, REQUEST_ERROR_REPLY_TOO_BIG);
	assert_int_equal(peer_fake_open(rig->fake[0]), 1);
	free(bulk);
	peer_rig_free(rig);
}

// Nobody else waits: the peer does, and nothing fills up.
static void a_slow_client_alone_stops_the_peer(void **state)
{
	struct peer_rig *rig = mute();
	struct asked *a[1];
	size_t len;
	char *bulk = make_bulk(4096 * KB, &len);

	(void)state;
	rig->paused[0] = true;
	ask_some(rig, a, 1);
	peer_fake_answer(rig->fake[0], 0, id_of(rig, 0), bulk, len);
	most_mbufs = 0;
	assert_false(tcp_pair_until(rig->pair, 20 * NS_PER_SEC, watch, a[0]));
	assert_in_range(rig->client[0].unsent, 262144, 262144 + 70 * KB);
	assert_in_range(most_mbufs, 1, 900);
	// It is not late either: it is we who do not listen.
	rig->paused[0] = false;
	assert_true(peer_rig_back(rig, a[0]));
	expect_bulk(a[0], bulk, len);
	assert_int_equal(peer_rig_stat(rig, STAT_client_slow), 0);
	free(bulk);
	peer_rig_free(rig);
}

// With memory to spare the others do not wait; without, the slow one is cut off.
static void others_do_not_wait_for_a_slow_client(void **state)
{
	struct peer_rig *rig = mute();
	struct asked *slow;
	struct asked *other;
	size_t len;
	char *bulk = make_bulk(2048 * KB, &len);

	(void)state;
	rig->paused[0] = true;
	slow = peer_rig_text(rig, 0, 0, 0, GET);
	other = peer_rig_text(rig, 0, 1, 0, GET);
	peer_rig_run(rig, 20 * NS_PER_MS);
	peer_fake_answer(rig->fake[0], 0, id_of(rig, 0), bulk, len);
	peer_fake_answer(rig->fake[0], 0, id_of(rig, 1), "+END\r\n", 6);
	assert_true(peer_rig_back(rig, other));
	assert_true(peer_rig_got(other, "+END\r\n"));
	assert_int_equal(peer_rig_stat(rig, STAT_client_slow), 0);
	rig->paused[0] = false;
	assert_true(peer_rig_back(rig, slow));
	peer_rig_run(rig, NS_PER_MS);
	expect_bulk(slow, bulk, len);
	free(bulk);
	peer_rig_free(rig);
}

static void a_slow_client_is_cut_off_when_memory_is_scarce(void **state)
{
	struct peer_rig_options options = peer_rig_options(4);
	struct peer_rig *rig;
	struct asked *other;
	size_t len;
	char *bulk = make_bulk(4096 * KB, &len);

	(void)state;
	options.pair.mbufs = 1024;
	rig = mute_with(&options);
	rig->paused[0] = true;
	peer_rig_text(rig, 0, 0, 0, GET);
	other = peer_rig_text(rig, 0, 1, 0, GET);
	peer_rig_run(rig, 20 * NS_PER_MS);
	peer_fake_answer(rig->fake[0], 0, id_of(rig, 0), bulk, len);
	peer_fake_answer(rig->fake[0], 0, id_of(rig, 1), "+END\r\n", 6);
	assert_true(peer_rig_back(rig, other));
	assert_true(peer_rig_got(other, "+END\r\n"));
	assert_int_equal(peer_rig_stat(rig, STAT_client_slow), 1);
	free(bulk);
	peer_rig_free(rig);
}

// A client that left in the middle of its reply: the rest goes nowhere.
static void the_rest_of_an_orphans_reply_is_dropped(void **state)
{
	struct peer_rig *rig = mute();
	struct asked *a[2];
	size_t len;
	char *bulk = make_bulk(1024 * KB, &len);

	(void)state;
	ask_some(rig, a, 1);
	rig->paused[0] = true;
	peer_fake_answer(rig->fake[0], 0, id_of(rig, 0), bulk, len);
	peer_rig_run(rig, 500 * NS_PER_MS);
	assert_false(a[0]->back);
	peer_rig_orphan(rig, 0);
	a[1] = peer_rig_text(rig, 0, 1, 0, GET);
	peer_rig_run(rig, 500 * NS_PER_MS);
	answer(rig, id_of(rig, 1), "+B\r\n");
	assert_true(a[0]->back);
	assert_true(peer_rig_got(a[1], "+B\r\n"));
	free(bulk);
	peer_rig_free(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replies_cut_at_every_byte),
		cmocka_unit_test(replies_byte_by_byte),
		cmocka_unit_test(an_id_that_is_too_low),
		cmocka_unit_test(an_id_that_leaves_some_out),
		cmocka_unit_test(an_id_that_was_never_sent),
		cmocka_unit_test(what_makes_no_sense_ends_the_connection),
		cmocka_unit_test(encrypted_messages_are_refused),
		cmocka_unit_test(a_wrong_plen_is_counted_only),
		cmocka_unit_test(one_of_ours_is_recognised),
		cmocka_unit_test(replies_of_many_sizes),
		cmocka_unit_test(a_long_reply_streams),
		cmocka_unit_test(a_copy_is_answered_whole),
		cmocka_unit_test(what_can_not_be_held_fails_alone),
		cmocka_unit_test(a_slow_client_alone_stops_the_peer),
		cmocka_unit_test(others_do_not_wait_for_a_slow_client),
		cmocka_unit_test(a_slow_client_is_cut_off_when_memory_is_scarce),
		cmocka_unit_test(the_rest_of_an_orphans_reply_is_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
