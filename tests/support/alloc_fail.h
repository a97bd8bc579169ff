// Allocations that fail when a test says so: those of packet buffers from pools of
// tests/support/eal.h, and those from every struct pool (the test programs are linked with
// --wrap=pool_get, so that the code under test is not changed for it).
//
// Counts and fails in the calling thread only.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct pool;
struct tcp;

// From now on the `n`-th allocation fails; with `again` instead one in n does, in no order by which
// a loop could be caught that makes as many at each turn. 0: none does.
void alloc_fail_at(uint32_t n, bool again);

// Allocations since then, the failed ones among them.
uint32_t alloc_fail_seen(void);

// Spares the records of what this stack has in flight: output asks for room before it takes one, so
// that a failure behind that is none that can happen; and the records of flights, of which there is
// one for each connection. It lasts until alloc_fail_at; at most 4 stacks.
void alloc_fail_spare_sent(const struct tcp *tcp);

// For the pools: whether this allocation is to fail.
bool alloc_fail_now(void);

void *__real_pool_get(struct pool *pool); // NOLINT(bugprone-reserved-identifier): the linker's name
void *__wrap_pool_get(struct pool *pool); // NOLINT(bugprone-reserved-identifier): the linker's name
