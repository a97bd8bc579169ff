#include "tests/unit/dataplane/net/net_fixture.h"

#define MAX 16

struct box {
	struct neigh_table t;
	struct stats *stats;
	struct mono now;
};

static int setup(void **state)
{
	struct box *b = calloc(1, sizeof(*b));

	b->stats = aligned_alloc(64, RTE_ALIGN(sizeof(*b->stats), 64));
	memset(b->stats, 0, sizeof(*b->stats));
	b->now = (struct mono){NS_PER_SEC};
	assert_int_equal(neigh_init(&b->t, MAX, 3, b->stats, b->now), 0);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct box *b = *state;

	neigh_fini(&b->t);
	free(b->stats);
	free(b);
	return 0;
}

static struct ip_addr host(unsigned i)
{
	return ip_addr_from_v4(rte_cpu_to_be_32(0x0a000000u + i));
}

static struct neigh *add(struct box *b, unsigned i, enum neigh_kind kind)
{
	struct ip_addr a = host(i);
	struct neigh *n = neigh_add(&b->t, &a, kind, b->now);

	if (n != NULL && kind == NEIGH_STRANGER)
		neigh_learn(&b->t, n, &peer_mac, NEIGH_OVERRIDE, b->now);
	return n;
}

static struct neigh *find(struct box *b, unsigned i)
{
	struct ip_addr a = host(i);

	return neigh_find(&b->t, &a);
}

static struct neigh *add_reachable(struct box *b, unsigned i)
{
	struct neigh *n = add(b, i, NEIGH_UNRESOLVED);

	assert_non_null(n);
	assert_int_equal(neigh_use(&b->t, n, b->now), NEIGH_ASK);
	neigh_learn(&b->t, n, &peer_mac, NEIGH_SOLICITED | NEIGH_OVERRIDE, b->now);
	assert_int_equal(n->state, NEIGH_REACHABLE);
	return n;
}

static void pass(struct box *b, uint64_t ns)
{
	b->now = mono_add(b->now, ns);
	neigh_advance(&b->t, b->now);
}

static void an_answer_makes_it_reachable_and_time_makes_it_stale(void **state)
{
	struct box *b = *state;
	struct neigh *n = add_reachable(b, 1);

	pass(b, NEIGH_REACHABLE_NS - NS_PER_SEC);
	assert_int_equal(n->state, NEIGH_REACHABLE);
	neigh_confirm(&b->t, n, b->now);
	pass(b, NEIGH_REACHABLE_NS - NS_PER_SEC);
	assert_int_equal(n->state, NEIGH_REACHABLE);
	pass(b, 2 * NS_PER_SEC);
	assert_int_equal(n->state, NEIGH_STALE);
	assert_null(neigh_due(&b->t)); // nobody needs it: it is not asked
	pass(b, NEIGH_STALE_NS + NS_PER_SEC);
	assert_null(find(b, 1));
}

static void a_stale_one_in_use_is_probed_and_forgotten_when_silent(void **state)
{
	struct box *b = *state;
	struct neigh *n = add_reachable(b, 1);

	pass(b, NEIGH_REACHABLE_NS + NS_PER_SEC);
	assert_int_equal(neigh_use(&b->t, n, b->now), NEIGH_SEND);
	assert_int_equal(n->state, NEIGH_DELAY);
	pass(b, NEIGH_DELAY_NS + NS_PER_MS);
	for (unsigned i = 0; i < NEIGH_SOLICITS; i++) {
		assert_int_equal(n->state, NEIGH_PROBE);
		assert_ptr_equal(neigh_due(&b->t), n);
		assert_null(neigh_due(&b->t));
		assert_int_equal(neigh_use(&b->t, n, b->now), NEIGH_SEND);
		pass(b, NEIGH_RETRANS_NS + NS_PER_MS);
	}
	assert_null(find(b, 1));
	assert_null(neigh_due(&b->t));
}

static void progress_of_a_transport_spares_the_probe(void **state)
{
	struct box *b = *state;
	struct neigh *n = add_reachable(b, 1);

	pass(b, NEIGH_REACHABLE_NS + NS_PER_SEC);
	assert_int_equal(neigh_use(&b->t, n, b->now), NEIGH_SEND);
	neigh_confirm(&b->t, n, b->now);
	assert_int_equal(n->state, NEIGH_REACHABLE);
	pass(b, NEIGH_DELAY_NS + NS_PER_MS);
	assert_null(neigh_due(&b->t));
	assert_int_equal(n->state, NEIGH_REACHABLE);
}

static void one_that_never_answers_fails_and_may_be_asked_again(void **state)
{
	struct box *b = *state;
	struct neigh *n = add(b, 1, NEIGH_UNRESOLVED);

	assert_int_equal(neigh_use(&b->t, n, b->now), NEIGH_ASK);
	assert_int_equal(neigh_use(&b->t, n, b->now), NEIGH_HOLD);
	pass(b, NEIGH_RETRANS_NS + NS_PER_MS);
	assert_ptr_equal(neigh_due(&b->t), n);
	pass(b, NEIGH_RETRANS_NS + NS_PER_MS);
	assert_ptr_equal(neigh_due(&b->t), n);
	pass(b, NEIGH_RETRANS_NS + NS_PER_MS);
	assert_null(neigh_due(&b->t));
	assert_int_equal(n->state, NEIGH_FAILED);
	assert_int_equal(neigh_use(&b->t, n, b->now), NEIGH_DROP);
	// A sign of life counts at once.
	neigh_learn(&b->t, n, &peer_mac, NEIGH_OVERRIDE, b->now);
	assert_int_equal(n->state, NEIGH_STALE);
}

