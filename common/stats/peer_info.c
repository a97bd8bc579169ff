#include "common/stats/peer_info.h"

const char *const peer_health_names[PEER_HEALTH_N] = {
#define PEER_HEALTH(id, name) [PEER_##id] = (name),
#include "common/stats/peer_info.def"
};

const struct stat_row peer_num_rows[PEER_NUM_N] = {
#define PEER_NUM(name, kind, help) [PEER_NUM_##name] = {#name, STAT_##kind, (help)},
#include "common/stats/peer_info.def"
};

void peer_info_clean(struct peer_info *info)
{
	if (info->health >= PEER_HEALTH_N)
		info->health = PEER_UNKNOWN;
	info->same_dc = info->same_dc != 0;
}
