// Peers that come, go, stay silent, and come back; and how their connections live through changes
// of the ring.
#include "tests/unit/dataplane/peer/ask_fixture.h"

static void connects_before_it_is_asked(void **state)
{
	struct peer_rig_options options = peer_rig_options(5);
	struct peer_rig *rig;

	(void)state;
	options.fakes = 3;
	options.remote = 1;
	options.peers.local_connections = 2;
	options.peers.remote_connections = 3;
	rig = peer_rig_new(&options);
	peer_rig_run(rig, 50 * NS_PER_MS);
	assert_int_equal(peers_usage(rig->peers).connected, 7);
	assert_int_equal(rig->fake[0]->conn_n, 2);
	assert_int_equal(rig->fake[2]->conn_n, 3);
	assert_int_equal(peer_rig_health(rig, 0), PEER_UP);
	assert_int_equal(peer_rig_stat(rig, STAT_peer_connections), 7);
	// An idle stage wants no turns.
	assert_int_equal(peers_next(rig->peers).ns, MONO_NEVER.ns);
	peer_rig_free(rig);
}

static void connects_when_it_is_asked(void **state)
{
	struct peer_rig_options options = peer_rig_options(5);
	struct peer_rig *rig;
	struct asked *a;

	(void)state;
	options.peers.preconnect = false;
	options.peers.local_connections = 2;
	rig = peer_rig_new(&options);
	peer_rig_run(rig, NS_PER_SEC);
	assert_int_equal(rig->fake[0]->conn_n, 0);
	assert_int_equal(peer_rig_health(rig, 0), PEER_UNKNOWN);
	a = ask(rig, 0);
	answered(rig, a);
	assert_int_equal(rig->fake[0]->conn_n, 1);
	peer_rig_free(rig);
}

// A peer that was not found down yet is waited for, but not longer than it may take to connect.
static void waits_for_the_first_connection(void **state)
{
	struct peer_rig *rig = simple(1);
	struct mono start = rig->pair->now;
	struct asked *a = ask(rig, 0);
	struct asked *late;

	(void)state;
	rig->snapshot->timeout_ms = 60000;
	rig->pair->link.down = true;
	peer_rig_run(rig, 2900 * NS_PER_MS);
	assert_false(a->back);
	fails(rig, a, REQUEST_ERROR_PEER_AWAY);
	assert_in_range(mono_since(rig->pair->now, start), 3000 * NS_PER_MS, 3020 * NS_PER_MS);
	assert_int_equal(peer_rig_health(rig, 0), PEER_DOWN);
	late = ask(rig, 0);
	peer_rig_run(rig, NS_PER_MS);
	assert_true(late->back);
	rig->pair->link.down = false;
	peer_rig_run(rig, 6 * NS_PER_SEC);
	assert_int_equal(peer_rig_health(rig, 0), PEER_UP);
	answered(rig, ask(rig, 0));
	peer_rig_free(rig);
}

static void a_request_does_not_wait_beyond_its_time(void **state)
{
	struct peer_rig *rig = simple(1);
	struct mono start = rig->pair->now;
	struct asked *a = ask(rig, 0);

	(void)state;
	rig->pair->link.down = true;
	fails(rig, a, REQUEST_ERROR_PEER_AWAY);
	assert_in_range(mono_since(rig->pair->now, start), 1200 * NS_PER_MS, 1220 * NS_PER_MS);
	assert_int_equal(peer_rig_stat(rig, STAT_peer_timedout_requests), 1);
	rig->pair->link.down = false;
	peer_rig_free(rig);
}

// TCP misses an acknowledgement long before a request is out of time: whoever can ask others does.
static void without_a_sign_of_life_it_is_late(void **state)
{
	struct peer_rig *rig = simple(1);
	struct asked *a;

	(void)state;
	answered(rig, ask(rig, 0));
	rig->pair->link.down = true;
	a = ask(rig, 0);
	peer_rig_run(rig, 100 * NS_PER_MS);
	assert_int_equal(peer_rig_health(rig, 0), PEER_UP);
	peer_rig_run(rig, 400 * NS_PER_MS);
	assert_int_equal(peer_rig_health(rig, 0), PEER_LATE);
	assert_false(a->back);
	rig->pair->link.down = false;
	answered(rig, a);
	assert_int_equal(peer_rig_health(rig, 0), PEER_UP);
	assert_int_equal(peer_rig_stat(rig, STAT_peer_ejects), 0);
	peer_rig_free(rig);
}