static void failure_is_forgotten(void **state)
{
	struct box *b = *state;
	struct neigh *n = add(b, 1, NEIGH_UNRESOLVED);

	assert_int_equal(neigh_use(&b->t, n, b->now), NEIGH_ASK);
	for (unsigned i = 0; i < NEIGH_SOLICITS; i++)
		pass(b, NEIGH_RETRANS_NS + NS_PER_MS);
	assert_non_null(find(b, 1));
	pass(b, NEIGH_FAILED_NS + NS_PER_MS);
	assert_null(find(b, 1));
}

// RFC 4861 §7.2.5, the rows for an entry that has an address.
static void what_an_advertisement_may_change(void **state)
{
	static const struct rte_ether_addr other = {{2, 9, 9, 9, 9, 9}};
	static const struct {
		bool same;
		unsigned flags;
		enum neigh_state state;
		bool replaced;
	} rows[] = {
		{false, 0, NEIGH_STALE, false},
		{false, NEIGH_SOLICITED, NEIGH_STALE, false},
		{false, NEIGH_OVERRIDE, NEIGH_STALE, true},
		{false, NEIGH_OVERRIDE | NEIGH_SOLICITED, NEIGH_REACHABLE, true},
		{true, 0, NEIGH_REACHABLE, false},
		{true, NEIGH_OVERRIDE, NEIGH_REACHABLE, false},
		{true, NEIGH_SOLICITED, NEIGH_REACHABLE, false},
	};
	struct box *b = *state;

	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		struct neigh *n = add_reachable(b, 100 + i);

		neigh_learn(&b->t, n, rows[i].same ? &peer_mac : &other, rows[i].flags, b->now);
		assert_int_equal(n->state, rows[i].state);
		assert_int_equal(rte_is_same_ether_addr(&n->mac, &other), rows[i].replaced);
	}
}

static void strangers_do_not_push_out_neighbours_in_use(void **state)
{
	struct box *b = *state;

	for (unsigned i = 0; i < MAX / 2 + 2; i++)
		add_reachable(b, i);
	for (unsigned i = 1000; i < 3000; i++)
		add(b, i, NEIGH_STRANGER);
	for (unsigned i = 0; i < MAX / 2 + 2; i++)
		assert_non_null(find(b, i));
	assert_true(b->t.count[NEIGH_STRANGER] <= MAX / 2);
	// The newest of them are there.
	assert_non_null(find(b, 2999));
	// One that we want to talk to displaces a stranger.
	assert_non_null(add(b, 50, NEIGH_UNRESOLVED));
}

static void addresses_that_nobody_has_do_not_push_out_neighbours_in_use(void **state)
{
	struct box *b = *state;

	for (unsigned i = 0; i < MAX / 2 + 2; i++)
		add_reachable(b, i);
	for (unsigned i = 1000; i < 3000; i++) {
		struct neigh *n = add(b, i, NEIGH_UNRESOLVED);

		assert_non_null(n);
		assert_int_equal(neigh_use(&b->t, n, b->now), NEIGH_ASK);
	}
	for (unsigned i = 0; i < MAX / 2 + 2; i++)
		assert_non_null(find(b, i));
	assert_true(b->t.count[NEIGH_UNRESOLVED] <= MAX / 2);
}

static void a_full_table_of_live_neighbours_refuses(void **state)
{
	struct box *b = *state;

	for (unsigned i = 0; i < MAX; i++)
		add_reachable(b, i);
	assert_null(add(b, 500, NEIGH_STRANGER));
	assert_null(add(b, 500, NEIGH_UNRESOLVED));
	assert_int_equal(b->stats->drop[DROP_NEIGH_FULL], 2);
	// Those that nobody talks to any more make room.
	pass(b, NEIGH_LIVE_NS + NS_PER_SEC);
	assert_non_null(add(b, 500, NEIGH_UNRESOLVED));
}

static void hints_survive_reuse_of_entries(void **state)
{
	struct box *b = *state;
	struct ip_addr a = host(1);
	struct neigh *n = add_reachable(b, 1);
	uint32_t hint = neigh_index(&b->t, n);

	assert_ptr_equal(neigh_at(&b->t, hint, &a), n);
	pass(b, NEIGH_REACHABLE_NS + NEIGH_STALE_NS + 2 * NS_PER_SEC);
	pass(b, NEIGH_STALE_NS + 2 * NS_PER_SEC);
	assert_null(neigh_at(&b->t, hint, &a));
	for (unsigned i = 2; i < MAX; i++)
		add_reachable(b, i);
	assert_null(neigh_at(&b->t, hint, &a));
	assert_null(neigh_at(&b->t, NEIGH_NONE, &a));
}

#define box_test(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		box_test(an_answer_makes_it_reachable_and_time_makes_it_stale),
		box_test(a_stale_one_in_use_is_probed_and_forgotten_when_silent),
		box_test(progress_of_a_transport_spares_the_probe),
		box_test(one_that_never_answers_fails_and_may_be_asked_again),
		box_test(failure_is_forgotten),
		box_test(what_an_advertisement_may_change),
		box_test(strangers_do_not_push_out_neighbours_in_use),
		box_test(addresses_that_nobody_has_do_not_push_out_neighbours_in_use),
		box_test(a_full_table_of_live_neighbours_refuses),
		box_test(hints_survive_reuse_of_entries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
