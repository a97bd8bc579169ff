#include "dataplane/session/count.h"

#include <assert.h>

#include "common/proto/memcache.h"

// One lookup is all that a request pays.
static uint8_t counter_of[CMD_COUNT];

static_assert(STAT_N <= UINT8_MAX, "a counter's number fits");

static enum stat_id of_group(enum resp_cmd_group group)
{
	static const struct {
		enum resp_cmd_group group;
		enum stat_id counter;
	} rows[] = {
#define COUNT_CMD(id, counter)
#define COUNT_GROUP(id, counter) {RESP_CMD_GROUP_##id, STAT_##counter},
#include "dataplane/session/count.def"
#undef COUNT_GROUP
#undef COUNT_CMD
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].group == group)
			return rows[i].counter;
	return STAT_redis_req_other;
}

// Runs before main(): from then on it is as constant as the rows.
__attribute__((constructor)) static void fill(void)
{
	static const struct {
		enum resp_cmd_id id;
		enum stat_id counter;
	} rows[] = {
#define COUNT_CMD(id, counter) {CMD_##id, STAT_##counter},
#define COUNT_GROUP(id, counter)
#include "dataplane/session/count.def"
#undef COUNT_GROUP
#undef COUNT_CMD
	};

	for (enum resp_cmd_id id = 0; id < CMD_COUNT; id++)
		counter_of[id] = (uint8_t)of_group(resp_cmd_row(id)->group);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		counter_of[rows[i].id] = (uint8_t)rows[i].counter;
}

void count_request(struct stats *stats, const struct resp_cmd *cmd)
{
	if (likely(!memcache_is(cmd)))
		stat_inc(stats, (enum stat_id)counter_of[cmd->id]);
	if (cmd->access == RESP_CMD_WRITE)
		stat_inc(stats, STAT_client_write_requests);
	else if (cmd->access == RESP_CMD_READ)
		stat_inc(stats, STAT_client_read_requests);
}
