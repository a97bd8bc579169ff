// Where requests go: which rack a read is asked of, and which places a write has at each level.
#include "tests/unit/dataplane/session/ring_fixture.h"

#include "dataplane/session/place.h"

// The own node is 3, so that neither the order of nodes nor that of names is the ring's.
enum { B1, A1, A3, A2_OWN, C1_LOW, C1_HIGH, C2, NODE_N };

static const struct fix_node cluster[NODE_N] = {
	{"b", "only", 0},
	{"a", "r1", 0},
	{"a", "r3", 0},
	{"a", "r2", 0},
	{"c", "s1", 1000},
	{"c", "s1", 3000000000},
	{"c", "s2", 5},
};

// Of these, the low one and the high one in c's first rack.
enum { HASH_LOW = 900, HASH_HIGH = 2000 };

struct fix {
	struct fix_ring r;
	struct peer_view view;
	struct owners owners;
	struct txn_places out;
};

static int setup(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->r = fix_ring_new(cluster, NODE_N, A2_OWN);
	f->view = (struct peer_view){.epoch = f->r.snapshot->epoch, .node_n = NODE_N};
	for (uint32_t i = 0; i < NODE_N; i++)
		f->view.fact[i] = (struct peer_fact){.health = PEER_UP, .rtt = 100};
	owners_find(f->r.ring, HASH_LOW, &f->owners);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fix *f = *state;

	fix_ring_free(&f->r);
	free(f);
	return 0;
}

static void down(struct fix *f, uint32_t node)
{
	f->view.fact[node].health = PEER_DOWN;
}

// The node that a read under DC_ONE goes to; RING_NO_NODE when there is none.
static uint32_t nearest(struct fix *f, uint16_t tried)
{
	struct txn_place place = {.node = RING_NO_NODE};

	if (!place_nearest(f->r.ring, &f->owners, &f->view, tried, &place))
		return RING_NO_NODE;
	assert_int_equal(place.dc, 0);
	assert_false(place.spread);
	assert_int_equal(f->owners.node[0][place.rack], place.node);
	return place.node;
}

static const struct txn_place *place_of(const struct fix *f, uint32_t node)
{
	const struct txn_place *found = NULL;

	for (uint32_t i = 0; i < f->out.n; i++) {
		if (f->out.at[i].node != node)
			continue;
		assert_null(found);
		found = &f->out.at[i];
	}
	return found;
}

static void assert_votes(const struct fix *f, uint32_t node, uint8_t dc)
{
	const struct txn_place *place = place_of(f, node);

	assert_non_null(place);
	assert_int_equal(place->dc, dc);
	assert_false(place->spread);
	assert_int_equal(f->owners.node[dc][place->rack], node);
}

// Gets it to pass on; nobody waits for the answer.
static void assert_spreads(const struct fix *f, uint32_t node)
{
	const struct txn_place *place = place_of(f, node);

	assert_non_null(place);
	assert_int_equal(place->dc, TXN_NO_VOTE);
	assert_true(place->spread);
}

static void assert_own_dc_votes(const struct fix *f)
{
	assert_votes(f, A1, 0);
	assert_votes(f, A2_OWN, 0);
	assert_votes(f, A3, 0);
}

// --- owners

static void test_owners(void **state)
{
	struct fix *f = *state;
	struct owners high;

	assert_int_equal(f->owners.node[0][0], A2_OWN);
	assert_int_equal(f->owners.node[0][1], A1);
	assert_int_equal(f->owners.node[0][2], A3);
	assert_int_equal(f->owners.node[1][0], B1);
	assert_int_equal(f->owners.node[2][0], C1_LOW);
	assert_int_equal(f->owners.node[2][1], C2);
	owners_find(f->r.ring, HASH_HIGH, &high);
	assert_int_equal(high.node[2][0], C1_HIGH);
	assert_int_equal(high.node[2][1], C2);
	assert_true(owners_same(f->r.ring, &f->owners, &f->owners));
	assert_false(owners_same(f->r.ring, &f->owners, &high));
}

// --- reads under DC_ONE

static void test_own_rack_first(void **state)
{
	struct fix *f = *state;

	f->view.fact[A2_OWN] = (struct peer_fact){.health = PEER_DOWN, .rtt = 9000};
	f->view.fact[A1].rtt = 1;
	assert_int_equal(nearest(f, 0), A2_OWN);
}

