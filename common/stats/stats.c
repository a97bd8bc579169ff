#include "common/stats/stats.h"

const struct stat_row stat_rows[STAT_N] = {
#define STAT(id, kind, help) [STAT_##id] = {#id, STAT_##kind, help},
#include "common/stats/stats.def"
#undef STAT
};

const struct stat_row drop_rows[DROP_N] = {
#define DROP(id, help) [DROP_##id] = {#id, STAT_COUNTER, help},
#include "common/stats/drop.def"
#undef DROP
};

const struct stat_row hist_rows[HIST_N] = {
#define HIST(id, unit, help) [HIST_##id] = {#id, STAT_COUNTER, help},
#include "common/stats/hist.def"
#undef HIST
};
