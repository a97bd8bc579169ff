// /v1/captures: packets of a chosen flow. Every worker captures what it sees of it; the list adds
// them up, the file has all in the order of their time.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/ip_addr.h"
#include "common/ipc/ipc.h"
#include "controlplane/rest/pcap.h"
#include "controlplane/rest/rest_job.h"
#include "controlplane/rest/rest_param.h"

#define PACKETS_DEFAULT 1000
#define BYTES_DEFAULT (1u << 20)
#define SECONDS_DEFAULT 30
#define SNAP_DEFAULT 256
// Of one file, of all workers.
#define FILE_MAX ((size_t)64 << 20)

#define PARAMS                                                                     \
	(REST_HAS(remote) | REST_HAS(port) | REST_HAS(packets) | REST_HAS(bytes) | \
		REST_HAS(seconds) | REST_HAS(snap))

struct job {
	struct rest_job job;
	enum ipc_capture_op op;
	uint64_t id;
	struct ipc_capture_limits limits;
	uint32_t worker;
	uint32_t found;            // workers that have the capture
	enum ipc_ask_error failed; // START: it is being taken back
	uint64_t epoch_ns;         // START: for all workers, from the first one's answer
	unsigned state_n;          // LIST: as many captures
	struct ipc_capture_state state[IPC_CAPTURES_MAX];
	unsigned char *bytes; // READ: of all workers, one after the other
	size_t len;
	size_t room;
	uint32_t offset;                   // in this worker's
	size_t begin[IPC_WORKERS_MAX + 1]; // where each worker's begin
};

static void release(struct rest_job *arg)
{
	struct job *job = (struct job *)arg;

	free(job->bytes);
	free(job);
}

static void ask(struct job *job, const struct rest_ctx *ctx, struct rest_reply *reply)
{
	union ipc_any_ask question = {
		.capture = {
			.head.worker = job->worker,
			.id = job->id,
			.op = job->failed != IPC_ASK_OK ? IPC_CAPTURE_STOP : job->op,
			.offset = job->offset,
			.limits = job->limits,
			.epoch_ns = job->epoch_ns,
		}};

	rest_job_ask(&job->job, ctx, IPC_CAPTURE_ASK, &question, reply);
}

static struct job *begin(
	const struct rest_ctx *ctx, enum ipc_capture_op op, struct rest_reply *reply)
{
	struct job *job = rest_job_new(ctx, sizeof(*job), release, reply);

	if (job != NULL)
		job->op = op;
	return job;
}

// --- each worker's answer, and the next question. All return whether there is one.

static bool started(struct job *job, const struct ipc_capture *piece)
{
	if (job->failed != IPC_ASK_OK)
		return job->worker-- > 0;
	if (piece->head.error != IPC_ASK_OK) {
		job->failed = (enum ipc_ask_error)piece->head.error;
		return job->worker-- > 0;
	}
	if (job->worker == 0)
		job->epoch_ns = piece->head.wall_ns - piece->head.at_ns;
	return ++job->worker < piece->head.worker_n;
}

static bool stopped(struct job *job, const struct ipc_capture *piece)
{
	if (piece->head.error == IPC_ASK_OK)
		job->found++;
	return ++job->worker < piece->head.worker_n;
}

static void add_state(struct job *job, const struct ipc_capture_state *state)
{
	struct ipc_capture_state *sum = NULL;

	for (unsigned i = 0; i < job->state_n && sum == NULL; i++)
		if (job->state[i].id == state->id)
			sum = &job->state[i];
	if (sum == NULL) {
		if (job->state_n < IPC_CAPTURES_MAX)
			job->state[job->state_n++] = *state;
		return;
	}
	sum->packets += state->packets;
	sum->bytes += state->bytes;
	sum->running |= state->running;
	if (sum->left_ms < state->left_ms)
		sum->left_ms = state->left_ms;
}

static bool listed(struct job *job, const struct ipc_capture *piece)
{
	for (unsigned i = 0; i < IPC_CAPTURES_MAX; i++)
		if (piece->state[i].id != 0)
			add_state(job, &piece->state[i]);
	return ++job->worker < piece->head.worker_n;
}