static void a_peer_that_refuses_is_tried_again(void **state)
{
	struct peer_rig *rig = simple(1);
	struct peer_info info;

	(void)state;
	peer_fake_away(rig->fake[0]);
	fails(rig, ask(rig, 0), REQUEST_ERROR_PEER_AWAY);
	peer_rig_run(rig, 30 * NS_PER_SEC);
	info = peer_rig_info(rig, 0);
	// 0.1, 0.2, ... 1 s, each between half and all of that.
	assert_in_range(info.num[PEER_NUM_refused], 30, 65);
	assert_int_equal(info.num[PEER_NUM_failures], info.num[PEER_NUM_refused]);
	assert_int_equal(info.health, PEER_DOWN);
	peer_fake_back(rig->fake[0]);
	peer_rig_run(rig, 2100 * NS_PER_MS);
	assert_int_equal(peer_rig_health(rig, 0), PEER_UP);
	answered(rig, ask(rig, 0));
	assert_int_equal(peer_rig_info(rig, 0).num[PEER_NUM_failures], 0);
	peer_rig_free(rig);
}

// Those who lost the same peer do not all come back at the same moment.
static void pauses_have_chance_in_them(void **state)
{
	uint64_t pause[4];

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct peer_rig_options options = peer_rig_options(5);
		struct peer_rig *rig;

		options.peers.seed = i;
		options.peers.retry_first = NS_PER_SEC;
		rig = peer_rig_new(&options);
		peer_fake_away(rig->fake[0]);
		peer_rig_run(rig, 20 * NS_PER_MS);
		pause[i] = peer_rig_info(rig, 0).num[PEER_NUM_retry_us];
		assert_in_range(pause[i], 450000, 1000000);
		peer_rig_free(rig);
	}
	assert_true(pause[0] != pause[1] && pause[1] != pause[2] && pause[2] != pause[3]);
}

// Whoever takes connections and drops them is not up for it.
static void pauses_grow_until_there_is_an_answer(void **state)
{
	struct peer_rig *rig = simple(1);
	unsigned n;

	(void)state;
	for (n = 0; rig->pair->now.ns < 20 * NS_PER_SEC; n++) {
		peer_rig_run(rig, 10 * NS_PER_MS);
		if (peer_fake_open(rig->fake[0]) > 0)
			peer_fake_reset(rig->fake[0], rig->fake[0]->conn_n - 1);
	}
	assert_in_range(rig->fake[0]->conn_n, 20, 45);
	assert_int_equal(peer_rig_info(rig, 0).num[PEER_NUM_reset], rig->fake[0]->conn_n);
	assert_int_equal(peer_rig_stat(rig, STAT_peer_ejects), rig->fake[0]->conn_n);
	peer_rig_free(rig);
}

static void dies_with_requests_in_flight(void **state)
{
	struct peer_rig *rig = simple(2);
	struct asked *sent = ask(rig, 0);
	struct asked *copy = peer_rig_text(rig, 0, 0, REQUEST_COPY, GET);
	struct asked *other = ask(rig, 1);

	(void)state;
	rig->fake[0]->reply = NULL;
	rig->fake[1]->reply = NULL;
	peer_rig_run(rig, 20 * NS_PER_MS);
	peer_fake_away(rig->fake[0]);
	fails(rig, sent, REQUEST_ERROR_PEER_LOST);
	fails(rig, copy, REQUEST_ERROR_PEER_LOST);
	fails(rig, ask(rig, 0), REQUEST_ERROR_PEER_AWAY);
	// Another peer has nothing to do with it.
	assert_false(other->back);
	rig->fake[1]->reply = "+OK\r\n";
	peer_fake_answer(rig->fake[1], 0, rig->fake[1]->request[0].id, "+OK\r\n", 5);
	answered(rig, other);
	assert_int_equal(peer_rig_stat(rig, STAT_peer_dropped_requests), 3);
	assert_int_equal(peer_rig_info(rig, 0).num[PEER_NUM_lost], 2);
	assert_int_equal(peer_rig_info(rig, 0).num[PEER_NUM_away], 1);
	peer_rig_free(rig);
}

