#include "tests/sim/cluster/plan.h"

#include <stdio.h>
#include <string.h>

#include "common/base/rng.h"
#include "common/cluster/hash.h"

static uint64_t upto(struct rng *rng, uint64_t max)
{
	return rng_u64(rng) % (max + 1);
}

static bool chance(struct rng *rng, uint32_t of_hundred)
{
	return rng_below(rng, 100) < of_hundred;
}

static void add_rack(struct plan *plan, struct rng *rng, uint8_t dc, uint8_t rack, unsigned nodes)
{
	uint32_t at = (uint32_t)rng_u64(rng);

	for (unsigned i = 0; i < nodes && plan->node_n < PLAN_NODES_MAX; i++) {
		struct plan_node *node = &plan->node[plan->node_n++];

		node->dc = dc;
		node->rack = rack;
		node->token = at + i * (UINT32_MAX / nodes) + rng_below(rng, 1u << 28);
	}
}

static void draw_nodes(struct plan *plan, struct rng *rng)
{
	static const uint8_t dcs[] = {1, 1, 1, 1, 2, 2, 2, 3};

	do {
		plan->node_n = 0;
		plan->dc_n = dcs[rng_below(rng, sizeof(dcs))];
		for (uint8_t d = 0; d < plan->dc_n; d++) {
			plan->rack_n[d] = (uint8_t)(1 + rng_below(rng, PLAN_RACKS_MAX));
			for (uint8_t r = 0; r < plan->rack_n[d]; r++)
				add_rack(plan, rng, d, r, 1 + rng_below(rng, 3));
		}
		// A rack that had no room for a node would not be there.
	} while (plan->node_n < 3 || plan->node_n >= PLAN_NODES_MAX);
	for (uint8_t i = 0; i < plan->node_n; i++)
		plan->node[i].clock = upto(rng, 1000) * NS_PER_SEC / 7;
}

static void draw_network(struct plan *plan, struct rng *rng)
{
	plan->near = (struct link_model){
		.delay = 20 * NS_PER_US + upto(rng, 400 * NS_PER_US),
		.jitter = upto(rng, 200 * NS_PER_US),
		.in_order = chance(rng, 70),
	};
	plan->far = (struct link_model){
		.delay = NS_PER_MS + upto(rng, 60 * NS_PER_MS),
		.jitter = upto(rng, 5 * NS_PER_MS),
		.in_order = chance(rng, 80),
	};
	if (!plan->quiet && chance(rng, 30))
		plan->near.loss = plan->far.loss = rng_below(rng, 20000);
	plan->timeout_ms = 200 + rng_below(rng, 2000);
	plan->local_extra = 200 * NS_PER_MS;
	plan->remote_extra = 500 * NS_PER_MS + upto(rng, 2 * NS_PER_SEC);
	if (plan->quiet)
		plan->timeout_ms += 5000;
	plan->local_connections = (uint8_t)(1 + rng_below(rng, 3));
	plan->remote_connections = (uint8_t)(1 + rng_below(rng, 3));
}

static void draw_store(struct plan *plan, struct rng *rng)
{
	plan->store_time = 2 * NS_PER_US + upto(rng, chance(rng, 20) ? NS_PER_MS : 50 * NS_PER_US);
	plan->store_chain = rng_below(rng, PLAN_MILLION);
	if (!plan->quiet && chance(rng, 20))
		plan->store_error = rng_below(rng, 20000);
	plan->bulk_min = chance(rng, 20) ? 2000 : 128 * 1024;
	plan->value_max = chance(rng, 30) ? 9000 : chance(rng, 30) ? 1200 : 40;
	plan->key_n = (uint8_t)(3 + rng_below(rng, 20));
}

// A rack, a datacentre, or any nodes.
static uint16_t some_nodes(const struct plan *plan, struct rng *rng)
{
	const struct plan_node *like = &plan->node[rng_below(rng, plan->node_n)];
	unsigned how = rng_below(rng, 3);
	uint16_t nodes = 0;

	for (unsigned i = 0; i < plan->node_n; i++) {
		const struct plan_node *node = &plan->node[i];
		bool in = how == 0 ? chance(rng, 50)
				   : node->dc == like->dc && (how == 1 || node->rack == like->rack);

		nodes |= (uint16_t)(in << i);
	}
	return nodes;
}

static void draw_faults(struct plan *plan, struct rng *rng)
{
	if (plan->quiet)
		return;
	plan->fault_n = (uint8_t)(1 + rng_below(rng, PLAN_FAULTS_MAX));
	for (unsigned i = 0; i < plan->fault_n; i++) {
		struct plan_fault *fault = &plan->fault[i];

		fault->kind = (uint8_t)rng_below(rng, PLAN_FAULT_KINDS);
		fault->node = (uint8_t)rng_below(rng, plan->node_n);
		fault->nodes = some_nodes(plan, rng);
		fault->from = upto(rng, plan->load - plan->load / 4);
		fault->until = fault->from + upto(rng, plan->load / 4);
		fault->loses = fault->kind <= PLAN_STORE_END && chance(rng, 15);
		plan->loses |= fault->loses;
	}
}