static void test_then_the_nearest(void **state)
{
	struct fix *f = *state;

	f->r.snapshot->state = NODE_STANDBY;
	f->view.fact[A3].rtt = 99;
	assert_int_equal(nearest(f, 0), A3);
	f->view.fact[A3].rtt = 101;
	assert_int_equal(nearest(f, 0), A1);
	// Nothing is known of the other's time: no reason to leave the first.
	f->view.fact[A3] = (struct peer_fact){.health = PEER_UNKNOWN};
	assert_int_equal(nearest(f, 0), A1);
}

static void test_late_ones_behind_others(void **state)
{
	struct fix *f = *state;

	f->r.snapshot->state = NODE_STANDBY;
	f->view.fact[A3] = (struct peer_fact){.health = PEER_LATE, .rtt = 1};
	assert_int_equal(nearest(f, 0), A1);
	assert_false(place_is_there(f->r.ring, &f->view, A3));
	down(f, A1);
	assert_int_equal(nearest(f, 0), A3);
}

static void test_those_that_are_down_last(void **state)
{
	struct fix *f = *state;

	f->r.snapshot->state = NODE_WRITES_ONLY;
	f->view.fact[A1].rtt = 1;
	down(f, A1);
	assert_int_equal(nearest(f, 0), A3);
	down(f, A3);
	// All are: someone is asked nevertheless, who will say so.
	assert_int_not_equal(nearest(f, 0), RING_NO_NODE);
}

static void test_never_twice(void **state)
{
	struct fix *f = *state;

	assert_int_equal(nearest(f, 1 << 0), A1);
	assert_int_equal(nearest(f, 1 << 0 | 1 << 1), A3);
	assert_int_equal(nearest(f, 1 << 0 | 1 << 1 | 1 << 2), RING_NO_NODE);
}

static void test_nodes_that_do_not_serve(void **state)
{
	struct fix *f = *state;

	f->view.fact[A1].rtt = 1;
	fix_node_state(&f->r, A1, NODE_STANDBY);
	assert_int_equal(nearest(f, 1 << 0), A3);
	fix_node_state(&f->r, A3, NODE_DOWN);
	fix_node_state(&f->r, A1, NODE_NORMAL);
	assert_int_equal(nearest(f, 1 << 0), A1);
}

// Node numbers of another epoch are those of other nodes.
static void test_a_view_of_another_epoch(void **state)
{
	struct fix *f = *state;

	down(f, A1);
	assert_int_equal(nearest(f, 1 << 0), A3);
	f->view.epoch++;
	assert_int_equal(nearest(f, 1 << 0), A1);
	f->view.epoch--;
	f->view.node_n = A1;
	assert_int_equal(nearest(f, 1 << 0), A1);
}

static void test_before_any_view(void **state)
{
	struct fix *f = *state;
	struct txn_place place;

	assert_true(place_nearest(f->r.ring, &f->owners, NULL, 1 << 0, &place));
	assert_int_equal(place.node, A1);
	places_write(f->r.ring, &f->owners, NULL, CONSISTENCY_DC_ONE, &f->out);
	assert_int_equal(f->out.n, 5);
}

static void test_racks_without_tokens(void **state)
{
	static const struct fix_node nodes[] = {
		{"a", "r1", NO_TOKEN}, {"a", "r1", NO_TOKEN}, {"a", "r2", 0}};
	struct fix_ring r = fix_ring_new(nodes, ARRAY_LEN(nodes), 0);
	struct owners owners;
	struct txn_place place;

	(void)state;
	owners_find(r.ring, 0, &owners);
	assert_int_equal(owners.node[0][0], RING_NO_NODE);
	assert_true(place_nearest(r.ring, &owners, NULL, 0, &place));
	assert_int_equal(place.node, 2);
	assert_false(place_nearest(r.ring, &owners, NULL, 1 << 1, &place));
	fix_ring_free(&r);
}

// --- reads of several racks

