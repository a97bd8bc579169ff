// The cost of finding a key's owner: making a ring, looking up in it, and each hash. One JSON line
// per figure.
//
// A lookup is measured twice: many at once, as in a turn that routes a batch, and each waiting for
// the one before it, which shows what a single one takes.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/rng.h"
#include "common/cluster/ring.h"

#define HASHES (1u << 20)
#define ROUNDS 5
#define KEY_N 1024
#define KEY_LEN 16
#define KEY_ROUNDS 1000

struct shape {
	const char *name;
	uint32_t node_n;
	uint32_t tokens_each;
	unsigned narrow_by; // bits: all tokens lie in so small a part of the ring
};

static const struct shape shapes[] = {
	{"1x1", 1, 1, 0},
	{"6x1", 6, 1, 0},
	{"100x1", 100, 1, 0},
	{"1000x256", 1000, 256, 0},
	{"1000x256-bunched", 1000, 256, 12},
};

// Read where a compiler must not know that it is 0.
static volatile uint32_t zero;

static double now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static void *must(void *p)
{
	if (p == NULL) {
		(void)fprintf(stderr, "ring_cost: out of memory\n");
		exit(1);
	}
	return p;
}

static struct snapshot *make_snapshot(const struct shape *shape, struct rng *rng)
{
	uint32_t token_n = shape->node_n * shape->tokens_each;
	struct snapshot *s = must(calloc(1, snapshot_size(shape->node_n, token_n)));
	struct snapshot_node *node = (struct snapshot_node *)(void *)(s + 1);
	uint32_t *token = (uint32_t *)(void *)(node + shape->node_n);

	*s = (struct snapshot){.epoch = 1,
		.node_n = shape->node_n,
		.token_n = token_n,
		.state = NODE_NORMAL,
		.hash = HASH_MURMUR};
	for (uint32_t i = 0; i < shape->node_n; i++) {
		(void)snprintf(node[i].dc, sizeof(node[i].dc), "dc");
		(void)snprintf(node[i].rack, sizeof(node[i].rack), "rack");
		node[i].state = NODE_NORMAL;
		node[i].is_local = i == 0;
		node[i].token_first = i * shape->tokens_each;
		node[i].token_n = shape->tokens_each;
	}
	for (uint32_t i = 0; i < token_n; i++)
		token[i] = (uint32_t)rng_u64(rng) >> shape->narrow_by;
	return s;
}

static double build_ms(const struct snapshot *s, struct ring **ring)
{
	double best = 0;

	*ring = NULL;
	for (int i = 0; i < ROUNDS; i++) {
		double start = now_ns();
		double took;

		ring_free(*ring);
		if (ring_new(s, ring) != 0)
			must(NULL);
		took = (now_ns() - start) / 1e6;
		if (i == 0 || took < best)
			best = took;
	}
	return best;
}

static uint32_t lookup_many(const struct ring_rack *rack, const uint32_t *hash)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < HASHES; i++)
		sum += ring_owner(rack, hash[i]);
	return sum;
}

static uint32_t lookup_alone(const struct ring_rack *rack, const uint32_t *hash)
{
	uint32_t wait = zero;
	uint32_t sum = 0;

	for (uint32_t i = 0; i < HASHES; i++)
		sum += ring_owner(rack, hash[i] ^ (sum & wait));
	return sum;
}

static double lookup_ns(uint32_t (*lookup)(const struct ring_rack *, const uint32_t *),
	const struct ring_rack *rack, const uint32_t *hash)
{
	double best = 0;

	for (int r = 0; r < ROUNDS; r++) {
		double start = now_ns();
		double took;

		zero = lookup(rack, hash) & zero;
		took = (now_ns() - start) / HASHES;
		if (r == 0 || took < best)
			best = took;
	}
	return best;
}

static void figure_shape(const struct shape *shape, struct rng *rng)
{
	struct snapshot *s = make_snapshot(shape, rng);
	uint32_t *hash = must(malloc(HASHES * sizeof(*hash)));
	const struct ring_rack *rack;
	struct ring *ring;
	double build = build_ms(s, &ring);

	rack = &ring->dc[0].rack[0];
	for (uint32_t i = 0; i < HASHES; i++)
		hash[i] = (uint32_t)rng_u64(rng) >> shape->narrow_by;
	printf("{\"figure\": \"ring-%s\", \"tokens\": %u, \"build_ms\": %.3f, \"lookup_ns\": %.1f, "
	       "\"lookup_alone_ns\": %.1f}\n",
		shape->name, rack->token_n, build, lookup_ns(lookup_many, rack, hash),
		lookup_ns(lookup_alone, rack, hash));
	free(hash);
	ring_free(ring);
	free(s);
}

#define NAME(set, id, text, function) [HASH_##id] = (text),
static const char *const names[HASH_N] = {HASH_LIST(NAME)};

static void figure_hash(enum hash_kind kind, char key[KEY_N][KEY_LEN])
{
	double start = now_ns();
	uint32_t sum = 0;

	for (int r = 0; r < KEY_ROUNDS; r++)
		for (int i = 0; i < KEY_N; i++)
			sum += hash_key(kind, slice_make(key[i], KEY_LEN));
	zero = sum & zero;
	printf("{\"figure\": \"hash-%s\", \"bytes\": %d, \"ns\": %.1f}\n", names[kind], KEY_LEN,
		(now_ns() - start) / KEY_ROUNDS / KEY_N);
}

int main(void)
{
	static char key[KEY_N][KEY_LEN];
	struct rng rng;

	rng_seed(&rng, 1);
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		figure_shape(&shapes[i], &rng);
	for (int i = 0; i < KEY_N; i++)
		for (int b = 0; b < KEY_LEN; b++)
			key[i][b] = (char)rng_u64(&rng);
	for (int kind = 0; kind < HASH_N; kind++)
		figure_hash((enum hash_kind)kind, key);
	return 0;
}
