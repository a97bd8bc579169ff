#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"
#include "common/cluster/ring.h"

#define NODES_MAX 300
#define TOKENS_MAX 8192

// A cluster as it is thought up: nodes with their tokens, one after the other.
struct plan {
	uint32_t node_n;
	uint32_t token_n;
	struct snapshot_node node[NODES_MAX];
	uint32_t token[TOKENS_MAX];
	struct snapshot *snapshot;
	struct ring *ring;
};

static struct plan plan;

static void plan_node(const char *dc, const char *rack)
{
	struct snapshot_node *node = &plan.node[plan.node_n++];

	assert_true(plan.node_n <= NODES_MAX);
	memset(node, 0, sizeof(*node));
	snprintf(node->dc, sizeof(node->dc), "%s", dc);
	snprintf(node->rack, sizeof(node->rack), "%s", rack);
	node->state = NODE_NORMAL;
	node->token_first = plan.token_n;
}

// For the node named last.
static void plan_token(uint32_t token)
{
	assert_true(plan.token_n < TOKENS_MAX);
	plan.token[plan.token_n++] = token;
	plan.node[plan.node_n - 1].token_n++;
}

static void plan_one(const char *dc, const char *rack, uint32_t token)
{
	plan_node(dc, rack);
	plan_token(token);
}

static int build(uint32_t local)
{
	size_t size = snapshot_size(plan.node_n, plan.token_n);
	struct snapshot_node *nodes;

	plan.node[local].is_local = 1;
	plan.snapshot = calloc(1, size);
	assert_non_null(plan.snapshot);
	*plan.snapshot = (struct snapshot){.epoch = 1,
		.node_n = plan.node_n,
		.token_n = plan.token_n,
		.state = NODE_NORMAL,
		.hash = HASH_MURMUR};
	nodes = (struct snapshot_node *)(void *)(plan.snapshot + 1);
	memcpy(nodes, plan.node, plan.node_n * sizeof(*nodes));
	memcpy(nodes + plan.node_n, plan.token, plan.token_n * sizeof(uint32_t));
	assert_null(snapshot_check(plan.snapshot, size));
	return ring_new(plan.snapshot, &plan.ring);
}

static void must_build(uint32_t local)
{
	assert_int_equal(build(local), 0);
	assert_int_equal(plan.ring->local_node, local);
	assert_ptr_equal(plan.ring->snapshot, plan.snapshot);
}

static void forget(void)
{
	ring_free(plan.ring);
	free(plan.snapshot);
	memset(&plan, 0, sizeof(plan));
}

static int teardown(void **state)
{
	(void)state;
	forget();
	return 0;
}

static uint32_t own_owner(uint32_t hash)
{
	return ring_owner(&plan.ring->dc[0].rack[0], hash);
}

static uint32_t owner_of_key(const char *key)
{
	return own_owner(ring_hash(plan.ring, slice_str(key)));
}

// --- the model: what the rule says, by looking at every token

static uint32_t model_owner(const char *dc, const char *rack, uint32_t hash)
{
	uint64_t best = UINT64_MAX;
	uint32_t owner = RING_NO_NODE;
	uint32_t members = 0;
	uint32_t member = 0;

	for (uint32_t i = 0; i < plan.node_n; i++) {
		const struct snapshot_node *node = &plan.node[i];

		if (strcmp(node->dc, dc) != 0 || strcmp(node->rack, rack) != 0)
			continue;
		members++;
		member = i;
		for (uint32_t t = 0; t < node->token_n; t++) {
			uint32_t token = plan.token[node->token_first + t];
			// How far round the ring: 0 is right on it.
			uint64_t way = token - hash;

			if (way < best) {
				best = way;
				owner = i;
			}
		}
	}
	return owner == RING_NO_NODE && members == 1 ? member : owner;
}

static void assert_like_the_model(const struct ring_dc *dc, uint32_t r, uint32_t hash)
{
	const struct ring_rack *rack = &dc->rack[r];
	uint32_t want = model_owner(dc->name, rack->name, hash);
	uint32_t got = ring_owner(rack, hash);

	if (got != want)
		fail_msg("%s %s: hash %u is at node %u, not %u", dc->name, rack->name, hash, got,
			want);
}

