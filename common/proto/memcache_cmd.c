#include <string.h>

#include "common/proto/memcache.h"

#define ANY UINT32_MAX

// Keys, for those who only know of arguments: a K, or the k that is always first.
#define KEYS_OF(words_)                                                                   \
	{                                                                                 \
		.kind = (words_)[0] == '\0' || (words_)[0] == 'u' ? RESP_CMD_KEYS_NONE    \
								  : RESP_CMD_KEYS_RANGE,  \
		.first = (words_)[0] == 't' ? 2 : 1, .last = (words_)[0] == 'k' ? 1 : -1, \
		.step = 1,                                                                \
	}

#define INDEX(id_) (MEMCACHE_##id_ - MEMCACHE_BEFORE_FIRST - 1)

#define MEMCACHE_CMD(                                                                           \
	id_, name_, words_, least_, most_, quiet_, access_, route_, merge_, compare_, summary_) \
	[INDEX(id_)] = {                                                                        \
		.row =                                                                          \
			{                                                                       \
				.id = (enum resp_cmd_id)MEMCACHE_##id_,                         \
				.name = {.ptr = name_, .len = sizeof(name_) - 1},               \
				.access = RESP_CMD_##access_,                                   \
				.keys = KEYS_OF(words_),                                        \
				.route = RESP_CMD_ROUTE_##route_,                               \
				.merge = RESP_CMD_MERGE_##merge_,                               \
				.compare = RESP_CMD_COMPARE_##compare_,                         \
				.group = RESP_CMD_GROUP_STRING,                                 \
				.summary = {.ptr = summary_, .len = sizeof(summary_) - 1},      \
			},                                                                      \
		.words = words_,                                                                \
		.least = least_,                                                                \
		.most = most_,                                                                  \
		.quiet = quiet_,                                                                \
	},

#define REFUSAL(text) "SERVER_ERROR Dynomite: " text "\r\n"

#define MEMCACHE_REFUSED(id_, name_, words_, most_, quiet_, text_)                     \
	[INDEX(id_)] = {                                                               \
		.row =                                                                 \
			{                                                              \
				.id = (enum resp_cmd_id)MEMCACHE_##id_,                \
				.name = {.ptr = name_, .len = sizeof(name_) - 1},      \
				.access = RESP_CMD_NEITHER,                            \
				.route = RESP_CMD_ROUTE_LOCAL,                         \
				.summary = {.ptr = text_, .len = sizeof(text_) - 1},   \
			},                                                             \
		.words = words_,                                                       \
		.least = 1,                                                            \
		.most = most_,                                                         \
		.quiet = quiet_,                                                       \
		.refusal = {.ptr = REFUSAL(text_), .len = sizeof(REFUSAL(text_)) - 1}, \
	},

static const struct memcache_cmd rows[] = {
#include "common/proto/memcache_cmd.def"
};

#undef MEMCACHE_CMD
#undef MEMCACHE_REFUSED

const struct memcache_cmd *memcache_row(enum memcache_cmd_id id)
{
	return &rows[id - MEMCACHE_BEFORE_FIRST - 1];
}

const struct memcache_cmd *memcache_lookup(struct slice name)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct slice *own = &rows[i].row.name;

		if (own->len == name.len && memcmp(own->ptr, name.ptr, name.len) == 0)
			return &rows[i];
	}
	return NULL;
}