// What was sent before the end counts.
static void closes_behind_its_answers(void **state)
{
	struct peer_rig *rig = simple(1);
	struct asked *a = ask(rig, 0);
	struct asked *b = ask(rig, 0);

	(void)state;
	rig->fake[0]->reply = NULL;
	peer_rig_run(rig, 20 * NS_PER_MS);
	peer_fake_answer(rig->fake[0], 0, rig->fake[0]->request[0].id, "+OK\r\n", 5);
	peer_fake_close(rig->fake[0], 0);
	answered(rig, a);
	fails(rig, b, REQUEST_ERROR_PEER_LOST);
	assert_int_equal(peer_rig_stat(rig, STAT_peer_eof), 1);
	rig->fake[0]->reply = "+OK\r\n";
	peer_rig_run(rig, 200 * NS_PER_MS);
	answered(rig, ask(rig, 0));
	assert_int_equal(rig->fake[0]->conn_n, 2);
	peer_rig_free(rig);
}

// In the middle of a reply of which a part went to the client already: he can only be cut off.
static void dies_in_a_reply(void **state)
{
	struct peer_rig *rig = simple(1);
	struct asked *a = ask(rig, 0);
	static char part[200 * 1024];

	(void)state;
	rig->fake[0]->reply = NULL;
	memset(part, 'x', sizeof(part));
	memcpy(part, "$1000000\r\n", 10);
	peer_rig_run(rig, 20 * NS_PER_MS);
	peer_fake_answer(rig->fake[0], 0, rig->fake[0]->request[0].id, part, sizeof(part));
	peer_rig_run(rig, 100 * NS_PER_MS);
	assert_true(a->got_len > 100 * 1024);
	peer_fake_reset(rig->fake[0], 0);
	assert_true(peer_rig_back(rig, a));
	assert_null(a->r.client); // which the rig does to who is cut off
	peer_rig_free(rig);
}

// --- a peer that is there, and silent

static void requests_time_out_alone(void **state)
{
	struct peer_rig *rig = simple(1);
	struct mono start;
	struct asked *a;
	struct asked *b;

	(void)state;
	rig->fake[0]->reply = NULL;
	peer_rig_run(rig, 20 * NS_PER_MS);
	start = rig->pair->now;
	a = ask(rig, 0);
	peer_rig_run(rig, 600 * NS_PER_MS);
	b = ask(rig, 0);
	peer_rig_run(rig, 400 * NS_PER_MS);
	// Something else is heard: it lives.
	peer_fake_answer(rig->fake[0], 0, rig->fake[0]->request[0].id - 1, "+OLD\r\n", 6);
	peer_rig_run(rig, 190 * NS_PER_MS);
	assert_int_equal(a->told, 0);
	peer_rig_run(rig, 30 * NS_PER_MS);
	assert_int_equal(a->told, 1);
	assert_int_equal(a->r.error, REQUEST_ERROR_PEER_LOST);
	assert_int_equal(b->told, 0);
	assert_int_equal(peer_rig_health(rig, 0), PEER_UP);
	assert_int_equal(peer_rig_stat(rig, STAT_peer_timedout_requests), 1);
	// Its place in the order stays; a late answer is nobody else's.
	assert_false(a->back);
	peer_fake_answer(rig->fake[0], 0, rig->fake[0]->request[0].id, "+A\r\n", 4);
	peer_fake_answer(rig->fake[0], 0, rig->fake[0]->request[1].id, "+B\r\n", 4);
	assert_true(peer_rig_back(rig, b));
	assert_true(peer_rig_got(b, "+B\r\n"));
	assert_true(a->back);
	assert_int_equal(a->told, 2);
	assert_int_equal(a->got_len, 0);
	assert_true(mono_since(rig->pair->now, start) < 2 * NS_PER_SEC);
	peer_rig_free(rig);
}

