// Requests on their way to a peer: what is on the wire, in which order, and what is not sent.
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

static struct peer_rig *simple(unsigned fakes, unsigned remote)
{
	struct peer_rig_options options = peer_rig_options(1);

	options.fakes = fakes;
	options.remote = remote;
	return peer_rig_new(&options);
}

static void one_request_and_its_reply(void **state)
{
	struct peer_rig *rig = simple(1, 0);
	const struct peer_fake_request *q = &rig->fake[0]->request[0];
	struct asked *a = peer_rig_text(rig, 0, 0, 0, GET);

	(void)state;
	assert_true(peer_rig_back(rig, a));
	assert_true(peer_rig_got(a, "+OK\r\n"));
	assert_int_equal(a->told, 1);
	assert_int_equal(rig->fake[0]->request_n, 1);
	assert_int_equal(q->type, DNODE_REQ);
	assert_true(q->same_dc);
	assert_true(dnode_id_is_ours(q->id));
	assert_int_equal(q->len, sizeof(GET) - 1);
	assert_memory_equal(q->bytes, GET, sizeof(GET) - 1);
	assert_int_equal(peer_rig_stat(rig, STAT_peer_requests), 1);
	assert_int_equal(peer_rig_stat(rig, STAT_peer_request_bytes), sizeof(GET) - 1);
	assert_int_equal(peer_rig_stat(rig, STAT_peer_responses), 1);
	assert_int_equal(peer_rig_stat(rig, STAT_peer_response_bytes), 5);
	assert_true(peers_view(rig->peers)->fact[1].rtt > 0);
	peer_rig_free(rig);
}

static void types_by_where_it_goes(void **state)
{
	struct peer_rig *rig = simple(2, 1);
	struct asked *spread = peer_rig_text(rig, 1, 0, REQUEST_COPY | REQUEST_SPREAD, GET);
	struct asked *each = peer_rig_text(rig, 1, 0, REQUEST_COPY, GET);

	(void)state;
	assert_true(peer_rig_back(rig, spread));
	assert_true(peer_rig_back(rig, each));
	assert_int_equal(rig->fake[1]->request[0].type, DNODE_REQ_FORWARD);
	assert_int_equal(rig->fake[1]->request[1].type, DNODE_REQ);
	assert_false(rig->fake[1]->request[0].same_dc);
	assert_int_equal(rig->fake[0]->request_n, 0);
	assert_int_equal(rig->pair->host[0].stats.hist[HIST_remote_peer_latency].count, 2);
	assert_int_equal(rig->pair->host[0].stats.hist[HIST_peer_latency].count, 0);
	peer_rig_free(rig);
}

// A turn's requests are one train of full segments, not a segment each.
static void a_turn_is_one_train(void **state)
{
	struct peer_rig *rig = simple(1, 0);
	struct asked *a = peer_rig_text(rig, 0, 0, 0, GET);
	uint64_t segments;

	(void)state;
	assert_true(peer_rig_back(rig, a));
	peer_rig_run(rig, 50 * NS_PER_MS);
	segments = rig->pair->sent[0] - rig->pair->bare[0];
	rig->fake[0]->echo = true;
	for (unsigned i = 0; i < 300; i++) {
		char text[64];

		snprintf(text, sizeof(text), "*2\r\n$3\r\nget\r\n$5\r\nk%04u\r\n", i);
		a = peer_rig_text(rig, 0, i % PEER_RIG_CLIENTS, 0, text);
	}
	assert_true(peer_rig_back(rig, a));
	// 300 requests of 24 bytes, with headers of 47.
	assert_in_range(rig->pair->sent[0] - rig->pair->bare[0] - segments, 14, 18);
	for (unsigned i = 0; i < 300; i++) {
		char text[16];

		snprintf(text, sizeof(text), "k%04u\r\n", i);
		assert_int_equal(rig->fake[0]->request[i + 1].id, rig->fake[0]->request[i].id + 1);
		assert_memory_equal(rig->fake[0]->request[i + 1].bytes + 17, text, 7);
	}
	assert_int_equal(rig->out, 0);
	peer_rig_free(rig);
}

