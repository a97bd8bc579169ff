// What a piece of work costs: time-stamp counter ticks, and instructions where the machine counts
// them. Samples are kept one by one, so that a neighbour's time slice spoils one sample and not the
// figure: the median is what counts.
//
// Ticks are of the time-stamp counter, which runs at its own steady rate; a core that runs faster
// than that needs more cycles than ticks.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_cycles.h>

struct meter {
	uint64_t *ticks; // one for each sample
	uint32_t n;
	uint32_t max;
	uint64_t ops; // of all samples together
	uint64_t begun;
	uint64_t held; // of the sample that goes on
	int perf_fd;   // -1: instructions are not counted here
};

// `counting`: instructions, by the CPU's counters. False when the machine has none.
bool meter_start(struct meter *meter, uint32_t samples, bool counting);
void meter_stop(struct meter *meter);

void meter_count_on(struct meter *meter);
void meter_count_off(struct meter *meter);
uint64_t meter_instructions(const struct meter *meter);

static inline void meter_begin(struct meter *meter)
{
	if (meter->perf_fd >= 0)
		meter_count_on(meter);
	meter->begun = rte_rdtsc_precise();
}

// The piece of work pauses, or is done; meter_begin goes on with it.
static inline void meter_hold(struct meter *meter)
{
	meter->held += rte_rdtsc_precise() - meter->begun;
	if (meter->perf_fd >= 0)
		meter_count_off(meter);
}

// What was held was `ops` of what the figure counts.
static inline void meter_done(struct meter *meter, uint32_t ops)
{
	if (meter->n < meter->max)
		meter->ticks[meter->n++] = meter->held / ops;
	meter->held = 0;
	meter->ops += ops;
}

static inline void meter_end(struct meter *meter, uint32_t ops)
{
	meter_hold(meter);
	meter_done(meter, ops);
}

// Ticks of one operation: the sample below which `percent` of all samples lie.
uint64_t meter_ticks(struct meter *meter, unsigned percent);
