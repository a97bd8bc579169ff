// Where a key lives, and which of those places a request goes to.
//
// By consistency (dynomite.md §3.4, without its faults):
//
//   read   DC_ONE         one rack: the own one, or the nearest other whose owner is there
//          QUORUM levels  every rack of the own datacentre; DC_EACH: every rack of every one
//   write  any            every rack of the own datacentre, and of every other one
//                         - one rack, whose node passes it on to the others (SPREAD), or
//                         - each rack for itself with DC_EACH, since each has to answer
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/cluster/ring.h"
#include "dataplane/session/peer_view.h"
#include "dataplane/session/txn.h"

// The owners of a key in every rack, by datacentre and rack of the ring.
struct owners {
	uint32_t node[RING_DCS_MAX][RING_RACKS_MAX];
};

void owners_find(const struct ring *ring, uint32_t hash, struct owners *out);
bool owners_same(const struct ring *ring, const struct owners *a, const struct owners *b);

// The one place of a read under DC_ONE; bit n of `tried` is a rack that need not be asked again.
// False when there is none left.
bool place_nearest(const struct ring *ring, const struct owners *owners,
	const struct peer_view *view, uint16_t tried, struct txn_place *out);

// It answers, as far as is known.
bool place_is_there(const struct ring *ring, const struct peer_view *view, uint32_t node);
// The same as a transaction, of which other racks may be asked later.
void places_one(const struct ring *ring, const struct owners *owners, const struct peer_view *view,
	struct txn_places *out);
void places_read(const struct ring *ring, const struct owners *owners, uint8_t level,
	struct txn_places *out);
// The write was not taken by `node`, the owner in a rack of another datacentre: the owner in the
// next rack there, to which it goes instead. Bit n of `tried` is rack n of that datacentre. False
// when there is none.
bool place_entry(const struct ring *ring, const struct owners *owners, const struct peer_view *view,
	uint32_t node, uint16_t *tried, uint32_t *next);
void places_write(const struct ring *ring, const struct owners *owners,
	const struct peer_view *view, uint8_t level, struct txn_places *out);
// A write that another datacentre sent us to be passed on: the racks of this one.
void places_spread(const struct ring *ring, const struct owners *owners, struct txn_places *out);
// Every node; only the own one's answer counts.
void places_all(const struct ring *ring, struct txn_places *out);