static void draw_clients(struct plan *plan, struct rng *rng)
{
	for (uint8_t i = 0; i < plan->node_n; i++) {
		unsigned n = 1 + rng_below(rng, 3);

		for (; n > 0 && plan->client_n < PLAN_CLIENTS_MAX; n--)
			plan->client[plan->client_n++] = (struct plan_client){
				.node = i,
				.depth = (uint8_t)(chance(rng, 40) ? 1 : 1 + rng_below(rng, 12)),
				.think = upto(rng, 100 * NS_PER_MS),
				.leaves = !plan->quiet && chance(rng, 20) ? 30000 : 0,
			};
	}
}

void plan_draw(struct plan *plan, uint64_t seed)
{
	static const uint8_t levels[] = {CONSISTENCY_DC_ONE, CONSISTENCY_DC_QUORUM,
		CONSISTENCY_DC_SAFE_QUORUM, CONSISTENCY_DC_SAFE_QUORUM,
		CONSISTENCY_DC_EACH_SAFE_QUORUM};
	struct rng rng;

	memset(plan, 0, sizeof(*plan));
	rng_seed(&rng, seed);
	plan->seed = seed;
	plan->quiet = chance(&rng, 30);
	plan->load = NS_PER_SEC + upto(&rng, 4 * NS_PER_SEC);
	plan->hash = (uint8_t)rng_below(&rng, HASH_N);
	plan->write_level = levels[rng_below(&rng, sizeof(levels))];
	plan->read_level =
		chance(&rng, 60) ? plan->write_level : levels[rng_below(&rng, sizeof(levels))];
	draw_nodes(plan, &rng);
	draw_network(plan, &rng);
	draw_store(plan, &rng);
	draw_faults(plan, &rng);
	draw_clients(plan, &rng);
}

static void print_faults(const struct plan *plan)
{
	static const char *const names[] = {"crash of the node", "end of the store",
		"hang of the store", "cut", "cut one way", "slow links", "lossy links",
		"next epoch"};

	for (unsigned i = 0; i < plan->fault_n; i++) {
		const struct plan_fault *f = &plan->fault[i];

		printf("  %.6f..%.6f s: %s, node %u, nodes %02x%s\n", (double)f->from / 1e9,
			(double)f->until / 1e9, names[f->kind], f->node, f->nodes,
			f->loses ? ", data lost" : "");
	}
}

void plan_print(const struct plan *plan)
{
	printf("seed %llu: %u nodes, read %s, write %s, hash %u%s%s\n",
		(unsigned long long)plan->seed, plan->node_n,
		consistency_name((enum consistency)plan->read_level),
		consistency_name((enum consistency)plan->write_level), plan->hash,
		plan->quiet ? ", quiet" : "", plan->loses ? ", data may be lost" : "");
	for (unsigned i = 0; i < plan->node_n; i++)
		printf("  node %u: dc %u rack %u token %u\n", i, plan->node[i].dc,
			plan->node[i].rack, plan->node[i].token);
	printf("  timeout %u ms, delays %.3f and %.3f ms, loss %u, values to %u, bulk from %u\n",
		plan->timeout_ms, (double)plan->near.delay / 1e6, (double)plan->far.delay / 1e6,
		plan->near.loss, plan->value_max, plan->bulk_min);
	printf("  %u clients, %u keys, load for %.3f s\n", plan->client_n, plan->key_n,
		(double)plan->load / 1e9);
	print_faults(plan);
}

uint8_t plan_owner(const struct plan *plan, uint8_t dc, uint8_t rack, struct slice key)
{
	uint32_t hash = hash_key((enum hash_kind)plan->hash, hash_tagged(key, "{}"));
	uint8_t above = PLAN_NO_NODE;
	uint8_t lowest = PLAN_NO_NODE;

	for (uint8_t i = 0; i < plan->node_n; i++) {
		const struct plan_node *node = &plan->node[i];

		if (node->dc != dc || node->rack != rack)
			continue;
		if (lowest == PLAN_NO_NODE || node->token < plan->node[lowest].token)
			lowest = i;
		if (node->token >= hash &&
			(above == PLAN_NO_NODE || node->token < plan->node[above].token))
			above = i;
	}
	return above != PLAN_NO_NODE ? above : lowest;
}

bool plan_owns(const struct plan *plan, uint8_t node, struct slice key)
{
	return plan_owner(plan, plan->node[node].dc, plan->node[node].rack, key) == node;
}

uint64_t plan_patience(const struct plan *plan)
{
	// Waiting to be sent, then sent; and of a read, in each rack once.
	uint64_t one = plan->timeout_ms * NS_PER_MS + plan->local_extra + plan->remote_extra;

	return (PLAN_RACKS_MAX + 1) * 2 * one + NS_PER_SEC;
}