static char *make_set(size_t value, size_t *len)
{
	char *text = malloc(value + 64);

	*len = (size_t)sprintf(text, "*3\r\n$3\r\nset\r\n$1\r\nk\r\n$%zu\r\n", value);
	for (size_t i = 0; i < value; i++)
		text[(*len)++] = (char)('a' + i * 7 % 26);
	memcpy(text + *len, "\r\n", 2);
	*len += 2;
	return text;
}

// Short pieces are copied, long ones referenced: the bytes are the same, cut anywhere.
static void requests_in_segments_of_every_size(void **state)
{
	static const size_t steps[] = {0, 1, 7, 511, 512, 513, 1448};

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct peer_rig *rig = simple(1, 0);
		size_t len;
		char *set = make_set(3000, &len);
		struct asked *a = peer_rig_ask(rig, 0, 0, 0, set, len, steps[i]);

		peer_rig_text(rig, 0, 0, 0, GET);
		assert_true(peer_rig_back(rig, a));
		assert_int_equal(rig->fake[0]->request[0].len, len);
		assert_memory_equal(rig->fake[0]->request[0].bytes, set, len);
		peer_rig_run(rig, 10 * NS_PER_MS);
		assert_int_equal(rig->fake[0]->request_n, 2);
		free(set);
		peer_rig_free(rig);
	}
}

static void a_large_request(void **state)
{
	struct peer_rig *rig = simple(1, 0);
	size_t len;
	char *set = make_set(3 * 1024 * 1024, &len);
	struct asked *a = peer_rig_ask(rig, 0, 0, REQUEST_BULK, set, len, 0);
	struct asked *b;

	(void)state;
	peer_rig_run(rig, NS_PER_MS);
	b = peer_rig_text(rig, 0, 1, 0, GET);
	assert_true(peer_rig_back(rig, b));
	assert_true(a->back);
	assert_int_equal(rig->fake[0]->request[0].len, len);
	assert_memory_equal(rig->fake[0]->request[0].bytes, set, len);
	free(set);
	peer_rig_free(rig);
}

static void what_is_not_whole_is_refused(void **state)
{
	struct peer_rig *rig = simple(1, 0);
	struct asked *a = peer_rig_text(rig, 0, 0, REQUEST_BULK, GET);

	(void)state;
	a->r.flags &= (uint16_t)~REQUEST_WHOLE;
	assert_true(peer_rig_back(rig, a));
	assert_int_equal(a->r.error, REQUEST_ERROR_TOO_BIG);
	peer_rig_free(rig);
}

static void bytes_are_kept_for_who_asks_elsewhere(void **state)
{
	struct peer_rig *rig = simple(1, 0);
	struct asked *kept = peer_rig_text(rig, 0, 0, REQUEST_KEEP, GET);
	struct asked *dropped = peer_rig_text(rig, 0, 0, 0, GET);

	(void)state;
	rig->fake[0]->reply = NULL;
	peer_rig_run(rig, 50 * NS_PER_MS);
	assert_int_equal(rig->fake[0]->request_n, 2);
	assert_non_null(kept->r.bytes);
	assert_int_equal(kept->r.len, sizeof(GET) - 1);
	assert_null(dropped->r.bytes);
	peer_fake_reset(rig->fake[0], 0);
	assert_true(peer_rig_back(rig, kept));
	assert_int_equal(kept->r.error, REQUEST_ERROR_PEER_LOST);
	assert_non_null(kept->r.bytes);
	assert_memory_equal(rte_pktmbuf_mtod(kept->r.bytes, char *), GET, sizeof(GET) - 1);
	peer_rig_free(rig);
}

static void bytes_are_dropped_with_a_good_answer(void **state)
{
	struct peer_rig *rig = simple(1, 0);
	struct asked *kept = peer_rig_text(rig, 0, 0, REQUEST_KEEP, GET);

	(void)state;
	assert_true(peer_rig_back(rig, kept));
	assert_null(kept->r.bytes);
	peer_rig_free(rig);
}

