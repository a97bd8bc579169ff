#include "common/cluster/ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct ring_dc *dc_find(struct ring *ring, const char *name)
{
	for (uint32_t i = 0; i < ring->dc_n; i++)
		if (strcmp(ring->dc[i].name, name) == 0)
			return &ring->dc[i];
	return NULL;
}

static struct ring_rack *rack_find(struct ring_dc *dc, const char *name)
{
	for (uint32_t i = 0; i < dc->rack_n; i++)
		if (strcmp(dc->rack[i].name, name) == 0)
			return &dc->rack[i];
	return NULL;
}

static struct ring_dc *dc_get(struct ring *ring, const char *name)
{
	struct ring_dc *dc = dc_find(ring, name);

	if (dc == NULL && ring->dc_n < RING_DCS_MAX) {
		dc = &ring->dc[ring->dc_n++];
		dc->name = name;
	}
	return dc;
}

static struct ring_rack *rack_get(struct ring_dc *dc, const char *name)
{
	struct ring_rack *rack = rack_find(dc, name);

	if (rack == NULL && dc->rack_n < RING_RACKS_MAX) {
		rack = &dc->rack[dc->rack_n++];
		rack->name = name;
	}
	return rack;
}

static int count_nodes(struct ring *ring)
{
	const struct snapshot_node *nodes = snapshot_nodes(ring->snapshot);

	for (uint32_t i = 0; i < ring->snapshot->node_n; i++) {
		struct ring_dc *dc = dc_get(ring, nodes[i].dc);
		struct ring_rack *rack = dc != NULL ? rack_get(dc, nodes[i].rack) : NULL;

		if (rack == NULL)
			return -E2BIG;
		ring_rack_count(rack, i, nodes[i].token_n);
		if (nodes[i].is_local)
			ring->local_node = i;
	}
	return 0;
}

static int dc_order(const void *a, const void *b)
{
	return strcmp(((const struct ring_dc *)a)->name, ((const struct ring_dc *)b)->name);
}

static int rack_order(const void *a, const void *b)
{
	return strcmp(((const struct ring_rack *)a)->name, ((const struct ring_rack *)b)->name);
}

// Own ones go to the front; the place that the own rack had says which racks it prefers elsewhere.
static void sort_names(struct ring *ring)
{
	const struct snapshot_node *local = &snapshot_nodes(ring->snapshot)[ring->local_node];
	struct ring_dc *own = ring->dc;
	struct ring_dc dc;
	struct ring_rack rack;
	uint32_t place;

	for (uint32_t i = 0; i < ring->dc_n; i++)
		qsort(ring->dc[i].rack, ring->dc[i].rack_n, sizeof(rack), rack_order);
	qsort(ring->dc, ring->dc_n, sizeof(dc), dc_order);

	place = (uint32_t)(dc_find(ring, local->dc) - ring->dc);
	dc = ring->dc[place];
	memmove(ring->dc + 1, ring->dc, place * sizeof(dc));
	ring->dc[0] = dc;

	place = (uint32_t)(rack_find(own, local->rack) - own->rack);
	rack = own->rack[place];
	memmove(own->rack + 1, own->rack, place * sizeof(rack));
	own->rack[0] = rack;
	for (uint32_t i = 1; i < ring->dc_n; i++)
		ring->dc[i].preferred = place % ring->dc[i].rack_n;
}

// Calls `each` for every rack.
static void each_rack(struct ring *ring, void (*each)(struct ring_rack *rack, void *ctx), void *ctx)
{
	for (uint32_t d = 0; d < ring->dc_n; d++)
		for (uint32_t r = 0; r < ring->dc[d].rack_n; r++)
			each(&ring->dc[d].rack[r], ctx);
}

// Points first, since they need the wider alignment.
struct layout {
	size_t point_bytes;
	size_t start_bytes;
	char *point;
	char *start;
};

static void measure(struct ring_rack *rack, void *ctx)
{
	struct layout *layout = ctx;

	layout->point_bytes += ring_rack_point_bytes(rack);
	layout->start_bytes += ring_rack_start_bytes(rack);
}

static void place(struct ring_rack *rack, void *ctx)
{
	struct layout *layout = ctx;
	char *point = layout->point;
	char *start = layout->start;

	layout->point += ring_rack_point_bytes(rack);
	layout->start += ring_rack_start_bytes(rack);
	ring_rack_place(rack, point, start);
}

static void sort(struct ring_rack *rack, void *ctx)
{
	(void)ctx;
	ring_rack_sort(rack);
}

static int fill_racks(struct ring *ring)
{
	const struct snapshot_node *nodes = snapshot_nodes(ring->snapshot);
	const uint32_t *tokens = snapshot_tokens(ring->snapshot);
	struct layout layout = {0};

	each_rack(ring, measure, &layout);
	ring->memory = malloc(layout.point_bytes + layout.start_bytes);
	if (ring->memory == NULL)
		return -ENOMEM;
	layout.point = ring->memory;
	layout.start = layout.point + layout.point_bytes;
	each_rack(ring, place, &layout);
	for (uint32_t i = 0; i < ring->snapshot->node_n; i++)
		ring_rack_add(rack_find(dc_find(ring, nodes[i].dc), nodes[i].rack), i,
			tokens + nodes[i].token_first, nodes[i].token_n);
	each_rack(ring, sort, NULL);
	return 0;
}

int ring_new(const struct snapshot *snapshot, struct ring **out)
{
	struct ring *ring = calloc(1, sizeof(*ring));
	int error;

	if (ring == NULL)
		return -ENOMEM;
	ring->snapshot = snapshot;
	error = count_nodes(ring);
	if (error == 0) {
		sort_names(ring);
		error = fill_racks(ring);
	}
	if (error != 0) {
		ring_free(ring);
		return error;
	}
	*out = ring;
	return 0;
}

void ring_free(struct ring *ring)
{
	if (ring == NULL)
		return;
	free(ring->memory);
	free(ring);
}

uint32_t ring_hash(const struct ring *ring, struct slice key)
{
	const struct snapshot *s = ring->snapshot;

	return hash_key((enum hash_kind)s->hash, hash_tagged(key, s->hash_tag));
}
