// Runs many seeds in processes of their own, one for each CPU, so that a seed that crashes or hangs
// ends no other. A seed that failed is run once more, alone, with a trace.
#pragma once

#include <stdint.h>

struct sim_range {
	uint64_t from;
	uint64_t to; // inclusive
};

// `program`: how to call this one again. Returns how many seeds failed.
uint64_t sim_workers_run(const struct sim_range *range, const char *program);

// Runs one seed in this process; exit status. `pcap` may be NULL.
int sim_run_alone(uint64_t seed, const char *pcap, int verbose);
