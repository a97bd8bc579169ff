// Which CPU runs what: one for each worker, the rest for the main thread and all that it starts.
#pragma once

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/compiler.h"

#define CORES_MAX 128

struct cores {
	uint16_t worker[CORES_MAX];
	unsigned worker_n;
	cpu_set_t main;
	bool shared; // no CPU was left: the main thread runs on the workers' ones
};

// Chooses for `wanted` CPUs, or, with none, for `worker_n` of those that this process may run on,
// from the last one down. `allowed` is the process's affinity. NULL when it works, or what is
// wrong.
const char *cores_choose(const cpu_set_t *allowed, const uint16_t *wanted, unsigned wanted_n,
	unsigned worker_n, struct cores *out) MUST_CHECK;
