// What a worker answers: what it says is checked as the control plane checks it, and what it is
// asked may be anything.
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"
#include "dataplane/answer.h"
#include "tests/support/peer_rig.h"

#define WALL (UINT64_C(1700000000) * NS_PER_SEC)

static struct peer_rig *rig;
static struct tcp_pair *pair;
static struct tcp_listener *listener;
static struct tcp_conn *client;
static struct tcp_conn *server;
static struct capture capture;
static struct link_desk desk;

static int setup(void **state)
{
	struct peer_rig_options options = peer_rig_options(1);

	(void)state;
	options.peers.preconnect = false; // the one connection is the tests' own
	rig = peer_rig_new(&options);
	pair = rig->pair;
	tcp_pair_connect(pair, &listener, &client, &server);
	desk = (struct link_desk){.answer = malloc(IPC_ANSWER_MAX)};
	return desk.answer != NULL ? capture_init(&capture) : -1;
}

static int teardown(void **state)
{
	(void)state;
	tcp_abort(client);
	tcp_abort(server);
	tcp_unlisten(listener);
	peer_rig_free(rig);
	capture_fini(&capture);
	free(desk.answer);
	return 0;
}

// Has it answered, as a worker would, and sent, as the link would.
static void run(enum ipc_id id)
{
	struct answer_ctx ctx = {
		.tcp = pair->host[0].tcp,
		.peers = rig->peers,
		.capture = &capture,
		.now = pair->now,
		.wall_ns = WALL,
	};
	struct ipc_answer head;
	const struct ipc_row *row = ipc_row((unsigned)id + 1);

	desk.id = id;
	desk.state = LINK_DESK_ASKED;
	answer(&ctx, &desk);
	assert_int_equal(desk.state, LINK_DESK_ANSWERED);
	assert_in_range(desk.len, row->min, row->max);
	memcpy(&head, desk.answer, sizeof(head));
	assert_int_equal(head.ask, desk.ask.head.ask);
	assert_int_equal(head.wall_ns, WALL);
	head.rows = ipc_ask_rows();
	memcpy(desk.answer, &head, sizeof(head));
	assert_null(ipc_answer_check(row->id, desk.answer, desk.len));
}

static void connections_are_answered(void **state)
{
	struct ipc_conns conns;
	struct conn_info info;

	(void)state;
	desk.ask = (union ipc_any_ask){
		.conns = {.head = {.ask = 4}, .max = UINT32_MAX, .state = IPC_ANY_STATE}};
	run(IPC_CONNS_ASK);
	memcpy(&conns, desk.answer, sizeof(conns));
	assert_int_equal(conns.n, 1);
	assert_int_equal(conns.next, IPC_CONNS_END);
	memcpy(&info, desk.answer + sizeof(conns), sizeof(info));
	assert_int_equal(info.local_port, tcp_conn_endpoints(client).local_port);
	assert_int_equal(info.state, CONN_ESTABLISHED);
	desk.ask.conns.state = CONN_LAST_ACK;
	run(IPC_CONNS_ASK);
	memcpy(&conns, desk.answer, sizeof(conns));
	assert_int_equal(conns.n, 0);
}

static struct ipc_peers peers_page(uint32_t from, struct peer_info *info)
{
	struct ipc_peers page;

	desk.ask =
		(union ipc_any_ask){.peers = {.head = {.ask = 4}, .from = from, .max = UINT32_MAX}};
	run(IPC_PEERS_ASK);
	memcpy(&page, desk.answer, sizeof(page));
	memset(info, 0, sizeof(*info));
	if (page.n > 0)
		memcpy(info, desk.answer + sizeof(page), sizeof(*info));
	return page;
}

static void peers_are_answered(void **state)
{
	struct peer_info info;
	struct ipc_peers page = peers_page(0, &info);
	const struct asked *a;

	(void)state;
	assert_int_equal(page.n, 1);
	assert_int_equal(page.next, IPC_PEERS_END);
	assert_int_equal(page.epoch, rig->snapshot->epoch);
	assert_int_equal(info.node, 1);
	assert_int_equal(info.port, PEER_RIG_PORT);
	assert_int_equal(info.health, PEER_UNKNOWN);
	a = peer_rig_text(rig, 0, 0, 0, "*2\r\n$3\r\nget\r\n$3\r\nfoo\r\n");
	assert_true(peer_rig_back(rig, a));
	page = peers_page(0, &info);
	assert_int_equal(info.health, PEER_UP);
	assert_int_equal(info.num[PEER_NUM_answers], 1);
	assert_int_equal(info.num[PEER_NUM_connections], 1);
	assert_true(info.num[PEER_NUM_rtt_us] > 0);
	// The number of nodes is that of the epoch which the page says.
	peer_rig_epoch(rig);
	peer_rig_run(rig, NS_PER_MS);
	assert_int_equal(peers_page(0, &info).epoch, page.epoch + 1);
	assert_int_equal(peers_page(1, &info).n, 0);
	assert_int_equal(peers_page(UINT32_MAX, &info).next, IPC_PEERS_END);
}