static void bytes_are_kept_with_an_error(void **state)
{
	struct peer_rig *rig = simple(1, 0);
	struct asked *kept;

	(void)state;
	rig->fake[0]->reply = "-ERR Storage: Datastore refused connection\r\n";
	kept = peer_rig_text(rig, 0, 0, REQUEST_KEEP, GET);
	assert_true(peer_rig_back(rig, kept));
	assert_int_equal(kept->r.error, REQUEST_ERROR_NONE);
	assert_int_equal(kept->r.len, sizeof(GET) - 1);
	peer_rig_free(rig);
}

// Nobody waits for the first, and it is not sent; a copy is, whoever left.
static void orphans_stay_here_and_copies_do_not(void **state)
{
	struct peer_rig *rig = simple(1, 0);
	struct asked *orphan = peer_rig_text(rig, 0, 3, 0, "*2\r\n$3\r\nget\r\n$1\r\no\r\n");
	struct asked *copy = peer_rig_text(rig, 0, 3, REQUEST_COPY, GET);

	(void)state;
	rig->pair->link.down = true;
	peer_rig_run(rig, NS_PER_MS);
	assert_int_equal(peers_usage(rig->peers).waiting, 2);
	peer_rig_orphan(rig, 3);
	rig->pair->link.down = false;
	assert_true(peer_rig_back(rig, copy));
	assert_true(peer_rig_got(copy, "+OK\r\n"));
	assert_true(orphan->back);
	assert_int_equal(rig->fake[0]->request_n, 1);
	assert_memory_equal(rig->fake[0]->request[0].bytes, GET, sizeof(GET) - 1);
	peer_rig_free(rig);
}

// Of a peer that does not read, so much waits; then its requests fail at once, and no others.
static void bytes_that_wait_are_bounded(void **state)
{
	struct peer_rig_options options = peer_rig_options(1);
	struct peer_rig *rig;
	unsigned away = 0;
	size_t len;
	char *set = make_set(20000, &len);

	(void)state;
	options.fakes = 2;
	options.pair.mbufs = 8192;
	options.peers.bytes_max = 1024 * 1024;
	rig = peer_rig_new(&options);
	rig->snapshot->timeout_ms = 0;
	rig->fake[0]->deaf = true;
	for (unsigned i = 0; i < 200; i++) {
		struct asked *a = peer_rig_ask(rig, 0, 0, 0, set, len, 0);
		struct asked *other = peer_rig_text(rig, 1, 0, 0, GET);

		peer_rig_run(rig, 5 * NS_PER_MS);
		assert_true(i < 2 || other->back);
		away += a->back;
		assert_true(!a->back || a->r.error == REQUEST_ERROR_PEER_AWAY);
		assert_in_range(peers_usage(rig->peers).bytes, 0, 1024 * 1024);
	}
	assert_in_range(away, 100, 150);
	assert_int_equal(peer_rig_stat(rig, STAT_peer_dropped_requests), away);
	// What waits is sent once there is room.
	rig->fake[0]->deaf = false;
	peer_rig_run(rig, NS_PER_SEC);
	assert_int_equal(rig->out, 0);
	assert_int_equal(rig->fake[0]->request_n, 200 - away);
	assert_int_equal(peers_usage(rig->peers).bytes, 0);
	free(set);
	peer_rig_free(rig);
}

static unsigned sent_after(struct peer_rig *rig, uint64_t ns)
{
	peer_rig_run(rig, ns);
	return rig->fake[0]->request_n;
}

static void remote_messages_are_rationed(void **state)
{
	struct peer_rig_options options = peer_rig_options(1);
	struct peer_rig *rig;
	unsigned first;

	(void)state;
	options.remote = 1;
	options.peers.msg_rate = 1000;
	rig = peer_rig_new(&options);
	for (unsigned i = 0; i < 500; i++)
		peer_rig_text(rig, 0, 0, 0, GET);
	first = sent_after(rig, 5 * NS_PER_MS);
	assert_in_range(first, 95, 110);
	assert_in_range(sent_after(rig, 100 * NS_PER_MS), first + 85, first + 115);
	assert_in_range(sent_after(rig, 200 * NS_PER_MS), first + 270, first + 330);
	peer_rig_run(rig, 200 * NS_PER_MS);
	assert_int_equal(rig->out, 0);
	assert_int_equal(rig->fake[0]->request_n, 500);
	peer_rig_free(rig);
}

