// Hierarchical timer wheel: O(1) to arm, re-arm and cancel, driven by the `now` that it is given.
// One wheel belongs to one thread; it owns no timer.
//
// Resolution is one tick of WHEEL_TICK_NS. A timer never fires early; it fires by the first
// advance at or after its time rounded up to a tick. The reach is 2^32 ticks (49 days); a later
// time is clamped to that.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/list.h"
#include "common/base/mono.h"

#define WHEEL_TICK_NS NS_PER_MS
#define WHEEL_LEVELS 4
#define WHEEL_SLOTS 256

struct wheel_timer {
	struct list link;
	uint64_t tick; // when it is due
};

struct wheel {
	uint64_t tick; // the last tick that was advanced to
	uint32_t armed;
	uint64_t occupied[WHEEL_LEVELS][WHEEL_SLOTS / 64]; // slots that hold a timer
	struct list slots[WHEEL_LEVELS][WHEEL_SLOTS];
};

typedef void wheel_fire(void *ctx, struct wheel_timer *timer);

void wheel_init(struct wheel *wheel, struct mono now);
void wheel_timer_init(struct wheel_timer *timer);

// Arms, or moves an armed timer.
void wheel_arm(struct wheel *wheel, struct wheel_timer *timer, struct mono at);
void wheel_cancel(struct wheel *wheel, struct wheel_timer *timer);

static inline bool wheel_armed(const struct wheel_timer *timer)
{
	return list_linked(&timer->link);
}

// Calls `fire` for each timer that is due, already disarmed; it may arm and cancel any timer.
// At most `limit` timers fire; the rest does at the next call. Returns how many fired.
unsigned wheel_advance(
	struct wheel *wheel, struct mono now, unsigned limit, wheel_fire *fire, void *ctx);

// A lower bound of the next time at which something can fire; MONO_NEVER when nothing is armed.
struct mono wheel_next(const struct wheel *wheel);
