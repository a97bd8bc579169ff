// Reads whose node can't answer, is late, or gives no sign of life go to another rack, once; writes
// for another datacentre that were not even sent go in by the next rack there.
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "tests/support/route_rig.h"

#define GET_A "*2\r\n$3\r\nGET\r\n$1\r\na\r\n"
#define GET_B "*2\r\n$3\r\nGET\r\n$1\r\nb\r\n"
#define SET_A "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n"
#define PING "*1\r\n$4\r\nPING\r\n"
#define PEER "-ERR Peer: Peer Node refused connection\r\n"
#define STORAGE "-ERR Storage: Datastore refused connection\r\n"

static struct route_rig *racks(unsigned n)
{
	static const char *const names[] = {"rack1", "rack2", "rack3", "rack4"};
	struct route_rig_options options = {.node_n = n};

	for (unsigned i = 0; i < n; i++)
		options.node[i] = (struct route_rig_node){"dc1", names[i], 0};
	return route_rig_new(&options);
}

static struct route_rig_conn *ask(struct route_rig *rig, const char *bytes)
{
	struct route_rig_conn *c = route_rig_connect(rig, ROUTE_RIG_PORT);

	route_rig_send(rig, c, bytes, strlen(bytes));
	return c;
}

static void answer(struct route_rig *rig, unsigned at, const char *reply)
{
	route_rig_answer(rig, at, reply, strlen(reply), 0, 0);
	route_rig_run(rig);
}

static void expect(struct route_rig_conn *c, const char *bytes)
{
	if (!route_rig_got(c, bytes, strlen(bytes)))
		fail_msg("got \"%.*s\", not \"%s\"", (int)c->in_len, c->in, bytes);
}

static void expect_out(const struct route_rig *rig, unsigned at, uint32_t node, const char *bytes)
{
	char text[256];
	size_t len;

	assert_true(at < rig->out_n);
	if (node == 0)
		assert_int_equal(rig->out[at]->target, REQUEST_TO_STORE);
	else
		assert_int_equal(rig->out[at]->to.node, node);
	len = route_rig_bytes(rig->out[at], text, sizeof(text));
	assert_int_equal(len, strlen(bytes));
	assert_memory_equal(text, bytes, len);
}

static void failed_read_goes_on(void **state)
{
	struct route_rig *rig = racks(3);
	struct route_rig_conn *c = ask(rig, GET_A);

	(void)state;
	expect_out(rig, 0, 0, GET_A);
	route_rig_fail(rig, 0, REQUEST_ERROR_STORE);
	route_rig_run(rig);
	assert_int_equal(rig->out_n, 1);
	expect_out(rig, 0, 1, GET_A);
	// An error of the node's own, not of its data.
	answer(rig, 0, STORAGE);
	assert_int_equal(rig->out_n, 1);
	expect_out(rig, 0, 2, GET_A);
	assert_int_equal(c->in_len, 0);
	answer(rig, 0, "$1\r\nx\r\n");
	expect(c, "$1\r\nx\r\n");
	route_rig_free(rig);
}

static void last_error_is_told(void **state)
{
	struct route_rig *rig = racks(2);
	struct route_rig_conn *c = ask(rig, GET_A);

	(void)state;
	route_rig_fail(rig, 0, REQUEST_ERROR_STORE);
	route_rig_run(rig);
	answer(rig, 0, STORAGE);
	assert_int_equal(rig->out_n, 0);
	expect(c, STORAGE);
	route_rig_free(rig);
}

static void errors_of_the_data_are_the_answer(void **state)
{
	struct route_rig *rig = racks(2);
	struct route_rig_conn *c = ask(rig, GET_A);

	(void)state;
	answer(rig, 0, "-WRONGTYPE no\r\n");
	assert_int_equal(rig->out_n, 0);
	expect(c, "-WRONGTYPE no\r\n");
	route_rig_free(rig);
}

