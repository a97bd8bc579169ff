// The event loop of a main thread: descriptors and a callback for each. What a process decides, it
// decides here; other threads (nng's) only hand over through descriptors.
#pragma once

#include "common/base/compiler.h"
#include "common/base/mono.h"

#define LOOP_FDS_MAX 16

struct loop;

typedef void loop_ready(void *ctx, struct mono now);

struct loop *loop_new(void) MUST_CHECK;
void loop_free(struct loop *loop);

// Calls `ready` whenever `fd` is readable. The descriptor stays the caller's. 0 or -errno.
int loop_add(struct loop *loop, int fd, loop_ready *ready, void *ctx) MUST_CHECK;

// Calls `tick` every `every_ns`. 0 or -errno.
int loop_add_tick(struct loop *loop, uint64_t every_ns, loop_ready *tick, void *ctx) MUST_CHECK;

// Runs until loop_stop was called. 0 or -errno.
int loop_run(struct loop *loop) MUST_CHECK;
void loop_stop(struct loop *loop);

struct mono loop_now(void);