static bool keep(struct job *job, const char *bytes, size_t n)
{
	if (job->len + n > job->room) {
		size_t room = job->room * 2 + n;
		unsigned char *more = realloc(job->bytes, room);

		if (more == NULL)
			return false;
		job->bytes = more;
		job->room = room;
	}
	if (n > 0)
		memcpy(job->bytes + job->len, bytes, n);
	job->len += n;
	return true;
}

static bool read_on(struct job *job, const char *answer, const struct ipc_capture *piece)
{
	if (piece->head.error == IPC_ASK_OK && job->offset == 0)
		job->found++;
	if (job->len + piece->n <= FILE_MAX && keep(job, answer + sizeof(*piece), piece->n) &&
		piece->n == IPC_CAPTURE_MAX) {
		job->offset += piece->n;
		return true;
	}
	job->offset = 0;
	job->worker++;
	if (job->worker >= piece->head.worker_n || job->worker >= IPC_WORKERS_MAX)
		return false;
	job->begin[job->worker] = job->len;
	return true;
}

// --- replies

static json_t *describe(const struct ipc_capture_state *state)
{
	const struct ipc_capture_limits *limits = &state->limits;
	char text[IP_ADDR_TEXT_MAX];
	json_t *remote = ip_addr_is_any(&limits->remote)
		? json_null()
		: json_string(ip_addr_format(&limits->remote, text));
	json_t *port = limits->port != 0 ? json_integer(limits->port) : json_null();

	return json_pack("{s:I, s:b, s:I, s:I, s:I, s:o, s:o, s:{s:I, s:I, s:I, s:i}}", "id",
		(json_int_t)state->id, "running", (int)(state->running != 0), "packets",
		(json_int_t)state->packets, "bytes", (json_int_t)state->bytes, "left_ms",
		(json_int_t)state->left_ms, "remote", remote, "port", port, "limits", "packets",
		(json_int_t)limits->packets, "bytes", (json_int_t)limits->bytes, "seconds",
		(json_int_t)(limits->ms / 1000), "snap", limits->snap);
}

static void reply_start(const struct job *job, struct rest_reply *reply)
{
	struct ipc_capture_state state = {
		.id = job->id, .limits = job->limits, .running = 1, .left_ms = job->limits.ms};

	if (job->failed != IPC_ASK_OK) {
		rest_error(reply, REST_BUSY, ipc_ask_error_text(job->failed));
		return;
	}
	reply->status = REST_CREATED;
	rest_reply_json(reply, describe(&state));
}

static void reply_list(const struct job *job, struct rest_reply *reply)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < job->state_n; i++)
		json_array_append_new(list, describe(&job->state[i]));
	rest_reply_json(reply, json_pack("{s:o}", "captures", list));
}

static void reply_file(struct job *job, struct rest_reply *reply)
{
	unsigned n = job->worker < IPC_WORKERS_MAX ? job->worker : IPC_WORKERS_MAX;
	unsigned char *file = malloc(PCAP_HEADER_LEN + job->len);
	struct pcap_part parts[IPC_WORKERS_MAX];

	if (file == NULL) {
		rest_error(reply, REST_FAILED, "out of memory");
		return;
	}
	for (unsigned i = 0; i < n; i++) {
		size_t end = i + 1 < n ? job->begin[i + 1] : job->len;

		parts[i] = (struct pcap_part){
			.bytes = job->bytes + job->begin[i], .len = end - job->begin[i]};
	}
	reply->type = REST_PCAP;
	reply->len = pcap_write(parts, n, file);
	reply->body = (char *)file;
}

static void finish(struct job *job, struct rest_reply *reply)
{
	if (job->op == IPC_CAPTURE_START)
		reply_start(job, reply);
	else if (job->op == IPC_CAPTURE_LIST)
		reply_list(job, reply);
	else if (job->found == 0)
		rest_error(reply, REST_NOT_FOUND, "no such capture; GET /v1/captures lists all");
	else if (job->op == IPC_CAPTURE_READ)
		reply_file(job, reply);
	else
		rest_reply_json(reply, json_pack("{s:I}", "deleted", (json_int_t)job->id));
}

