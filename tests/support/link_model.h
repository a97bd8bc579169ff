// One way of a bad network in virtual time: frames in, the same frames out later, or never, or
// twice, or changed. Everything that happens follows from the seed. Pure bytes, no packet buffers.
//
// A frame meets, in this order: a cut, the chance of loss, the size limit of a black hole, the
// queue before the bottleneck (where congestion marks are made and acknowledgements are thinned),
// bit errors, duplication, and the delay with its jitter and reordering.
//
// Times are nanoseconds, rates bytes a second, chances of a million, sizes of frames but for
// `hole`.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/mono.h"
#include "common/base/rng.h"

// What a link is like. All zero: perfect.
struct link_model {
	uint64_t delay;
	uint64_t jitter; // up to so much more, evenly spread
	bool in_order;   // jitter delays and does not reorder
	uint64_t rate;   // of the bottleneck; 0: none
	uint32_t queue;  // bytes that may wait for it, then they are dropped; 0: any number
	uint32_t mark;   // bytes waiting from which ECN-capable packets are marked; 0: never
	bool thin;       // an ACK that waits gives way to a later one of its connection
	uint32_t loss;
	uint32_t burst_enter; // Gilbert-Elliott: into the bad state, out of it, loss while there
	uint32_t burst_leave;
	uint32_t burst_loss;
	uint32_t dup;
	uint32_t reorder; // such a frame is later by reorder_delay
	uint64_t reorder_delay;
	uint32_t corrupt; // one bit behind the Ethernet header, of IP packets only
	uint32_t hole;    // IP packets longer than this vanish; 0: none do
	bool hole_icmp;   // and their sender is told (RFC 1191, 8201)
	bool down;
	uint64_t cut_every; // the last cut_for of each cut_every: nothing passes
	uint64_t cut_for;
};

struct link_frame {
	struct mono at; // when it arrives
	uint64_t order;
	uint32_t len;
	bool thinned;
	uint8_t data[];
};

// What happened to frames, for whoever must know what the link excuses.
struct link_count {
	uint64_t sent;
	uint64_t lost; // by chance, cut or corruption
	uint64_t overflow;
	uint64_t too_big;
	uint64_t marked;
	uint64_t thinned;
	uint64_t dup;
	uint64_t late; // by reordering
};

#define LINK_FLOWS 64

struct link_way {
	struct rng rng;
	struct link_frame **heap; // by time of arrival, then order
	size_t n;
	size_t cap;
	uint64_t order;
	struct mono idle_at; // when the bottleneck has sent all that it has
	struct mono last_at; // the latest arrival so far
	bool bad;            // Gilbert-Elliott
	struct link_count count;
	struct {
		struct link_frame *ack; // the last pure ACK of a connection
		struct mono leaves;     // it waits for the bottleneck until then
	} flow[LINK_FLOWS];
};

void link_way_init(struct link_way *way, uint64_t seed);
void link_way_fini(struct link_way *way);

// Sends a copy of an Ethernet frame. What goes back to its sender (ICMP) is put on `back`, if that
// is not NULL.
void link_way_send(struct link_way *way, const struct link_model *link, const uint8_t *data,
	uint32_t len, struct mono now, struct link_way *back);

// The first frame that has arrived by now, or NULL. The caller frees it by free().
struct link_frame *link_way_receive(struct link_way *way, struct mono now);

// When the next frame arrives.
static inline struct mono link_way_next(const struct link_way *way)
{
	return way->n > 0 ? way->heap[0]->at : MONO_NEVER;
}
