// A small cluster as a snapshot and the ring made of it, for tests of what routing reads from them.
// Nodes are numbered in the order in which they are named here.
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cluster/ring.h"

#define NO_TOKEN UINT64_MAX

struct fix_node {
	const char *dc;
	const char *rack;
	uint64_t token;
};

struct fix_ring {
	struct snapshot *snapshot;
	struct ring *ring;
};

static inline struct fix_ring fix_ring_new(const struct fix_node *node, uint32_t n, uint32_t local)
{
	struct fix_ring f = {.snapshot = calloc(1, snapshot_size(n, n))};
	struct snapshot_node *nodes;
	uint32_t *tokens, token_n = 0;

	for (uint32_t i = 0; i < n; i++)
		token_n += node[i].token != NO_TOKEN;
	assert_non_null(f.snapshot);
	*f.snapshot = (struct snapshot){.epoch = 7,
		.node_n = n,
		.token_n = token_n,
		.state = NODE_NORMAL,
		.hash = HASH_MURMUR};
	nodes = (struct snapshot_node *)(void *)(f.snapshot + 1);
	tokens = (uint32_t *)(void *)(nodes + n);
	for (uint32_t i = 0, at = 0; i < n; i++) {
		snprintf(nodes[i].dc, sizeof(nodes[i].dc), "%s", node[i].dc);
		snprintf(nodes[i].rack, sizeof(nodes[i].rack), "%s", node[i].rack);
		nodes[i].state = NODE_NORMAL;
		nodes[i].is_local = i == local;
		nodes[i].token_first = at;
		if (node[i].token == NO_TOKEN)
			continue;
		nodes[i].token_n = 1;
		tokens[at++] = (uint32_t)node[i].token;
	}
	assert_null(snapshot_check(f.snapshot, snapshot_size(n, token_n)));
	assert_int_equal(ring_new(f.snapshot, &f.ring), 0);
	return f;
}

static inline void fix_ring_free(struct fix_ring *f)
{
	ring_free(f->ring);
	free(f->snapshot);
	*f = (struct fix_ring){0};
}

static inline void fix_node_state(struct fix_ring *f, uint32_t node, enum node_state state)
{
	((struct snapshot_node *)(void *)(f->snapshot + 1))[node].state = (uint8_t)state;
}