// Nothing was heard for the time of a request: no more of them until something is.
static void a_silent_peer_gets_no_more(void **state)
{
	struct peer_rig *rig = simple(1);
	struct asked *a;

	(void)state;
	rig->fake[0]->reply = NULL;
	peer_rig_run(rig, 20 * NS_PER_MS);
	a = ask(rig, 0);
	peer_rig_run(rig, 1300 * NS_PER_MS);
	assert_int_equal(a->told, 1);
	assert_int_equal(peer_rig_health(rig, 0), PEER_DOWN);
	assert_int_equal(peer_rig_info(rig, 0).num[PEER_NUM_silent], 1);
	fails(rig, ask(rig, 0), REQUEST_ERROR_PEER_AWAY);
	assert_int_equal(rig->fake[0]->request_n, 1);
	// It was only slow.
	peer_fake_answer(rig->fake[0], 0, rig->fake[0]->request[0].id, "+A\r\n", 4);
	rig->fake[0]->reply = "+OK\r\n";
	peer_rig_run(rig, 10 * NS_PER_MS);
	assert_int_equal(peer_rig_health(rig, 0), PEER_UP);
	answered(rig, ask(rig, 0));
	assert_int_equal(rig->fake[0]->conn_n, 1);
	peer_rig_free(rig);
}

// It never answers: left after four time-outs, and what was kept for its answers is given back.
static void a_stuck_peer_is_left(void **state)
{
	struct peer_rig *rig = simple(1);
	struct mono start;
	struct asked *a;

	(void)state;
	rig->fake[0]->reply = NULL;
	peer_rig_run(rig, 20 * NS_PER_MS);
	start = rig->pair->now;
	a = ask(rig, 0);
	fails(rig, a, REQUEST_ERROR_PEER_LOST);
	assert_in_range(mono_since(rig->pair->now, start), 4800 * NS_PER_MS, 4830 * NS_PER_MS);
	assert_int_equal(peer_rig_stat(rig, STAT_peer_timedout), 1);
	assert_int_equal(peer_rig_info(rig, 0).num[PEER_NUM_stuck], 1);
	rig->fake[0]->reply = "+OK\r\n";
	peer_rig_run(rig, 200 * NS_PER_MS);
	answered(rig, ask(rig, 0));
	peer_rig_free(rig);
}

static void no_time_out_is_five_seconds(void **state)
{
	struct peer_rig *rig = simple(1);
	struct asked *a = ask(rig, 0);

	(void)state;
	// A store may take for ever; of a peer nobody would ever know that it is gone.
	rig->snapshot->timeout_ms = 0;
	rig->fake[0]->reply = NULL;
	peer_rig_run(rig, 5 * NS_PER_SEC);
	assert_int_equal(a->told, 0);
	peer_rig_run(rig, 300 * NS_PER_MS);
	assert_int_equal(a->told, 1);
	peer_rig_free(rig);
}

static void times_by_datacentre(void **state)
{
	struct peer_rig_options options = peer_rig_options(5);
	struct peer_rig *rig;
	struct asked *a;

	(void)state;
	options.remote = 1;
	rig = peer_rig_new(&options);
	rig->fake[0]->reply = NULL;
	a = ask(rig, 0);
	peer_rig_run(rig, 5900 * NS_PER_MS);
	assert_int_equal(a->told, 0);
	peer_rig_run(rig, 200 * NS_PER_MS);
	assert_int_equal(a->told, 1);
	assert_int_equal(peer_rig_stat(rig, STAT_remote_peer_timedout_requests), 1);
	assert_int_equal(peer_rig_stat(rig, STAT_peer_timedout_requests), 0);
	peer_rig_free(rig);
}

// A reply that comes in pieces is not late as long as there is a next piece.
static void a_slow_reply_is_not_late(void **state)
{
	struct peer_rig *rig = simple(1);
	struct asked *a = ask(rig, 0);

	(void)state;
	rig->fake[0]->reply = NULL;
	peer_rig_run(rig, 20 * NS_PER_MS);
	peer_fake_answer(rig->fake[0], 0, rig->fake[0]->request[0].id, "$5\r\nh", 5);
	for (unsigned i = 0; i < 4; i++) {
		peer_rig_run(rig, 1000 * NS_PER_MS);
		peer_fake_say(rig->fake[0], 0, "e", 1);
	}
	peer_rig_run(rig, 900 * NS_PER_MS);
	assert_int_equal(a->told, 0);
	// Then it stops.
	peer_rig_run(rig, 400 * NS_PER_MS);
	assert_int_equal(a->told, 1);
	assert_int_equal(a->r.error, REQUEST_ERROR_PEER_LOST);
	peer_fake_say(rig->fake[0], 0, "\r\n", 2);
	rig->fake[0]->reply = "+OK\r\n";
	peer_rig_run(rig, 10 * NS_PER_MS);
	answered(rig, ask(rig, 0));
	assert_int_equal(rig->fake[0]->conn_n, 1);
	peer_rig_free(rig);
}

