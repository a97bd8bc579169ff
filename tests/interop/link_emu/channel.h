// One direction of the link: a queue before a bottleneck, then a wire that delays, loses, doubles
// and reorders frames. All chance comes from a seed. Pure: frames and `now` in, frames out.
//
//	arrival → queue (bytes, at a rate; the tail is dropped) → loss → delay, jitter → departure
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/mono.h"
#include "common/base/rng.h"

#define CHANNEL_FRAMES 16384
#define CHANNEL_FRAME_MAX 2048

struct channel_config {
	uint64_t delay;      // ns
	uint64_t jitter;     // ns, at most; keeps the order
	uint64_t rate;       // bits a second; 0: no bottleneck
	uint64_t queue;      // bytes that may wait for the bottleneck
	uint32_t loss;       // of a thousand million frames, each alone
	uint32_t burst_in;   // the same: a burst of losses begins
	uint32_t burst_out;  // the same: it ends
	uint32_t duplicate;  // the same
	uint32_t reorder;    // the same: a frame is held back ...
	uint64_t reorder_by; // ... for so long, ns
	uint32_t mark;       // of a thousand million frames that may be marked: congestion
};

struct channel_counts {
	uint64_t in;
	uint64_t out;
	uint64_t queue_full;
	uint64_t lost;
	uint64_t duplicated;
	uint64_t reordered;
	uint64_t marked;
	uint64_t no_room; // a fault of the emulator, not of the link: should be 0
	uint64_t late;    // ns that the worst departure was behind its time
};

struct channel_frame {
	uint8_t bytes[CHANNEL_FRAME_MAX];
	uint32_t len;
	struct mono at;
	uint64_t serial; // frames of the same time leave in order
};

struct channel {
	struct channel_config config;
	struct channel_counts counts;
	struct rng rng;
	struct rng rng_mark; // of its own: marks do not change what is lost
	struct mono free_at; // the bottleneck has sent all that waits
	struct mono last_at; // departure of the latest frame that kept the order
	bool in_burst;
	uint64_t serial;
	uint32_t heap_n;
	uint32_t free_n;
	struct channel_frame *heap[CHANNEL_FRAMES]; // earliest first
	struct channel_frame *free[CHANNEL_FRAMES];
	struct channel_frame frame[CHANNEL_FRAMES];
};

struct channel *channel_new(void) MUST_CHECK;

// Other settings, from now on. Frames on the way are not touched.
void channel_set(struct channel *c, const struct channel_config *config, uint64_t seed);

// Up to `n` frames to receive into; each goes back by channel_put or channel_give_back.
uint32_t channel_room(struct channel *c, struct channel_frame **frames, uint32_t n);
void channel_give_back(struct channel *c, struct channel_frame *frame);

// A frame arrives: `bytes` and `len` are set.
void channel_put(struct channel *c, struct channel_frame *frame, struct mono now);

// The next frame that is due, or NULL. It is to be given back.
struct channel_frame *channel_get(struct channel *c, struct mono now);

struct mono channel_next(const struct channel *c);
