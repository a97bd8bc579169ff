#include "controlplane/rest/rest_handler.h"

// The process that has the figures counts; before it was seen, this one.
static uint64_t uptime_s(const struct rest_ctx *ctx)
{
	const struct dp_view *dp = ctx->dp;

	if (dp->status_known)
		return dp->status.uptime_ms / 1000;
	return ctx->wall_ms > ctx->start_ms ? (ctx->wall_ms - ctx->start_ms) / 1000 : 0;
}

#define COUNT(id) (ctx->dp->stats.stat[STAT_##id])
#define HISTOGRAM(id) (&ctx->dp->stats.hist[HIST_##id])
#define MAX(id) (HISTOGRAM(id)->max)
#define MEAN(id) histogram_mean(HISTOGRAM(id))
#define QUANTILE(id, per_mille) histogram_quantile(HISTOGRAM(id), (per_mille))
#define US(ns) ((ns) / NS_PER_US)
#define NOT_HERE 0

enum where {
	TOP,
	POOL,
	SERVER,
};

static void put(json_t *object, const char *name, uint64_t value)
{
	json_object_set_new(object, name, json_integer((json_int_t)value));
}

static void fill(const struct rest_ctx *ctx, json_t *object, enum where where)
{
#define INFO_TEXT(at, name, text) \
	if (where == (at))        \
		json_object_set_new(object, name, json_string(text));
#define INFO(at, name, value) \
	if (where == (at))    \
		put(object, name, value);
#include "controlplane/rest/info.def"
#undef INFO
#undef INFO_TEXT
}

void rest_info(const struct rest_ctx *ctx, struct rest_reply *reply)
{
	const struct conf *conf = ctx->conf;
	const struct dp_view *dp = ctx->dp;
	json_t *top = json_object();
	json_t *pool = json_object();
	json_t *server = json_object();

	fill(ctx, top, TOP);
	fill(ctx, pool, POOL);
	fill(ctx, server, SERVER);
	if (conf->pool.servers.n > 0)
		json_object_set(pool, conf->pool.servers.v[0].name, server);
	json_object_set(top, conf->pool_name, pool);
	json_decref(server);
	json_decref(pool);
	reply->aged = dp->stats_known;
	reply->age_s = dp->stats_known ? mono_since(ctx->now, dp->stats_at) / NS_PER_SEC : 0;
	rest_reply_json(reply, top);
}