// The late one keeps its place at the store; replies keep their order.
static void late_read_goes_on(void **state)
{
	struct route_rig *rig = racks(2);
	struct route_rig_conn *c = ask(rig, PING GET_B GET_A PING);

	(void)state;
	expect(c, "+PONG\r\n");
	assert_int_equal(rig->out_n, 2);
	route_rig_late(rig, 1, REQUEST_ERROR_STORE);
	route_rig_run(rig);
	assert_int_equal(rig->out_n, 3);
	expect_out(rig, 2, 1, GET_A);
	answer(rig, 2, "$1\r\nx\r\n");
	assert_int_equal(c->in_len, 0);
	route_rig_late(rig, 0, REQUEST_ERROR_STORE);
	route_rig_run(rig);
	assert_int_equal(rig->out_n, 3);
	expect_out(rig, 2, 1, GET_B);
	answer(rig, 2, "$1\r\ny\r\n");
	expect(c, "$1\r\ny\r\n$1\r\nx\r\n+PONG\r\n");
	// What the store says at last is nobody's.
	answer(rig, 0, "$1\r\n1\r\n");
	answer(rig, 0, "$1\r\n2\r\n");
	assert_int_equal(c->in_len, 0);
	route_rig_free(rig);
}

static void late_read_of_a_client_that_is_gone(void **state)
{
	struct route_rig *rig = racks(2);
	struct route_rig_conn *c = ask(rig, GET_A);

	(void)state;
	route_rig_late(rig, 0, REQUEST_ERROR_STORE);
	route_rig_run(rig);
	assert_int_equal(rig->out_n, 2);
	route_rig_reset(rig, c);
	route_rig_run(rig);
	route_rig_free(rig);
}

static void no_sign_of_life(void **state)
{
	struct route_rig *rig = racks(3);
	struct route_rig_conn *c = ask(rig, GET_A);

	(void)state;
	route_rig_fail(rig, 0, REQUEST_ERROR_STORE);
	route_rig_run(rig);
	expect_out(rig, 0, 1, GET_A);
	route_rig_doubt(rig, 0);
	route_rig_run(rig);
	assert_int_equal(rig->out_n, 2);
	expect_out(rig, 1, 2, GET_A);
	// Nobody else is left: who was asked may still answer.
	route_rig_doubt(rig, 1);
	route_rig_run(rig);
	assert_int_equal(rig->out_n, 2);
	answer(rig, 1, "$1\r\nx\r\n");
	expect(c, "$1\r\nx\r\n");
	answer(rig, 0, "$1\r\ny\r\n");
	assert_int_equal(c->in_len, 0);
	route_rig_free(rig);
}

static void writes_are_not_repeated(void **state)
{
	struct route_rig *rig = racks(2);
	struct route_rig_conn *c = ask(rig, SET_A);

	(void)state;
	assert_int_equal(rig->out_n, 2);
	route_rig_late(rig, 1, REQUEST_ERROR_PEER_LOST);
	route_rig_late(rig, 0, REQUEST_ERROR_STORE);
	route_rig_run(rig);
	assert_int_equal(rig->out_n, 2);
	// The error that was met first.
	expect(c, PEER);
	route_rig_free(rig);
}

// Two racks of two nodes: the own one, and one that owns the other half in both racks.
static struct route_rig *shards(void)
{
	struct route_rig_options options = {
		.node = {{"dc1", "rack1", 0}, {"dc1", "rack1", UINT32_C(1) << 31},
			{"dc1", "rack2", 0}, {"dc1", "rack2", UINT32_C(1) << 31}},
		.node_n = 4,
	};

	return route_rig_new(&options);
}

// A write waits for its own rack only as long as that gives a sign of life.
static void write_does_not_wait_for_the_late(void **state)
{
	struct route_rig *rig = shards();
	struct route_rig_conn *c = ask(rig, "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n");
	unsigned own;

	(void)state;
	assert_int_equal(rig->out_n, 2);
	if (rig->out[0]->target == REQUEST_TO_STORE || rig->out[1]->target == REQUEST_TO_STORE)
		fail_msg("the key is the own node's");
	own = rig->out[0]->to.rack == 0 ? 0 : 1;
	route_rig_doubt(rig, own);
	route_rig_run(rig);
	assert_int_equal(c->in_len, 0);
	answer(rig, 1 - own, "+OK\r\n");
	expect(c, "+OK\r\n");
	answer(rig, 0, "+OK\r\n");
	assert_int_equal(c->in_len, 0);
	route_rig_free(rig);
}