// On every token, beside it, and anywhere.
static void assert_all_like_the_model(struct rng *rng)
{
	for (uint32_t d = 0; d < plan.ring->dc_n; d++) {
		const struct ring_dc *dc = &plan.ring->dc[d];

		for (uint32_t r = 0; r < dc->rack_n; r++) {
			for (uint32_t i = 0; i < 40; i++) {
				uint32_t near = plan.token[rng_below(rng, TOKENS_MAX) %
					(plan.token_n > 0 ? plan.token_n : 1)];

				assert_like_the_model(dc, r, near);
				assert_like_the_model(dc, r, near + 1);
				assert_like_the_model(dc, r, near - 1);
				assert_like_the_model(dc, r, (uint32_t)rng_u64(rng));
			}
			assert_like_the_model(dc, r, 0);
			assert_like_the_model(dc, r, UINT32_MAX);
		}
	}
}

// --- owners

static void keys_lie_where_the_original_puts_them(void **state)
{
	(void)state;
	plan_one("dc1", "rack1", 0);
	plan_one("dc1", "rack1", 2147483648u);
	must_build(0);
	assert_int_equal(ring_hash(plan.ring, SLICE_LIT("a")), 1262581116);
	assert_int_equal(owner_of_key("a"), 1);
	assert_int_equal(owner_of_key("foo"), 0); // 3303027599: round to the lowest
	assert_int_equal(owner_of_key("g"), 0);
}

static void a_token_is_in_its_own_range_and_the_last_goes_round(void **state)
{
	(void)state;
	plan_one("d", "r", 3000);
	plan_one("d", "r", 1000);
	plan_one("d", "r", 2000);
	must_build(0);
	assert_int_equal(own_owner(0), 1);
	assert_int_equal(own_owner(1000), 1);
	assert_int_equal(own_owner(1001), 2);
	assert_int_equal(own_owner(2000), 2);
	assert_int_equal(own_owner(2001), 0);
	assert_int_equal(own_owner(3000), 0);
	assert_int_equal(own_owner(3001), 1);
	assert_int_equal(own_owner(UINT32_MAX), 1);
}

static void both_ends_of_the_ring_can_be_tokens(void **state)
{
	(void)state;
	plan_one("d", "r", UINT32_MAX);
	plan_one("d", "r", 0);
	must_build(0);
	assert_int_equal(own_owner(0), 1);
	assert_int_equal(own_owner(1), 0);
	assert_int_equal(own_owner(UINT32_MAX - 1), 0);
	assert_int_equal(own_owner(UINT32_MAX), 0);
}

static void one_token_has_everything(void **state)
{
	(void)state;
	plan_one("d", "r", 77);
	must_build(0);
	assert_int_equal(own_owner(0), 0);
	assert_int_equal(own_owner(77), 0);
	assert_int_equal(own_owner(78), 0);
	assert_int_equal(own_owner(UINT32_MAX), 0);
}

static void without_a_token_only_who_is_alone_owns(void **state)
{
	(void)state;
	plan_node("d", "alone");
	plan_node("d", "two");
	plan_node("d", "two");
	plan_node("d", "mixed");
	plan_one("d", "mixed", 5);
	must_build(0);
	assert_string_equal(plan.ring->dc[0].rack[1].name, "mixed");
	assert_string_equal(plan.ring->dc[0].rack[2].name, "two");
	for (uint32_t hash = 0; hash < 10; hash++) {
		assert_int_equal(own_owner(hash * 400000000u), 0);
		assert_int_equal(ring_owner(&plan.ring->dc[0].rack[1], hash), 4);
		assert_int_equal(ring_owner(&plan.ring->dc[0].rack[2], hash), RING_NO_NODE);
	}
	assert_int_equal(ring_owner(&plan.ring->dc[0].rack[2], UINT32_MAX), RING_NO_NODE);
}

static void of_equal_tokens_the_first_node_has_it(void **state)
{
	(void)state;
	plan_one("d", "r", 9);
	plan_one("d", "r", 5);
	for (uint32_t i = 0; i < 100; i++)
		plan_one("d", "r", 5);
	must_build(50);
	assert_int_equal(own_owner(4), 1);
	assert_int_equal(own_owner(5), 1);
	assert_int_equal(own_owner(6), 0);
	assert_int_equal(own_owner(10), 1);
}

