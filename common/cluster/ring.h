// Who owns a key: the racks and tokens of a snapshot, arranged for looking up. One immutable value,
// made anew for every snapshot and read by all workers without a lock.
//
//	uint32_t hash = ring_hash(ring, key);
//	for (uint32_t r = 0; r < ring->dc[0].rack_n; r++)
//		ask(ring_owner(&ring->dc[0].rack[r], hash));
//
// The state of a node makes no difference: whether an owner can be asked is for whoever asks. An
// empty key or tag is hashed like every other, so that all nodes agree where it lies (in the
// original each node keeps such keys for itself, dynomite.md §10.15).
//
// Ownership: ring_free. Names point into the snapshot, which must outlive the ring.
#pragma once

#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/slice.h"
#include "common/cluster/ring_rack.h"
#include "common/cluster/snapshot.h"

#define RING_RACKS_MAX 16 // of a datacentre
#define RING_DCS_MAX 16

struct ring_dc {
	const char *name;
	uint32_t rack_n;
	// The rack that gets what this node forwards there (dynomite.md §3.4): with the place of
	// the own rack among those of the own datacentre, sorted by name, modulo the racks there.
	// The others stand in for it. 0 in the own datacentre.
	uint32_t preferred;
	struct ring_rack rack[RING_RACKS_MAX];
};

// dc[0] is the own datacentre and dc[0].rack[0] the own rack; the others are sorted by name, in
// bytes.
struct ring {
	const struct snapshot *snapshot;
	uint32_t local_node; // index into snapshot_nodes()
	uint32_t dc_n;
	struct ring_dc dc[RING_DCS_MAX];
	void *memory; // of what all racks point to
};

// 0, -ENOMEM, or -E2BIG for too many racks or datacentres. `snapshot` has passed snapshot_check.
int ring_new(const struct snapshot *snapshot, struct ring **out) MUST_CHECK;
void ring_free(struct ring *ring);

// Of the key, or of what the hash tag says is to be taken of it.
uint32_t ring_hash(const struct ring *ring, struct slice key);
