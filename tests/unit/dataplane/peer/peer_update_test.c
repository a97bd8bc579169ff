// How connections to peers live through changes of the ring.
#include "tests/unit/dataplane/peer/ask_fixture.h"

static void nodes_that_stay_keep_their_connections(void **state)
{
	struct peer_rig *rig = simple(2);
	struct asked *a;

	(void)state;
	peer_rig_run(rig, 50 * NS_PER_MS);
	rig->fake[0]->reply = NULL;
	a = ask(rig, 0);
	peer_rig_run(rig, 10 * NS_PER_MS);
	// The two nodes change places, and a name is not known for a while.
	for (unsigned i = 0; i < 2; i++) {
		snprintf(peer_rig_node(rig, i + 1)->host, SNAPSHOT_HOST_MAX, "node%u", 2 - i);
		peer_rig_node(rig, i + 1)->port = (uint16_t)(PEER_RIG_PORT + 1 - i);
	}
	peer_rig_node(rig, 1)->addr = IP_ADDR_ANY;
	peer_rig_epoch(rig);
	peer_rig_run(rig, 10 * NS_PER_MS);
	assert_int_equal(peers_usage(rig->peers).peers, 2);
	peer_fake_answer(rig->fake[0], 0, rig->fake[0]->request[0].id, "+OK\r\n", 5);
	answered(rig, a);
	answered(rig, ask(rig, 0));
	assert_int_equal(rig->fake[1]->request_n, 1);
	assert_int_equal(rig->fake[0]->conn_n, 1);
	assert_int_equal(rig->fake[1]->conn_n, 1);
	peer_rig_free(rig);
}

static void a_node_that_went_may_still_answer(void **state)
{
	struct peer_rig *rig = simple(2);
	struct asked *a;
	struct peer_info info[4];
	uint32_t next;

	(void)state;
	rig->fake[1]->reply = NULL;
	a = ask(rig, 1);
	peer_rig_run(rig, 50 * NS_PER_MS);
	rig->snapshot->node_n = 2;
	peer_rig_epoch(rig);
	peer_rig_run(rig, 50 * NS_PER_MS);
	assert_false(a->back);
	assert_int_equal(peers_info_page(rig->peers, 0, 4, rig->pair->now, info, &next), 2);
	assert_int_equal(info[1].node, PEER_INFO_GONE);
	fails(rig, ask(rig, 1), REQUEST_ERROR_PEER_AWAY);
	peer_fake_answer(rig->fake[1], 0, rig->fake[1]->request[0].id, "+OK\r\n", 5);
	answered(rig, a);
	peer_rig_run(rig, 50 * NS_PER_MS);
	assert_int_equal(peers_usage(rig->peers).peers, 1);
	assert_int_equal(peer_fake_open(rig->fake[1]), 0);
	peer_rig_free(rig);
}

static void a_node_comes_back_while_it_leaves(void **state)
{
	struct peer_rig *rig = simple(2);
	struct asked *a;

	(void)state;
	rig->fake[1]->reply = NULL;
	a = ask(rig, 1);
	peer_rig_run(rig, 50 * NS_PER_MS);
	rig->snapshot->node_n = 2;
	peer_rig_epoch(rig);
	peer_rig_run(rig, 50 * NS_PER_MS);
	rig->snapshot->node_n = 3;
	peer_rig_epoch(rig);
	peer_rig_run(rig, 50 * NS_PER_MS);
	peer_fake_answer(rig->fake[1], 0, rig->fake[1]->request[0].id, "+OK\r\n", 5);
	answered(rig, a);
	rig->fake[1]->reply = "+OK\r\n";
	answered(rig, ask(rig, 1));
	assert_int_equal(rig->fake[1]->conn_n, 1);
	assert_int_equal(peers_usage(rig->peers).peers, 2);
	peer_rig_free(rig);
}

static void a_node_joins(void **state)
{
	struct peer_rig *rig = simple(2);

	(void)state;
	rig->snapshot->node_n = 2;
	peer_rig_run(rig, 50 * NS_PER_MS);
	assert_int_equal(rig->fake[1]->conn_n, 0);
	rig->snapshot->node_n = 3;
	peer_rig_epoch(rig);
	peer_rig_run(rig, 50 * NS_PER_MS);
	assert_int_equal(rig->fake[1]->conn_n, 1);
	assert_int_equal(peers_view(rig->peers)->epoch, 2);
	answered(rig, ask(rig, 1));
	peer_rig_free(rig);
}

// What comes for the new place does not go to the old one.
static void a_node_moves(void **state)
{
	struct peer_rig *rig = simple(1);

	(void)state;
	answered(rig, ask(rig, 0));
	peer_rig_node(rig, 1)->addr = rig->pair->host[1].addr6;
	peer_rig_epoch(rig);
	peer_rig_run(rig, 50 * NS_PER_MS);
	answered(rig, ask(rig, 0));
	assert_int_equal(rig->fake[0]->request[1].conn, 1);
	assert_int_equal(peer_fake_open(rig->fake[0]), 1);
	assert_int_equal(peers_usage(rig->peers).peers, 1);
	peer_rig_free(rig);
}

static void a_node_without_an_address_is_down(void **state)
{
	struct peer_rig *rig = simple(1);

	(void)state;
	peer_rig_node(rig, 1)->addr = IP_ADDR_ANY;
	peer_rig_run(rig, 50 * NS_PER_MS);
	assert_int_equal(peer_rig_health(rig, 0), PEER_DOWN);
	fails(rig, ask(rig, 0), REQUEST_ERROR_PEER_AWAY);
	peer_rig_node(rig, 1)->addr = rig->pair->host[1].addr;
	peer_rig_epoch(rig);
	answered(rig, ask(rig, 0));
	peer_rig_free(rig);
}

static void more_nodes_than_there_is_room_for(void **state)
{
	struct peer_rig_options options = peer_rig_options(5);
	struct peer_rig *rig;

	(void)state;
	options.fakes = 4;
	options.peers.peers_max = 3;
	rig = peer_rig_new(&options);
	answered(rig, ask(rig, 2));
	fails(rig, ask(rig, 3), REQUEST_ERROR_PEER_AWAY);
	assert_int_equal(peer_rig_health(rig, 3), PEER_DOWN);
	// Room again.
	peer_rig_node(rig, 1)->port = PEER_RIG_PORT + 3;
	snprintf(peer_rig_node(rig, 1)->host, SNAPSHOT_HOST_MAX, "node4");
	rig->snapshot->node_n = 4;
	peer_rig_epoch(rig);
	peer_rig_run(rig, 50 * NS_PER_MS);
	peer_rig_epoch(rig);
	answered(rig, ask(rig, 0));
	assert_int_equal(rig->fake[3]->request_n, 1);
	peer_rig_free(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nodes_that_stay_keep_their_connections),
		cmocka_unit_test(a_node_that_went_may_still_answer),
		cmocka_unit_test(a_node_comes_back_while_it_leaves),
		cmocka_unit_test(a_node_joins),
		cmocka_unit_test(a_node_moves),
		cmocka_unit_test(a_node_without_an_address_is_down),
		cmocka_unit_test(more_nodes_than_there_is_room_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