static void several_tokens_of_a_node(void **state)
{
	struct rng rng;

	(void)state;
	rng_seed(&rng, 4);
	plan_node("d", "r");
	plan_token(100);
	plan_token(300);
	plan_node("d", "r");
	plan_token(400);
	plan_token(200);
	must_build(0);
	assert_int_equal(own_owner(50), 0);
	assert_int_equal(own_owner(150), 1);
	assert_int_equal(own_owner(250), 0);
	assert_int_equal(own_owner(350), 1);
	assert_int_equal(own_owner(450), 0);
	assert_all_like_the_model(&rng);
}

static uint32_t random_token(struct rng *rng, unsigned kind)
{
	if (kind == 0)
		return (uint32_t)rng_u64(rng);
	if (kind == 1)
		return rng_below(rng, 400); // bunched at the start
	if (kind == 2)
		return UINT32_MAX - rng_below(rng, 400);
	return rng_below(rng, 16) << 28; // many equal ones
}

static void random_rings_are_like_the_model(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 300; seed++) {
		uint32_t nodes;
		uint32_t racks;
		struct rng rng;

		rng_seed(&rng, seed);
		nodes = 1 + rng_below(&rng, 60);
		racks = 1 + rng_below(&rng, 12);
		for (uint32_t i = 0; i < nodes; i++) {
			uint32_t rack = rng_below(&rng, racks);
			uint32_t n = rng_below(&rng, seed % 3 == 0 ? 120 : 3);
			char name[16];

			snprintf(name, sizeof(name), "rack%u", rack);
			plan_node(rack % 2 == 0 ? "dc1" : "dc2", name);
			for (uint32_t t = 0; t < n; t++)
				plan_token(random_token(&rng, (unsigned)(seed % 4)));
		}
		must_build(rng_below(&rng, nodes));
		assert_all_like_the_model(&rng);
		forget();
	}
}

// --- hashing

static void the_tag_and_the_hash_are_those_of_the_snapshot(void **state)
{
	(void)state;
	plan_one("d", "r", 0);
	must_build(0);
	assert_int_equal(ring_hash(plan.ring, SLICE_LIT("x{foo}y")),
		hash_key(HASH_MURMUR, SLICE_LIT("x{foo}y")));
	memcpy(plan.snapshot->hash_tag, "{}", 2);
	assert_int_equal(ring_hash(plan.ring, SLICE_LIT("x{foo}y")), 3303027599u);
	plan.snapshot->hash = HASH_FNV1A_32;
	assert_int_equal(ring_hash(plan.ring, SLICE_LIT("x{foo}y")), 2851307223u);
	// An empty tag and an empty key are hashed: here to what the hash begins with.
	assert_int_equal(ring_hash(plan.ring, SLICE_LIT("x{}y")), 2166136261u);
	assert_int_equal(ring_hash(plan.ring, slice_make(NULL, 0)), 2166136261u);
}

// --- racks and datacentres

static void own_ones_come_first_and_the_others_by_name(void **state)
{
	const struct ring *ring;

	(void)state;
	plan_one("zeta", "r2", 1);
	plan_one("beta", "b", 1);
	plan_one("beta", "a", 1);
	plan_one("alpha", "r10", 1);
	plan_one("alpha", "r1", 1);
	plan_one("alpha", "\xc3\xa4", 1); // bytes, not signed characters
	plan_one("zeta", "r1", 1);
	plan_one("beta", "c", 1);
	plan_one("beta", "b", 2);
	must_build(8);
	ring = plan.ring;
	assert_int_equal(ring->dc_n, 3);
	assert_string_equal(ring->dc[0].name, "beta");
	assert_string_equal(ring->dc[1].name, "alpha");
	assert_string_equal(ring->dc[2].name, "zeta");
	assert_int_equal(ring->dc[0].rack_n, 3);
	assert_string_equal(ring->dc[0].rack[0].name, "b");
	assert_string_equal(ring->dc[0].rack[1].name, "a");
	assert_string_equal(ring->dc[0].rack[2].name, "c");
	assert_int_equal(ring->dc[0].rack[0].node_n, 2);
	assert_int_equal(ring->dc[0].rack[1].node_n, 1);
	assert_string_equal(ring->dc[1].rack[0].name, "r1");
	assert_string_equal(ring->dc[1].rack[1].name, "r10");
	assert_string_equal(ring->dc[1].rack[2].name, "\xc3\xa4");
	assert_string_equal(ring->dc[2].rack[0].name, "r1");
	assert_int_equal(ring_owner(&ring->dc[0].rack[1], 1), 2);
	assert_int_equal(ring_owner(&ring->dc[2].rack[1], 1), 0);
}

