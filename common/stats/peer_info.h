// The facts about one peer as one core of the data plane sees it: a record of fixed layout without
// holes. Names and numbers are rows of peer_info.def.
#pragma once

#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/ip_addr.h"
#include "common/stats/stats.h"

enum peer_health {
#define PEER_HEALTH(id, name) PEER_##id,
#include "common/stats/peer_info.def"
	PEER_HEALTH_N,
};

enum peer_num {
#define PEER_NUM(name, kind, help) PEER_NUM_##name,
#include "common/stats/peer_info.def"
	PEER_NUM_N,
};

struct peer_info {
	struct ip_addr addr; // IP_ADDR_ANY: not known
	uint32_t node;       // index in the snapshot in use; PEER_INFO_GONE: not in it any more
	uint16_t port;
	uint8_t health; // enum peer_health
	uint8_t same_dc;
	uint64_t num[PEER_NUM_N];
};

#define PEER_INFO_GONE UINT32_MAX

extern const char *const peer_health_names[PEER_HEALTH_N];
extern const struct stat_row peer_num_rows[PEER_NUM_N];

// Makes a record from the other process safe to show.
void peer_info_clean(struct peer_info *info);
