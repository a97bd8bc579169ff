#include "controlplane/rest/rest_job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void away(const struct rest_ctx *ctx, struct rest_reply *reply)
{
	const struct dp_view *dp = ctx->dp;
	char text[128] = "the data plane has not been seen yet";

	if (dp->status_known) {
		reply->aged = true;
		reply->age_s = mono_since(ctx->now, dp->status_at) / NS_PER_SEC;
		snprintf(text, sizeof(text), "the data plane is away; it was last heard %llu s ago",
			(unsigned long long)reply->age_s);
	}
	rest_error(reply, REST_BUSY, text);
}

void *rest_job_new(const struct rest_ctx *ctx, size_t size, void (*release)(struct rest_job *job),
	struct rest_reply *reply)
{
	struct rest_job *job = NULL;

	if (!ctx->dp->linked) {
		away(ctx, reply);
		return NULL;
	}
	job = calloc(1, size);
	if (job == NULL) {
		rest_error(reply, REST_FAILED, "out of memory");
		return NULL;
	}
	job->asks = ctx->asks;
	job->free = release;
	ctx->request->job = job;
	return job;
}

void rest_job_ask(struct rest_job *job, const struct rest_ctx *ctx, enum ipc_id id,
	const union ipc_any_ask *ask, struct rest_reply *reply)
{
	dp_ask_drop(job->asks, job->ask);
	job->ask = dp_ask(job->asks, id, ask, ctx->now);
	reply->wait = job->ask != 0;
	if (!reply->wait)
		rest_error(reply, REST_BUSY, "too many requests wait for the data plane");
}

const char *rest_job_answer(const struct rest_job *job, const struct rest_ctx *ctx, void *fixed,
	size_t fixed_len, struct rest_reply *reply)
{
	const char *answer;
	size_t len;

	switch (dp_ask_fate(job->asks, job->ask)) {
	case DP_ASK_PENDING:
		reply->wait = true;
		return NULL;
	case DP_ASK_LATE:
		rest_error(
			reply, REST_BUSY, "the data plane is linked and did not answer within 3 s");
		return NULL;
	case DP_ASK_AWAY:
		away(ctx, reply);
		return NULL;
	case DP_ASK_WRONG:
		rest_error(reply, REST_FAILED, dp_ask_error(job->asks, job->ask));
		return NULL;
	case DP_ASK_ANSWERED:
		break;
	}
	answer = dp_ask_answer(job->asks, job->ask, &len);
	memcpy(fixed, answer, fixed_len); // its row's smallest size has it
	return answer;
}

void rest_request_end(struct rest_request *request)
{
	struct rest_job *job = request->job;

	if (job == NULL)
		return;
	request->job = NULL;
	dp_ask_drop(job->asks, job->ask);
	job->free(job);
}