static void go_on(const struct rest_ctx *ctx, struct rest_reply *reply)
{
	struct job *job = (struct job *)ctx->request->job;
	struct ipc_capture piece;
	const char *answer = rest_job_answer(&job->job, ctx, &piece, sizeof(piece), reply);
	bool more = false;

	if (answer == NULL)
		return;
	switch (job->op) {
	case IPC_CAPTURE_START:
		more = started(job, &piece);
		break;
	case IPC_CAPTURE_STOP:
		more = stopped(job, &piece);
		break;
	case IPC_CAPTURE_LIST:
		more = listed(job, &piece);
		break;
	case IPC_CAPTURE_READ:
		more = read_on(job, answer, &piece);
		break;
	case IPC_CAPTURE_OP_N:
		break;
	}
	if (more)
		ask(job, ctx, reply);
	else
		finish(job, reply);
}

// --- the paths

void rest_captures(const struct rest_ctx *ctx, struct rest_reply *reply)
{
	struct rest_params none;
	struct job *job;

	if (ctx->request->job != NULL) {
		go_on(ctx, reply);
		return;
	}
	if (!rest_params_read(ctx, 0, false, &none, reply))
		return;
	job = begin(ctx, IPC_CAPTURE_LIST, reply);
	if (job != NULL)
		ask(job, ctx, reply);
}

void rest_capture_start(const struct rest_ctx *ctx, struct rest_reply *reply)
{
	struct rest_params params;
	struct job *job;

	if (ctx->request->job != NULL) {
		go_on(ctx, reply);
		return;
	}
	if (!rest_params_read(ctx, PARAMS, true, &params, reply))
		return;
	if ((params.given & (REST_HAS(remote) | REST_HAS(port))) == 0) {
		rest_error(reply, REST_BAD_REQUEST, "say which flow: remote, port, or both");
		return;
	}
	job = begin(ctx, IPC_CAPTURE_START, reply);
	if (job == NULL)
		return;
	job->id = dp_asks_id(ctx->asks, ctx->wall_ms);
	job->limits = (struct ipc_capture_limits){
		.remote = params.remote,
		.packets = (uint32_t)rest_number(&params, packets, PACKETS_DEFAULT),
		.bytes = (uint32_t)rest_number(&params, bytes, BYTES_DEFAULT),
		.ms = (uint32_t)rest_number(&params, seconds, SECONDS_DEFAULT) * 1000,
		.port = (uint16_t)rest_number(&params, port, 0),
		.snap = (uint16_t)rest_number(&params, snap, SNAP_DEFAULT),
	};
	ask(job, ctx, reply);
}

// The id behind /v1/captures/; 0: it is none.
static uint64_t read_id(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	return digits > 0 && digits < 19 && text[digits] == '\0' ? strtoull(text, NULL, 10) : 0;
}

static void about_one(const struct rest_ctx *ctx, enum ipc_capture_op op, struct rest_reply *reply)
{
	uint64_t id = read_id(ctx->rest);
	struct rest_params none;
	struct job *job;

	if (ctx->request->job != NULL) {
		go_on(ctx, reply);
		return;
	}
	if (!rest_params_read(ctx, 0, false, &none, reply))
		return;
	if (id == 0) {
		rest_error(reply, REST_NOT_FOUND, "no such capture; GET /v1/captures lists all");
		return;
	}
	job = begin(ctx, op, reply);
	if (job == NULL)
		return;
	job->id = id;
	ask(job, ctx, reply);
}

void rest_capture_read(const struct rest_ctx *ctx, struct rest_reply *reply)
{
	about_one(ctx, IPC_CAPTURE_READ, reply);
}

void rest_capture_stop(const struct rest_ctx *ctx, struct rest_reply *reply)
{
	about_one(ctx, IPC_CAPTURE_STOP, reply);
}