static void test_reads_by_level(void **state)
{
	struct fix *f = *state;

	places_read(f->r.ring, &f->owners, CONSISTENCY_DC_QUORUM, &f->out);
	assert_int_equal(f->out.n, 3);
	assert_int_equal(f->out.level, CONSISTENCY_DC_QUORUM);
	assert_own_dc_votes(f);
	places_read(f->r.ring, &f->owners, CONSISTENCY_DC_SAFE_QUORUM, &f->out);
	assert_int_equal(f->out.n, 3);
	assert_own_dc_votes(f);
	places_read(f->r.ring, &f->owners, CONSISTENCY_DC_EACH_SAFE_QUORUM, &f->out);
	assert_int_equal(f->out.n, 6);
	assert_own_dc_votes(f);
	assert_votes(f, B1, 1);
	assert_votes(f, C1_LOW, 2);
	assert_votes(f, C2, 2);
}

// Those that are down have their vote, or the majority would be of fewer.
static void test_who_is_down_is_asked(void **state)
{
	struct fix *f = *state;

	for (uint32_t i = 0; i < NODE_N; i++)
		down(f, i);
	places_read(f->r.ring, &f->owners, CONSISTENCY_DC_QUORUM, &f->out);
	assert_int_equal(f->out.n, 3);
	places_write(f->r.ring, &f->owners, &f->view, CONSISTENCY_DC_ONE, &f->out);
	assert_int_equal(f->out.n, 5);
}

// --- writes

static void test_writes_by_level(void **state)
{
	static const uint8_t levels[] = {
		CONSISTENCY_DC_ONE, CONSISTENCY_DC_QUORUM, CONSISTENCY_DC_SAFE_QUORUM};
	struct fix *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		places_write(f->r.ring, &f->owners, &f->view, levels[i], &f->out);
		assert_int_equal(f->out.level, levels[i]);
		assert_int_equal(f->out.n, 5);
		assert_own_dc_votes(f);
		assert_spreads(f, B1);
		// The own rack is the second by name, and so is the one it sends to.
		assert_spreads(f, C2);
	}
	places_write(f->r.ring, &f->owners, &f->view, CONSISTENCY_DC_EACH_SAFE_QUORUM, &f->out);
	assert_int_equal(f->out.n, 6);
	assert_own_dc_votes(f);
	assert_votes(f, B1, 1);
	assert_votes(f, C1_LOW, 2);
	assert_votes(f, C2, 2);
}

static void test_another_rack_passes_it_on(void **state)
{
	struct fix *f = *state;

	down(f, C2);
	places_write(f->r.ring, &f->owners, &f->view, CONSISTENCY_DC_ONE, &f->out);
	assert_spreads(f, C1_LOW);
	assert_null(place_of(f, C2));
	// With both down, the preferred one: a place that fails is counted.
	down(f, C1_LOW);
	places_write(f->r.ring, &f->owners, &f->view, CONSISTENCY_DC_ONE, &f->out);
	assert_spreads(f, C2);
	// The owner of another key in that rack is there.
	owners_find(f->r.ring, HASH_HIGH, &f->owners);
	places_write(f->r.ring, &f->owners, &f->view, CONSISTENCY_DC_ONE, &f->out);
	assert_spreads(f, C1_HIGH);
}

static void test_passed_on(void **state)
{
	struct fix *f = *state;

	places_spread(f->r.ring, &f->owners, &f->out);
	assert_int_equal(f->out.n, 3);
	assert_int_equal(f->out.level, CONSISTENCY_DC_ONE);
	assert_own_dc_votes(f);
}

static void test_everywhere(void **state)
{
	struct fix *f = *state;

	places_all(f->r.ring, &f->out);
	assert_int_equal(f->out.n, NODE_N);
	for (uint32_t i = 0; i < NODE_N; i++) {
		const struct txn_place *place = place_of(f, i);

		assert_non_null(place);
		assert_int_equal(place->dc, i == A2_OWN ? 0 : TXN_NO_VOTE);
		assert_false(place->spread);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_owners),
		TEST(test_own_rack_first),
		TEST(test_then_the_nearest),
		TEST(test_late_ones_behind_others),
		TEST(test_those_that_are_down_last),
		TEST(test_never_twice),
		TEST(test_nodes_that_do_not_serve),
		TEST(test_a_view_of_another_epoch),
		TEST(test_before_any_view),
		TEST(test_racks_without_tokens),
		TEST(test_reads_by_level),
		TEST(test_who_is_down_is_asked),
		TEST(test_writes_by_level),
		TEST(test_another_rack_passes_it_on),
		TEST(test_passed_on),
		TEST(test_everywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