// Each part is asked of one rack, and only what fails of the other.
static void parts_go_on(void **state)
{
	struct route_rig *rig = shards();
	struct route_rig_conn *c =
		ask(rig, "*5\r\n$4\r\nMGET\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n$1\r\ng\r\n");
	unsigned to_peer;

	(void)state;
	assert_int_equal(rig->out_n, 2);
	to_peer = rig->out[0]->target == REQUEST_TO_STORE;
	assert_int_equal(rig->out[to_peer]->to.node, 1);
	for (unsigned i = 0; i < 2; i++) {
		route_rig_fail(rig, to_peer, REQUEST_ERROR_PEER_LOST);
		route_rig_run(rig);
		if (i > 0)
			break;
		assert_int_equal(rig->out_n, 2);
		to_peer = rig->out[0]->target == REQUEST_TO_STORE;
		assert_int_equal(rig->out[to_peer]->to.node, 3);
	}
	// No rack is left for one part.
	assert_int_equal(rig->out_n, 1);
	route_rig_fail(rig, 0, REQUEST_ERROR_STORE);
	route_rig_run(rig);
	assert_int_equal(rig->out_n, 1);
	assert_int_equal(rig->out[0]->to.node, 2);
	answer(rig, 0, "*1\r\n$1\r\nx\r\n");
	expect(c, PEER);
	route_rig_free(rig);
}

static struct route_rig *two_dcs(void)
{
	struct route_rig_options options = {
		.node = {{"dc1", "rack1", 0}, {"dc2", "rack1", 0}, {"dc2", "rack2", 0}},
		.node_n = 3,
	};

	return route_rig_new(&options);
}

// Not sent: by the next rack, once each.
static void write_enters_elsewhere(void **state)
{
	struct route_rig *rig = two_dcs();
	struct route_rig_conn *c = ask(rig, SET_A);
	uint32_t first;

	(void)state;
	assert_int_equal(rig->out_n, 2);
	assert_true(rig->out[1]->flags & REQUEST_SPREAD);
	first = rig->out[1]->to.node;
	route_rig_fail(rig, 1, REQUEST_ERROR_PEER_AWAY);
	route_rig_run(rig);
	assert_int_equal(rig->out_n, 2);
	expect_out(rig, 1, 3 - first, SET_A);
	route_rig_fail(rig, 1, REQUEST_ERROR_PEER_AWAY);
	route_rig_run(rig);
	assert_int_equal(rig->out_n, 1);
	answer(rig, 0, "+OK\r\n");
	expect(c, "+OK\r\n");
	route_rig_free(rig);
}

// Sent, perhaps carried out: not again.
static void write_that_was_sent_is_lost(void **state)
{
	struct route_rig *rig = two_dcs();

	(void)state;
	(void)ask(rig, SET_A);
	assert_int_equal(rig->out_n, 2);
	route_rig_fail(rig, 1, REQUEST_ERROR_PEER_LOST);
	route_rig_run(rig);
	assert_int_equal(rig->out_n, 1);
	route_rig_free(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failed_read_goes_on),
		cmocka_unit_test(last_error_is_told),
		cmocka_unit_test(errors_of_the_data_are_the_answer),
		cmocka_unit_test(late_read_goes_on),
		cmocka_unit_test(late_read_of_a_client_that_is_gone),
		cmocka_unit_test(no_sign_of_life),
		cmocka_unit_test(writes_are_not_repeated),
		cmocka_unit_test(write_does_not_wait_for_the_late),
		cmocka_unit_test(parts_go_on),
		cmocka_unit_test(write_enters_elsewhere),
		cmocka_unit_test(write_that_was_sent_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
