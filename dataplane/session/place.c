#include "dataplane/session/place.h"

#include <limits.h>

#define NO_RACK UINT32_MAX

void owners_find(const struct ring *ring, uint32_t hash, struct owners *out)
{
	for (uint32_t d = 0; d < ring->dc_n; d++)
		for (uint32_t k = 0; k < ring->dc[d].rack_n; k++)
			out->node[d][k] = ring_owner(&ring->dc[d].rack[k], hash);
}

bool owners_same(const struct ring *ring, const struct owners *a, const struct owners *b)
{
	for (uint32_t d = 0; d < ring->dc_n; d++)
		for (uint32_t k = 0; k < ring->dc[d].rack_n; k++)
			if (a->node[d][k] != b->node[d][k])
				return false;
	return true;
}

static void begin(struct txn_places *out, uint8_t level)
{
	out->n = 0;
	out->level = level;
	out->hedged = false;
}

static void add(struct txn_places *out, const struct owners *owners, uint32_t dc, uint32_t rack,
	bool votes, bool spread)
{
	out->at[out->n++] = (struct txn_place){
		.node = owners->node[dc][rack],
		.dc = votes ? (uint8_t)dc : TXN_NO_VOTE,
		.rack = (uint8_t)rack,
		.spread = spread,
	};
}

static void add_dc(const struct ring *ring, struct txn_places *out, const struct owners *owners,
	uint32_t dc, bool votes)
{
	for (uint32_t k = 0; k < ring->dc[dc].rack_n; k++)
		add(out, owners, dc, k, votes, false);
}

// --- reads

static unsigned doubt(uint8_t health)
{
	return health == PEER_DOWN ? 2 : health == PEER_LATE;
}

// Of nodes that are there the nearest, of those not known the first; the own rack before others.
static bool is_nearer(const struct peer_fact *a, const struct peer_fact *b)
{
	if (doubt(a->health) != doubt(b->health))
		return doubt(a->health) < doubt(b->health);
	if (a->rtt == 0 || b->rtt == 0)
		return false;
	return a->rtt < b->rtt;
}

static struct peer_fact fact_of(
	const struct ring *ring, const struct peer_view *view, uint32_t node)
{
	bool serves = snapshot_nodes(ring->snapshot)[node].state == NODE_NORMAL;

	if (node == ring->local_node)
		return (struct peer_fact){
			.health = ring->snapshot->state == NODE_NORMAL ? PEER_UP : PEER_DOWN};
	if (!serves || !view || node >= view->node_n || view->epoch != ring->snapshot->epoch)
		return (struct peer_fact){.health = serves ? PEER_UNKNOWN : PEER_DOWN};
	return view->fact[node];
}

bool place_nearest(const struct ring *ring, const struct owners *owners,
	const struct peer_view *view, uint16_t tried, struct txn_place *out)
{
	struct peer_fact best = {0};
	bool found = false;

	for (uint32_t k = 0; k < ring->dc[0].rack_n; k++) {
		uint32_t node = owners->node[0][k];
		struct peer_fact fact;

		if (node == RING_NO_NODE || (tried & (1u << k)))
			continue;
		fact = fact_of(ring, view, node);
		if (found && !is_nearer(&fact, &best))
			continue;
		*out = (struct txn_place){.node = node, .rack = (uint8_t)k};
		best = fact;
		found = true;
		// The own rack, as long as its node is there.
		if (k == 0 && doubt(fact.health) == 0)
			return true;
	}
	return found;
}

bool place_is_there(const struct ring *ring, const struct peer_view *view, uint32_t node)
{
	return doubt(fact_of(ring, view, node).health) == 0;
}

void places_one(const struct ring *ring, const struct owners *owners, const struct peer_view *view,
	struct txn_places *out)
{
	begin(out, CONSISTENCY_DC_ONE);
	out->hedged = true;
	out->at[0] = (struct txn_place){.node = RING_NO_NODE};
	(void)place_nearest(ring, owners, view, 0, &out->at[0]);
	out->n = 1;
}

void places_read(
	const struct ring *ring, const struct owners *owners, uint8_t level, struct txn_places *out)
{
	begin(out, level);
	add_dc(ring, out, owners, 0, true);
	for (uint32_t d = 1; level == CONSISTENCY_DC_EACH_SAFE_QUORUM && d < ring->dc_n; d++)
		add_dc(ring, out, owners, d, true);
}

// --- writes

// The rack of another datacentre that passes it on: the preferred one, or the next whose node is
// there. NO_RACK when all were tried.
static uint32_t entry_rack(const struct ring *ring, const struct owners *owners,
	const struct peer_view *view, uint32_t dc, uint16_t tried)
{
	const struct ring_dc *to = &ring->dc[dc];
	uint32_t best = NO_RACK;
	unsigned least = UINT_MAX;

	for (uint32_t i = 0; i < to->rack_n; i++) {
		uint32_t rack = to->preferred + i < to->rack_n ? to->preferred + i
							       : to->preferred + i - to->rack_n;
		uint32_t node = owners->node[dc][rack];

		if (node == RING_NO_NODE || (tried & (1u << rack)))
			continue;
		if (doubt(fact_of(ring, view, node).health) >= least)
			continue;
		least = doubt(fact_of(ring, view, node).health);
		best = rack;
	}
	return best;
}

bool place_entry(const struct ring *ring, const struct owners *owners, const struct peer_view *view,
	uint32_t node, uint16_t *tried, uint32_t *next)
{
	for (uint32_t d = 1; d < ring->dc_n; d++)
		for (uint32_t k = 0; k < ring->dc[d].rack_n; k++) {
			uint32_t rack;

			if (owners->node[d][k] != node)
				continue;
			*tried |= (uint16_t)(1u << k);
			rack = entry_rack(ring, owners, view, d, *tried);
			*next = rack == NO_RACK ? RING_NO_NODE : owners->node[d][rack];
			return rack != NO_RACK;
		}
	return false;
}

static void add_entry(const struct ring *ring, struct txn_places *out, const struct owners *owners,
	const struct peer_view *view, uint32_t dc)
{
	uint32_t rack = entry_rack(ring, owners, view, dc, 0);

	add(out, owners, dc, rack == NO_RACK ? ring->dc[dc].preferred : rack, false, true);
}

void places_write(const struct ring *ring, const struct owners *owners,
	const struct peer_view *view, uint8_t level, struct txn_places *out)
{
	begin(out, level);
	add_dc(ring, out, owners, 0, true);
	for (uint32_t d = 1; d < ring->dc_n; d++) {
		if (level == CONSISTENCY_DC_EACH_SAFE_QUORUM)
			add_dc(ring, out, owners, d, true);
		else
			add_entry(ring, out, owners, view, d);
	}
}

void places_spread(const struct ring *ring, const struct owners *owners, struct txn_places *out)
{
	begin(out, CONSISTENCY_DC_ONE);
	add_dc(ring, out, owners, 0, true);
}

void places_all(const struct ring *ring, struct txn_places *out)
{
	begin(out, CONSISTENCY_DC_ONE);
	for (uint32_t i = 0; i < ring->snapshot->node_n && out->n < TXN_PLACES_MAX; i++)
		out->at[out->n++] = (struct txn_place){
			.node = i,
			.dc = i == ring->local_node ? 0 : TXN_NO_VOTE,
		};
}
