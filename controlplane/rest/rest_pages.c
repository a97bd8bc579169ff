#include "controlplane/rest/rest_pages.h"

#include <stdlib.h>

#include "common/ipc/ipc.h"

#define LIMIT_DEFAULT 100u
// A filter may leave few of very many: what was found by then is answered, with where to go on.
#define SEARCH_NS NS_PER_SEC

static void release(struct rest_job *arg)
{
	struct rest_pages *pages = (struct rest_pages *)arg;

	json_decref(pages->rows);
	free(pages);
}

static void ask(struct rest_pages *pages, const struct rest_pages_kind *kind,
	const struct rest_ctx *ctx, struct rest_reply *reply)
{
	uint32_t left = pages->limit - (uint32_t)json_array_size(pages->rows);
	union ipc_any_ask question = {0};

	kind->question(pages, left < kind->ask_max ? left : kind->ask_max, &question);
	question.head.worker = pages->worker;
	rest_job_ask(&pages->job, ctx, kind->ask, &question, reply);
}

static void take(struct rest_pages *pages, const struct rest_pages_kind *kind,
	const struct rest_ctx *ctx, const struct ipc_answer *head, const char *answer)
{
	if (pages->wall_ns == 0)
		pages->wall_ns = head->wall_ns;
	pages->worker_n = head->worker_n;
	pages->slot = kind->take(pages, ctx, answer);
	if (pages->slot != REST_PAGES_END)
		return;
	pages->slot = 0;
	pages->worker++;
	pages->ended =
		pages->worker >= head->worker_n || (pages->params.given & REST_HAS(worker)) != 0;
}

static void finish(const struct rest_pages *pages, const struct rest_pages_kind *kind,
	const struct rest_ctx *ctx, struct rest_reply *reply)
{
	uint64_t at_ms = pages->wall_ns / NS_PER_MS;
	uint64_t age = ctx->wall_ms > at_ms ? ctx->wall_ms - at_ms : 0;
	json_t *next =
		pages->ended ? json_null() : json_sprintf("%u.%u", pages->worker, pages->slot);

	reply->aged = true;
	reply->age_s = age / 1000;
	rest_reply_json(reply,
		json_pack("{s:I, s:i, s:O, s:o}", "age_ms", (json_int_t)age, "workers",
			(int)pages->worker_n, kind->name, pages->rows, "next", next));
}

static void begin(
	const struct rest_pages_kind *kind, const struct rest_ctx *ctx, struct rest_reply *reply)
{
	struct rest_params params;
	struct rest_pages *pages;

	if (!rest_params_read(ctx, kind->params, false, &params, reply))
		return;
	pages = rest_job_new(ctx, sizeof(*pages), release, reply);
	if (pages == NULL)
		return;
	pages->params = params;
	pages->limit = (uint32_t)rest_number(&params, rows_limit, LIMIT_DEFAULT);
	pages->worker = (uint32_t)rest_number(&params, worker, params.cursor_worker);
	// A cursor of another worker than the one wanted begins at the front.
	pages->slot = params.cursor_worker == pages->worker ? params.cursor_slot : 0;
	pages->until = mono_add(ctx->now, SEARCH_NS);
	pages->rows = json_array();
	ask(pages, kind, ctx, reply);
}

void rest_pages(
	const struct rest_pages_kind *kind, const struct rest_ctx *ctx, struct rest_reply *reply)
{
	struct rest_pages *pages = (struct rest_pages *)ctx->request->job;
	struct ipc_answer head;
	const char *answer;

	if (pages == NULL) {
		begin(kind, ctx, reply);
		return;
	}
	answer = rest_job_answer(&pages->job, ctx, &head, sizeof(head), reply);
	if (answer == NULL)
		return;
	if (head.error != IPC_ASK_OK) {
		rest_error(
			reply, REST_NOT_FOUND, ipc_ask_error_text((enum ipc_ask_error)head.error));
		return;
	}
	take(pages, kind, ctx, &head, answer);
	if (pages->ended || json_array_size(pages->rows) >= pages->limit ||
		mono_due(ctx->now, pages->until))
		finish(pages, kind, ctx, reply);
	else
		ask(pages, kind, ctx, reply);
}
