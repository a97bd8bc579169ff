// Monotonic time as a value of its own type, so that it can't be mixed with wall-clock time or
// with durations. Nothing here reads a clock: the driver of a loop does that once a turn and
// passes the result down as `now`.
//
// Units: nanoseconds since an arbitrary start. Durations are plain uint64_t nanoseconds.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define NS_PER_US UINT64_C(1000)
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_SEC UINT64_C(1000000000)

struct mono {
	uint64_t ns;
};

// A time that never comes.
#define MONO_NEVER ((struct mono){.ns = UINT64_MAX})

static inline struct mono mono_add(struct mono t, uint64_t ns)
{
	return (struct mono){.ns = t.ns + ns};
}

// Nanoseconds from `earlier` to `later`; 0 when `later` is not later.
static inline uint64_t mono_since(struct mono later, struct mono earlier)
{
	return later.ns > earlier.ns ? later.ns - earlier.ns : 0;
}

static inline bool mono_before(struct mono a, struct mono b)
{
	return a.ns < b.ns;
}

// True once `now` has reached `deadline`.
static inline bool mono_due(struct mono now, struct mono deadline)
{
	return now.ns >= deadline.ns;
}

static inline struct mono mono_min(struct mono a, struct mono b)
{
	return a.ns < b.ns ? a : b;
}
