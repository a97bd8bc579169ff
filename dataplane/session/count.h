// Counts requests whose command is known, each once: by what it asks for, and whether it writes.
#pragma once

#include "common/proto/resp_cmd.h"
#include "common/stats/stats.h"

void count_request(struct stats *stats, const struct resp_cmd *cmd);
