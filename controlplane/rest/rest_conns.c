// /v1/connections: pages of facts in the style of `ss -ti`, gathered from the workers one question
// after the other.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/ip_addr.h"
#include "common/ipc/ipc.h"
#include "controlplane/rest/rest_job.h"
#include "controlplane/rest/rest_param.h"

#define LIMIT_DEFAULT 100u
// A filter may leave few of very many: what was found by then is answered, with where to go on.
#define SEARCH_NS NS_PER_SEC

#define PARAMS                                                                            \
	(REST_HAS(worker) | REST_HAS(cursor) | REST_HAS(conns_limit) | REST_HAS(remote) | \
		REST_HAS(port) | REST_HAS(state))

struct job {
	struct rest_job job;
	struct rest_params params;
	uint32_t limit;
	uint32_t worker; // where the next page is
	uint32_t slot;
	bool ended;
	struct mono until;
	uint64_t wall_ns; // of the first answer
	uint32_t worker_n;
	json_t *rows;
};

static void release(struct rest_job *arg)
{
	struct job *job = (struct job *)arg;

	json_decref(job->rows);
	free(job);
}

static json_t *address(const struct ip_addr *addr)
{
	char text[IP_ADDR_TEXT_MAX];

	return json_string(ip_addr_format(addr, text));
}

static json_t *options(uint32_t bits)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < CONN_OPTION_N; i++)
		if ((bits & (1u << i)) != 0)
			json_array_append_new(list, json_string(conn_option_names[i]));
	return list;
}

static json_t *row(const struct conn_info *info, uint32_t worker)
{
	json_t *json = json_pack("{s:i, s:i, s:o, s:i, s:o, s:i, s:s, s:o, s:s, s:s, s:s}",
		"worker", (int)worker, "slot", (int)info->slot, "local", address(&info->local),
		"local_port", info->local_port, "remote", address(&info->remote), "remote_port",
		info->remote_port, "state", conn_state_names[info->state], "options",
		options(info->options), "cc", info->cc, "cc_phase", conn_phase_names[info->phase],
		"timer", conn_timer_names[info->timer]);

	for (unsigned i = 0; json != NULL && i < CONN_NUM_N; i++)
		json_object_set_new(
			json, conn_num_rows[i].name, json_integer((json_int_t)info->num[i]));
	return json;
}

static void ask(struct job *job, const struct rest_ctx *ctx, struct rest_reply *reply)
{
	uint32_t left = job->limit - (uint32_t)json_array_size(job->rows);
	const struct rest_params *params = &job->params;
	union ipc_any_ask question = {
		.conns = {
			.head.worker = job->worker,
			.remote = params->remote,
			.from = job->slot,
			.max = left < IPC_CONNS_MAX ? left : IPC_CONNS_MAX,
			.port = (uint16_t)rest_number(params, port, 0),
			.state = params->state < 0 ? IPC_ANY_STATE : (uint8_t)params->state,
		}};

	rest_job_ask(&job->job, ctx, IPC_CONNS_ASK, &question, reply);
}

static void take(struct job *job, const char *answer, const struct ipc_conns *page)
{
	const char *at = answer + sizeof(*page);

	if (job->wall_ns == 0)
		job->wall_ns = page->head.wall_ns;
	job->worker_n = page->head.worker_n;
	for (uint32_t i = 0; i < page->n; i++, at += sizeof(struct conn_info)) {
		struct conn_info info;

		memcpy(&info, at, sizeof(info));
		conn_info_clean(&info);
		json_array_append_new(job->rows, row(&info, job->worker));
	}
	job->slot = page->next;
	if (page->next != IPC_CONNS_END)
		return;
	job->slot = 0;
	job->worker++;
	job->ended =
		job->worker >= page->head.worker_n || (job->params.given & REST_HAS(worker)) != 0;
}

static void finish(const struct job *job, const struct rest_ctx *ctx, struct rest_reply *reply)
{
	uint64_t at_ms = job->wall_ns / NS_PER_MS;
	uint64_t age = ctx->wall_ms > at_ms ? ctx->wall_ms - at_ms : 0;
	json_t *next = job->ended ? json_null() : json_sprintf("%u.%u", job->worker, job->slot);

	reply->aged = true;
	reply->age_s = age / 1000;
	rest_reply_json(reply,
		json_pack("{s:I, s:i, s:O, s:o}", "age_ms", (json_int_t)age, "workers",
			(int)job->worker_n, "connections", job->rows, "next", next));
}

static void begin(const struct rest_ctx *ctx, struct rest_reply *reply)
{
	struct rest_params params;
	struct job *job;

	if (!rest_params_read(ctx, PARAMS, false, &params, reply))
		return;
	job = rest_job_new(ctx, sizeof(*job), release, reply);
	if (job == NULL)
		return;
	job->params = params;
	job->limit = (uint32_t)rest_number(&params, conns_limit, LIMIT_DEFAULT);
	job->worker = (uint32_t)rest_number(&params, worker, params.cursor_worker);
	// A cursor of another worker than the one wanted begins at the front.
	job->slot = params.cursor_worker == job->worker ? params.cursor_slot : 0;
	job->until = mono_add(ctx->now, SEARCH_NS);
	job->rows = json_array();
	ask(job, ctx, reply);
}

void rest_connections(const struct rest_ctx *ctx, struct rest_reply *reply)
{
	struct job *job = (struct job *)ctx->request->job;
	struct ipc_conns page;
	const char *answer;

	if (job == NULL) {
		begin(ctx, reply);
		return;
	}
	answer = rest_job_answer(&job->job, ctx, &page, sizeof(page), reply);
	if (answer == NULL)
		return;
	if (page.head.error != IPC_ASK_OK) {
		rest_error(reply, REST_NOT_FOUND,
			ipc_ask_error_text((enum ipc_ask_error)page.head.error));
		return;
	}
	take(job, answer, &page);
	if (job->ended || json_array_size(job->rows) >= job->limit ||
		mono_due(ctx->now, job->until))
		finish(job, ctx, reply);
	else
		ask(job, ctx, reply);
}