// Racks of the same name in two datacentres are two racks.
static void racks_of_different_node_counts(void **state)
{
	(void)state;
	plan_one("dc1", "r", 0);
	plan_one("dc2", "r", 0);
	plan_one("dc2", "r", 1u << 30);
	plan_one("dc2", "r", 1u << 31);
	must_build(0);
	for (uint32_t hash = 1; hash < 1u << 31; hash += 1u << 27)
		assert_int_equal(own_owner(hash), 0);
	assert_int_equal(ring_owner(&plan.ring->dc[1].rack[0], 5), 2);
	assert_int_equal(ring_owner(&plan.ring->dc[1].rack[0], (1u << 30) + 1), 3);
	assert_int_equal(ring_owner(&plan.ring->dc[1].rack[0], UINT32_MAX), 1);
}

// Three racks here, `remote` ones there, this node in rack `own`.
static uint32_t preferred(uint32_t own, uint32_t remote)
{
	uint32_t got;
	char name[16];

	// From behind, so that the order comes from the names.
	for (uint32_t i = remote; i > 0; i--) {
		snprintf(name, sizeof(name), "b%u", i - 1);
		plan_one("far", name, 0);
	}
	for (uint32_t i = 3; i > 0; i--) {
		snprintf(name, sizeof(name), "a%u", i - 1);
		plan_one("near", name, 0);
	}
	must_build(remote + 2 - own);
	got = plan.ring->dc[1].preferred;
	assert_int_equal(plan.ring->dc[0].preferred, 0);
	snprintf(name, sizeof(name), "b%u", got);
	assert_string_equal(plan.ring->dc[1].rack[got].name, name);
	forget();
	return got;
}

static void the_rack_of_another_datacentre_follows_from_the_own_place(void **state)
{
	(void)state;
	for (uint32_t remote = 1; remote <= 4; remote++)
		for (uint32_t own = 0; own < 3; own++)
			assert_int_equal(preferred(own, remote), own % remote);
}

static void name_racks(uint32_t dcs, uint32_t racks)
{
	for (uint32_t d = 0; d < dcs; d++) {
		for (uint32_t r = 0; r < racks; r++) {
			char dc[16];
			char rack[16];

			snprintf(dc, sizeof(dc), "d%u", d);
			snprintf(rack, sizeof(rack), "r%u", r);
			plan_one(dc, rack, d + r);
		}
	}
}

static void limits_of_racks_and_datacentres(void **state)
{
	(void)state;
	name_racks(RING_DCS_MAX, RING_RACKS_MAX);
	must_build(200);
	assert_int_equal(plan.ring->dc_n, RING_DCS_MAX);
	for (uint32_t d = 0; d < RING_DCS_MAX; d++)
		assert_int_equal(plan.ring->dc[d].rack_n, RING_RACKS_MAX);
	assert_int_equal(own_owner(0), 200);
	forget();
	name_racks(1, RING_RACKS_MAX + 1);
	assert_int_equal(build(0), -E2BIG);
	forget();
	name_racks(RING_DCS_MAX + 1, 1);
	assert_int_equal(build(0), -E2BIG);
	assert_null(plan.ring);
}

static void freeing_none_is_allowed(void **state)
{
	(void)state;
	ring_free(NULL);
}

#define TEST(f) cmocka_unit_test_teardown(f, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(keys_lie_where_the_original_puts_them),
		TEST(a_token_is_in_its_own_range_and_the_last_goes_round),
		TEST(both_ends_of_the_ring_can_be_tokens),
		TEST(one_token_has_everything),
		TEST(without_a_token_only_who_is_alone_owns),
		TEST(of_equal_tokens_the_first_node_has_it),
		TEST(several_tokens_of_a_node),
		TEST(random_rings_are_like_the_model),
		TEST(the_tag_and_the_hash_are_those_of_the_snapshot),
		TEST(own_ones_come_first_and_the_others_by_name),
		TEST(racks_of_different_node_counts),
		TEST(the_rack_of_another_datacentre_follows_from_the_own_place),
		TEST(limits_of_racks_and_datacentres),
		TEST(freeing_none_is_allowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