// --- several connections

// One of them fails: its clients go over the others meanwhile, and each back once that keeps order.
static void another_connection_stands_in(void **state)
{
	struct peer_rig_options options = peer_rig_options(5);
	struct peer_rig *rig;
	const struct peer_fake_request *q;
	unsigned own;
	unsigned n;

	(void)state;
	options.peers.local_connections = 2;
	options.peers.retry_first = 400 * NS_PER_MS;
	rig = peer_rig_new(&options);
	answered(rig, ask(rig, 0));
	q = rig->fake[0]->request;
	own = q[0].conn;
	peer_fake_reset(rig->fake[0], own);
	peer_rig_run(rig, 10 * NS_PER_MS);
	assert_int_equal(peer_rig_health(rig, 0), PEER_UP);
	answered(rig, ask(rig, 0));
	assert_int_not_equal(q[1].conn, own);
	// Its own is up again, but there is still one on the way over the other.
	rig->fake[0]->reply = NULL;
	ask(rig, 0);
	peer_rig_run(rig, 600 * NS_PER_MS);
	assert_int_equal(peers_usage(rig->peers).connected, 2);
	ask(rig, 0);
	peer_rig_run(rig, 10 * NS_PER_MS);
	n = rig->fake[0]->request_n;
	assert_int_equal(n, 4);
	assert_int_equal(q[3].conn, q[1].conn);
	for (unsigned i = 2; i < 4; i++)
		peer_fake_answer(rig->fake[0], q[i].conn, q[i].id, "+OK\r\n", 5);
	rig->fake[0]->reply = "+OK\r\n";
	peer_rig_run(rig, 10 * NS_PER_MS);
	answered(rig, ask(rig, 0));
	assert_int_equal(q[4].conn, 2);
	peer_rig_free(rig);
}

// A connection that is silent still owes what it has: nothing of the same client overtakes that.
static void nothing_overtakes_what_a_silent_connection_has(void **state)
{
	struct peer_rig_options options = peer_rig_options(5);
	struct peer_rig *rig;
	unsigned own;

	(void)state;
	options.peers.local_connections = 2;
	rig = peer_rig_new(&options);
	rig->fake[0]->reply = NULL;
	ask(rig, 0);
	peer_rig_run(rig, 1300 * NS_PER_MS);
	own = rig->fake[0]->request[0].conn;
	assert_int_equal(peer_rig_health(rig, 0), PEER_UP);
	fails(rig, ask(rig, 0), REQUEST_ERROR_PEER_AWAY);
	rig->fake[0]->reply = "+OK\r\n";
	for (unsigned i = 0; i < PEER_RIG_CLIENTS; i++)
		peer_rig_text(rig, 0, i, 0, GET);
	peer_rig_run(rig, 100 * NS_PER_MS);
	for (unsigned i = 1; i < rig->fake[0]->request_n; i++)
		assert_int_not_equal(rig->fake[0]->request[i].conn, own);
	assert_in_range(rig->fake[0]->request_n, 4, 16);
	peer_rig_free(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connects_before_it_is_asked),
		cmocka_unit_test(connects_when_it_is_asked),
		cmocka_unit_test(waits_for_the_first_connection),
		cmocka_unit_test(a_request_does_not_wait_beyond_its_time),
		cmocka_unit_test(without_a_sign_of_life_it_is_late),
		cmocka_unit_test(a_peer_that_refuses_is_tried_again),
		cmocka_unit_test(pauses_have_chance_in_them),
		cmocka_unit_test(pauses_grow_until_there_is_an_answer),
		cmocka_unit_test(dies_with_requests_in_flight),
		cmocka_unit_test(closes_behind_its_answers),
		cmocka_unit_test(dies_in_a_reply),
		cmocka_unit_test(requests_time_out_alone),
		cmocka_unit_test(a_silent_peer_gets_no_more),
		cmocka_unit_test(a_stuck_peer_is_left),
		cmocka_unit_test(no_time_out_is_five_seconds),
		cmocka_unit_test(times_by_datacentre),
		cmocka_unit_test(a_slow_reply_is_not_late),
		cmocka_unit_test(another_connection_stands_in),
		cmocka_unit_test(nothing_overtakes_what_a_silent_connection_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