static void the_trace_is_answered(void **state)
{
	struct ipc_trace piece;
	struct trace_rec rec;

	(void)state;
	desk.ask = (union ipc_any_ask){.trace = {.head = {.ask = 4}, .max = UINT32_MAX}};
	run(IPC_TRACE_ASK);
	memcpy(&piece, desk.answer, sizeof(piece));
	assert_int_equal(piece.first, 0);
	assert_true(piece.n >= 3 && piece.n == piece.end);
	desk.ask.trace.back = 1;
	run(IPC_TRACE_ASK);
	memcpy(&piece, desk.answer, sizeof(piece));
	assert_int_equal(piece.n, 1);
	assert_int_equal(piece.first, piece.end - 1);
	memcpy(&rec, desk.answer + sizeof(piece), sizeof(rec));
	assert_int_equal(rec.event, TRACE_STATE);
	assert_int_equal(rec.b, CONN_ESTABLISHED);
}

static struct ipc_capture packets(enum ipc_capture_op op, uint64_t id)
{
	struct ipc_capture piece;

	desk.ask = (union ipc_any_ask){
		.capture = {
			.head = {.ask = 4},
			.id = id,
			.op = op,
			.limits = {.port = 1, .packets = 9, .bytes = 9999, .ms = 9999, .snap = 99},
		}};
	run(IPC_CAPTURE_ASK);
	memcpy(&piece, desk.answer, sizeof(piece));
	return piece;
}

static void captures_are_begun_listed_and_ended(void **state)
{
	struct ipc_capture piece = packets(IPC_CAPTURE_LIST, 0);

	(void)state;
	assert_int_equal(piece.state[0].id, 0);
	piece = packets(IPC_CAPTURE_START, 6);
	assert_int_equal(piece.head.error, IPC_ASK_OK);
	assert_int_equal(piece.state[0].id, 6);
	assert_int_equal(piece.state[0].running, 1);
	assert_int_equal(packets(IPC_CAPTURE_READ, 6).head.error, IPC_ASK_OK);
	assert_int_equal(packets(IPC_CAPTURE_READ, 5).head.error, IPC_ASK_NO_CAPTURE);
	assert_int_equal(packets(IPC_CAPTURE_STOP, 5).head.error, IPC_ASK_NO_CAPTURE);
	piece = packets(IPC_CAPTURE_STOP, 6);
	assert_int_equal(piece.head.error, IPC_ASK_OK);
	assert_int_equal(piece.state[0].id, 0);
	assert_false(capture_on(&capture));
}

static void captures_count_time_from_what_they_are_told_or_the_own_clock(void **state)
{
	(void)state;
	packets(IPC_CAPTURE_START, 6);
	assert_int_equal(capture.slot[0].epoch_ns, WALL - pair->now.ns);
	packets(IPC_CAPTURE_STOP, 6);
	desk.ask.capture.op = IPC_CAPTURE_START;
	desk.ask.capture.epoch_ns = WALL - 5;
	run(IPC_CAPTURE_ASK);
	assert_int_equal(capture.slot[0].id, 6);
	assert_int_equal(capture.slot[0].epoch_ns, WALL - 5);
}

static void any_question_has_an_answer(void **state)
{
	static const enum ipc_id kinds[] = {
		IPC_CONNS_ASK, IPC_TRACE_ASK, IPC_CAPTURE_ASK, IPC_PEERS_ASK};
	struct rng rng;

	(void)state;
	rng_seed(&rng, 2);
	for (unsigned i = 0; i < 20000; i++) {
		unsigned char *bytes = (unsigned char *)&desk.ask;

		for (size_t k = 0; k < sizeof(desk.ask); k++)
			bytes[k] = rng_below(&rng, 2) ? (unsigned char)rng_u64(&rng) : 0;
		if (rng_below(&rng, 2))
			desk.ask.capture.op = rng_below(&rng, IPC_CAPTURE_OP_N);
		if (rng_below(&rng, 2))
			desk.ask.capture.id = rng_below(&rng, 6);
		run(kinds[rng_below(&rng, ARRAY_LEN(kinds))]);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(connections_are_answered),
		TEST(peers_are_answered),
		TEST(the_trace_is_answered),
		TEST(captures_are_begun_listed_and_ended),
		TEST(captures_count_time_from_what_they_are_told_or_the_own_clock),
		TEST(any_question_has_an_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