static void what_waits_for_its_ration_may_time_out(void **state)
{
	struct peer_rig_options options = peer_rig_options(1);
	struct peer_rig *rig;

	(void)state;
	options.remote = 1;
	options.peers.msg_rate = 20;
	options.peers.remote_extra = 0;
	rig = peer_rig_new(&options);
	for (unsigned i = 0; i < 100; i++)
		peer_rig_text(rig, 0, 0, 0, GET);
	peer_rig_run(rig, 1100 * NS_PER_MS);
	assert_int_equal(rig->out, 0);
	assert_in_range(rig->fake[0]->request_n, 20, 24);
	assert_int_equal(peer_rig_stat(rig, STAT_remote_peer_timedout_requests),
		100 - rig->fake[0]->request_n);
	for (struct asked *a = rig->all; a; a = a->all_next)
		assert_true(
			a->r.error == REQUEST_ERROR_NONE || a->r.error == REQUEST_ERROR_PEER_AWAY);
	peer_rig_free(rig);
}

static void local_messages_are_not(void **state)
{
	struct peer_rig_options options = peer_rig_options(1);
	struct peer_rig *rig;

	(void)state;
	options.peers.msg_rate = 10;
	rig = peer_rig_new(&options);
	for (unsigned i = 0; i < 500; i++)
		peer_rig_text(rig, 0, 0, 0, GET);
	assert_int_equal(sent_after(rig, 20 * NS_PER_MS), 500);
	peer_rig_free(rig);
}

// Each client keeps to one of several connections, so that its requests arrive in order.
static void a_client_keeps_its_connection(void **state)
{
	struct peer_rig_options options = peer_rig_options(1);
	unsigned at[PEER_RIG_CLIENTS];
	unsigned used = 0;
	struct peer_rig *rig;

	(void)state;
	options.peers.local_connections = 4;
	rig = peer_rig_new(&options);
	peer_rig_run(rig, 50 * NS_PER_MS);
	assert_int_equal(rig->fake[0]->conn_n, 4);
	for (unsigned i = 0; i < PEER_RIG_CLIENTS; i++) {
		peer_rig_text(rig, 0, i, 0, GET);
		peer_rig_run(rig, 10 * NS_PER_MS);
		at[i] = rig->fake[0]->request[rig->fake[0]->request_n - 1].conn;
		used |= 1u << at[i];
	}
	assert_int_equal(used, 15);
	for (unsigned i = 0; i < PEER_RIG_CLIENTS; i++) {
		peer_rig_text(rig, 0, i, 0, GET);
		peer_rig_run(rig, 10 * NS_PER_MS);
		assert_int_equal(rig->fake[0]->request[rig->fake[0]->request_n - 1].conn, at[i]);
	}
	peer_rig_free(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_request_and_its_reply),
		cmocka_unit_test(types_by_where_it_goes),
		cmocka_unit_test(a_turn_is_one_train),
		cmocka_unit_test(requests_in_segments_of_every_size),
		cmocka_unit_test(a_large_request),
		cmocka_unit_test(what_is_not_whole_is_refused),
		cmocka_unit_test(bytes_are_kept_for_who_asks_elsewhere),
		cmocka_unit_test(bytes_are_dropped_with_a_good_answer),
		cmocka_unit_test(bytes_are_kept_with_an_error),
		cmocka_unit_test(orphans_stay_here_and_copies_do_not),
		cmocka_unit_test(bytes_that_wait_are_bounded),
		cmocka_unit_test(remote_messages_are_rationed),
		cmocka_unit_test(what_waits_for_its_ration_may_time_out),
		cmocka_unit_test(local_messages_are_not),
		cmocka_unit_test(a_client_keeps_its_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
