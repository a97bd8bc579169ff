#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/ipc/ipc_codec.h"
#include "controlplane/rest/rest_handler.h"
#include "controlplane/rest/rest_param.h"

#define ALL UINT64_MAX

static const char *const hist_units[HIST_N] = {
#define HIST(id, unit, help) [HIST_##id] = (unit),
#include "common/stats/hist.def"
#undef HIST
};

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static json_t *figures(
	const struct stat_row *rows, const uint64_t *values, unsigned n, enum stat_kind kind)
{
	json_t *object = json_object();

	for (unsigned i = 0; i < n; i++)
		if (rows[i].kind == kind)
			json_object_set_new(object, rows[i].name, number(values[i]));
	return object;
}

static json_t *distribution(const struct histogram *h, const char *unit)
{
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "unit", unit, "count",
		number(h->count), "mean", number(histogram_mean(h)), "p50",
		number(histogram_quantile(h, 500)), "p95", number(histogram_quantile(h, 950)),
		"p99", number(histogram_quantile(h, 990)), "p999",
		number(histogram_quantile(h, 999)), "max", number(h->max));
}

static json_t *distributions(const struct stats *stats)
{
	json_t *object = json_object();

	for (unsigned i = 0; i < HIST_N; i++)
		json_object_set_new(
			object, hist_rows[i].name, distribution(&stats->hist[i], hist_units[i]));
	return object;
}

static void answer(const struct rest_ctx *ctx, uint64_t worker, const struct stats *stats,
	struct rest_reply *reply)
{
	const struct dp_view *dp = ctx->dp;
	const char *text = rest_dp_message(ctx);
	json_t *json =
		json_pack("{s:o, s:i}", "age_ms", rest_age_ms(ctx, dp->stats_known, dp->stats_at),
			"workers", (int)dp->figures_worker_n);

	if (text != NULL)
		json_object_set_new(json, "message", json_string(text));
	if (worker != ALL)
		json_object_set_new(json, "worker", number(worker));
	json_object_set_new(
		json, "counters", figures(stat_rows, stats->stat, STAT_N, STAT_COUNTER));
	json_object_set_new(json, "gauges", figures(stat_rows, stats->stat, STAT_N, STAT_GAUGE));
	json_object_set_new(json, "drops", figures(drop_rows, stats->drop, DROP_N, STAT_COUNTER));
	json_object_set_new(json, "histograms", distributions(stats));
	reply->aged = dp->stats_known;
	reply->age_s = dp->stats_known ? mono_since(ctx->now, dp->stats_at) / NS_PER_SEC : 0;
	rest_reply_json(reply, json);
}

static void answer_worker(const struct rest_ctx *ctx, uint64_t worker, struct rest_reply *reply)
{
	struct stats *stats = aligned_alloc(CACHE_LINE, sizeof(*stats)); // too large for the stack

	if (stats == NULL) {
		rest_error(reply, REST_FAILED, "out of memory");
		return;
	}
	ipc_stats_worker(ctx->dp->figures, (unsigned)worker, stats);
	answer(ctx, worker, stats, reply);
	free(stats);
}

void rest_stats(const struct rest_ctx *ctx, struct rest_reply *reply)
{
	unsigned worker_n = ctx->dp->figures_worker_n;
	struct rest_params params;
	char text[96];
	uint64_t worker;

	if (!rest_params_read(ctx, REST_HAS(worker), false, &params, reply))
		return;
	worker = rest_number(&params, worker, ALL);
	if (worker == ALL) {
		answer(ctx, ALL, &ctx->dp->stats, reply);
	} else if (worker >= worker_n) {
		snprintf(text, sizeof(text), "no such worker; there are %u, counted from 0",
			worker_n);
		rest_error(reply, REST_NOT_FOUND, text);
	} else {
		answer_worker(ctx, worker, reply);
	}
}
