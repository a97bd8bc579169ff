// /v1/trace: the last events of one worker's connections as text, a line each, newest last.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/ipc/ipc.h"
#include "controlplane/rest/rest_job.h"
#include "controlplane/rest/rest_param.h"

#define LIMIT_DEFAULT 1000u
#define LINE_MAX_LEN (TRACE_TEXT_MAX + 96)

struct job {
	struct rest_job job;
	uint32_t worker;
	uint32_t limit;
	uint16_t port;
	uint64_t next; // number of the next record
	uint64_t end;  // as it was at the first answer; 0: none yet
	uint64_t at_ns;
	uint64_t wall_ns;
	uint32_t n;
	struct trace_rec rec[TRACE_RECS];
};

static void release(struct rest_job *job)
{
	free(job);
}

static size_t write_line(const struct job *job, const struct trace_rec *rec, char *out)
{
	uint64_t wall = job->wall_ns - (job->at_ns - rec->ns);
	time_t seconds = (time_t)(wall / NS_PER_SEC);
	uint8_t peer[4];
	struct tm tm;
	size_t len;

	memcpy(peer, &rec->remote, sizeof(peer));
	gmtime_r(&seconds, &tm);
	len = strftime(out, LINE_MAX_LEN, "%Y-%m-%dT%H:%M:%S", &tm);
	len += (size_t)snprintf(out + len, LINE_MAX_LEN - len, ".%06uZ %u.%u :%u %u.%u.%u.%u:%u ",
		(unsigned)(wall % NS_PER_SEC / NS_PER_US), job->worker, rec->slot, rec->local_port,
		peer[0], peer[1], peer[2], peer[3], rec->remote_port);
	len += trace_text(rec, out + len);
	out[len++] = '\n';
	return len;
}

static void finish(const struct job *job, struct rest_reply *reply)
{
	uint32_t skip = job->n > job->limit ? job->n - job->limit : 0;
	char *text = malloc((size_t)(job->n - skip) * LINE_MAX_LEN + 1);
	size_t len = 0;

	if (text == NULL) {
		rest_error(reply, REST_FAILED, "out of memory");
		return;
	}
	for (uint32_t i = skip; i < job->n; i++)
		len += write_line(job, &job->rec[i], text + len);
	reply->type = REST_TEXT;
	reply->body = text;
	reply->len = len;
}

static void ask(struct job *job, const struct rest_ctx *ctx, struct rest_reply *reply)
{
	// With a filter, all there is must be looked through for the last ones.
	uint32_t back = job->port != 0 ? TRACE_RECS : job->limit;
	union ipc_any_ask question = {.trace = {
					      .head.worker = job->worker,
					      .from = job->next,
					      .back = job->end == 0 ? back : 0,
					      .max = IPC_TRACE_MAX,
				      }};

	rest_job_ask(&job->job, ctx, IPC_TRACE_ASK, &question, reply);
}

static void take(struct job *job, const char *answer, const struct ipc_trace *piece)
{
	const char *at = answer + sizeof(*piece);

	if (job->end == 0)
		job->end = piece->end;
	job->at_ns = piece->head.at_ns;
	job->wall_ns = piece->head.wall_ns;
	job->next = piece->first + piece->n;
	for (uint32_t i = 0; i < piece->n && job->n < TRACE_RECS; i++, at += sizeof(job->rec[0])) {
		struct trace_rec *rec = &job->rec[job->n];

		memcpy(rec, at, sizeof(*rec));
		if (job->port == 0 || job->port == rec->local_port || job->port == rec->remote_port)
			job->n++;
	}
	// Nothing more comes, whatever the numbers say.
	if (piece->n == 0)
		job->next = job->end;
}

static void begin(const struct rest_ctx *ctx, struct rest_reply *reply)
{
	struct rest_params params;
	struct job *job;

	if (!rest_params_read(ctx, REST_HAS(worker) | REST_HAS(trace_limit) | REST_HAS(port), false,
		    &params, reply))
		return;
	job = rest_job_new(ctx, sizeof(*job), release, reply);
	if (job == NULL)
		return;
	job->worker = (uint32_t)rest_number(&params, worker, 0);
	job->limit = (uint32_t)rest_number(&params, trace_limit, LIMIT_DEFAULT);
	job->port = (uint16_t)rest_number(&params, port, 0);
	ask(job, ctx, reply);
}

void rest_trace(const struct rest_ctx *ctx, struct rest_reply *reply)
{
	struct job *job = (struct job *)ctx->request->job;
	struct ipc_trace piece;
	const char *answer;

	if (job == NULL) {
		begin(ctx, reply);
		return;
	}
	answer = rest_job_answer(&job->job, ctx, &piece, sizeof(piece), reply);
	if (answer == NULL)
		return;
	if (piece.head.error != IPC_ASK_OK) {
		rest_error(reply, REST_NOT_FOUND,
			ipc_ask_error_text((enum ipc_ask_error)piece.head.error));
		return;
	}
	take(job, answer, &piece);
	if (job->next >= job->end)
		finish(job, reply);
	else
		ask(job, ctx, reply);
}
