// INFO: what clients and dashboards of Redis look for, with this core's figures. The whole node's
// are at REST.
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "dataplane/session/local.h"

#ifndef DYN_VERSION
#define DYN_VERSION "unknown"
#endif

// All sections together are far shorter.
#define INFO_MAX 4096

struct info {
	char text[INFO_MAX];
	size_t len;
};

static void PRINTF_LIKE(2, 3) put(struct info *info, const char *fmt, ...)
{
	size_t room = sizeof(info->text) - info->len;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(info->text + info->len, room, fmt, args);
	va_end(args);
	if (n > 0)
		info->len += (size_t)n < room ? (size_t)n : room - 1;
}

static void put_server(struct info *info, const struct local *l)
{
	const struct session *s = l->s;
	uint64_t uptime = mono_since(l->now, s->started) / NS_PER_SEC;

	put(info,
		"redis_version:" LOCAL_REDIS_VERSION "\r\nredis_mode:standalone\r\narch_bits:64\r\n"
		"dynomite_version:%s\r\nprocess_id:%" PRIu32 "\r\ntcp_port:%u\r\n"
		"uptime_in_seconds:%" PRIu64 "\r\nuptime_in_days:%" PRIu64 "\r\n",
		DYN_VERSION, s->config.pid, s->config.port, uptime, uptime / (24 * 3600));
}

static void put_clients(struct info *info, const struct local *l)
{
	put(info,
		"connected_clients:%" PRIu32 "\r\nmaxclients:%" PRIu32 "\r\nblocked_clients:0\r\n",
		l->s->clients.used, l->s->config.clients_max);
}

static void put_persistence(struct info *info, const struct local *l)
{
	(void)l;
	put(info, "loading:0\r\n");
}

static void put_stats(struct info *info, const struct local *l)
{
	put(info,
		"total_connections_received:%" PRIu64 "\r\ntotal_commands_processed:%" PRIu64
		"\r\nrejected_connections:0\r\n",
		l->s->accepted, l->s->commands);
}

static void put_replication(struct info *info, const struct local *l)
{
	(void)l;
	put(info, "role:master\r\nconnected_slaves:0\r\n");
}

static void put_cluster(struct info *info, const struct local *l)
{
	(void)l;
	put(info, "cluster_enabled:0\r\n");
}

static const struct section {
	struct slice name;
	void (*put)(struct info *info, const struct local *l);
} sections[] = {
	{{"Server", 6}, put_server},
	{{"Clients", 7}, put_clients},
	{{"Persistence", 11}, put_persistence},
	{{"Stats", 5}, put_stats},
	{{"Replication", 11}, put_replication},
	{{"Cluster", 7}, put_cluster},
};

static bool is_wanted(struct args names, struct slice section)
{
	struct slice name;

	if (names.left == 0)
		return true;
	while (args_next(&names, &name))
		if (slice_eq_nocase(name, section) || slice_eq_nocase(name, SLICE_LIT("all")) ||
			slice_eq_nocase(name, SLICE_LIT("default")) ||
			slice_eq_nocase(name, SLICE_LIT("everything")))
			return true;
	return false;
}

void local_info(struct local *l)
{
	struct info info;

	info.len = 0;
	for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
		if (!is_wanted(l->args, sections[i].name))
			continue;
		put(&info, "%s# %.*s\r\n", info.len > 0 ? "\r\n" : "", SLICE_ARG(sections[i].name));
		sections[i].put(&info, l);
	}
	resp_put_bulk(&l->w, slice_make(info.text, info.len));
}
