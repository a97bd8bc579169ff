// The tokens of one rack, arranged for looking up: each rack has one full copy of the data.
//
// The owner of a hash is the node with the smallest token that is not below it, the lowest token's
// when there is none (dynomite.md §3.3): a node with token T has what is behind the token before
// it, up to and with T. Of nodes with the same token the one added first has it. A node without
// tokens has nothing, unless it is alone in its rack: then it has everything.
//
// Looking up costs the same whatever the number of tokens as long as they are spread, and the
// logarithm of their number if not. Memory: about 12 bytes a token, from the owner of the rack.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define RING_NO_NODE UINT32_MAX

struct ring_rack {
	const char *name;
	uint32_t node_n;
	uint32_t token_n;
	uint32_t first_node;
	// Sorted: a token in the upper half, its node in the lower. Behind them lie some that are
	// below no hash and lead round to the lowest token's node.
	uint64_t *point;
	// For each value of a hash's upper bits, and one more: where such hashes begin in `point`.
	uint32_t *start;
	uint32_t shift; // leaves a hash's upper bits
};

// Index into snapshot_nodes(), or RING_NO_NODE when no node of the rack has a token.
uint32_t ring_owner(const struct ring_rack *rack, uint32_t hash);

// --- making one: count all nodes; hand over memory; add all nodes again; sort

void ring_rack_count(struct ring_rack *rack, uint32_t node, uint32_t token_n);

// What the rack needs behind `point`, aligned for uint64_t, and behind `start`, for uint32_t.
size_t ring_rack_point_bytes(const struct ring_rack *rack);
size_t ring_rack_start_bytes(const struct ring_rack *rack);
void ring_rack_place(struct ring_rack *rack, void *point, void *start);

void ring_rack_add(struct ring_rack *rack, uint32_t node, const uint32_t *tokens, uint32_t token_n);
void ring_rack_sort(struct ring_rack *rack);
