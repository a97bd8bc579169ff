// The figures of one worker core: plain counters that only this core writes (but for device_*,
// which are the main thread's); others may read them at any time and see values that are whole but
// not of one instant.
//
// Names, kinds and help texts are rows of stats.def, drop.def and hist.def: one row adds one.
#pragma once

#include <stdint.h>

#include "common/base/compiler.h"
#include "common/stats/histogram.h"

enum stat_kind {
	STAT_COUNTER,
	STAT_GAUGE,
};

enum stat_id {
#define STAT(id, kind, help) STAT_##id,
#include "common/stats/stats.def"
#undef STAT
	STAT_N,
};

enum drop {
#define DROP(id, help) DROP_##id,
#include "common/stats/drop.def"
#undef DROP
	DROP_N,
};

enum hist {
#define HIST(id, unit, help) HIST_##id,
#include "common/stats/hist.def"
#undef HIST
	HIST_N,
};

struct stats {
	CACHE_ALIGNED uint64_t stat[STAT_N];
	uint64_t drop[DROP_N];
	struct histogram hist[HIST_N];
};

struct stat_row {
	const char *name;
	enum stat_kind kind;
	const char *help;
};

extern const struct stat_row stat_rows[STAT_N];
extern const struct stat_row drop_rows[DROP_N]; // all counters
extern const struct stat_row hist_rows[HIST_N];

static inline void stat_add(struct stats *stats, enum stat_id id, uint64_t n)
{
	stats->stat[id] += n;
}

static inline void stat_inc(struct stats *stats, enum stat_id id)
{
	stats->stat[id]++;
}

static inline void stat_dec(struct stats *stats, enum stat_id id)
{
	stats->stat[id]--;
}

static inline void stat_drop(struct stats *stats, enum drop reason)
{
	stats->drop[reason]++;
}
