#include "dataplane/answer.h"

#include <string.h>

#include "dataplane/tcp/tcp_info.h"

static struct ipc_answer head(const struct answer_ctx *ctx, const struct ipc_ask *ask)
{
	return (struct ipc_answer){
		.ask = ask->ask,
		.at_ns = ctx->now.ns,
		.wall_ns = ctx->wall_ns,
		.worker = ask->worker,
	};
}

static size_t connections(
	const struct answer_ctx *ctx, const struct ipc_conns_ask *ask, unsigned char *out)
{
	struct tcp_info_filter filter = {
		.remote = ask->remote,
		.port = ask->port,
		.state = ask->state == IPC_ANY_STATE ? -1 : ask->state,
	};
	struct ipc_conns conns = {.head = head(ctx, &ask->head)};
	uint32_t max = RTE_MIN(ask->max, (uint32_t)IPC_CONNS_MAX);

	conns.n = tcp_info_page(ctx->tcp, &filter, ask->from, max,
		(struct conn_info *)(void *)(out + sizeof(conns)), &conns.next);
	memcpy(out, &conns, sizeof(conns));
	return IPC_CONNS_SIZE(conns.n);
}

static size_t peers(
	const struct answer_ctx *ctx, const struct ipc_peers_ask *ask, unsigned char *out)
{
	struct ipc_peers page = {
		.head = head(ctx, &ask->head), .epoch = peers_view(ctx->peers)->epoch};
	uint32_t max = RTE_MIN(ask->max, (uint32_t)IPC_PEERS_MAX);

	_Static_assert(PEERS_INFO_END == IPC_PEERS_END, "one says it to the other");
	page.n = peers_info_page(ctx->peers, ask->from, max, ctx->now,
		(struct peer_info *)(void *)(out + sizeof(page)), &page.next);
	memcpy(out, &page, sizeof(page));
	return IPC_PEERS_SIZE(page.n);
}

static size_t trace(
	const struct answer_ctx *ctx, const struct ipc_trace_ask *ask, unsigned char *out)
{
	const struct trace_ring *ring = tcp_trace_ring(ctx->tcp);
	struct ipc_trace piece = {.head = head(ctx, &ask->head), .end = ring->end};
	uint32_t max = RTE_MIN(ask->max, (uint32_t)IPC_TRACE_MAX);
	uint64_t from = ask->from;

	if (ask->back != 0)
		from = ring->end > ask->back ? ring->end - ask->back : 0;
	piece.n = trace_read(
		ring, from, max, (struct trace_rec *)(void *)(out + sizeof(piece)), &piece.first);
	memcpy(out, &piece, sizeof(piece));
	return IPC_TRACE_SIZE(piece.n);
}

static enum ipc_ask_error capture_begin(
	const struct answer_ctx *ctx, const struct ipc_capture_ask *ask)
{
	uint64_t epoch_ns = ask->epoch_ns != 0 ? ask->epoch_ns : ctx->wall_ns - ctx->now.ns;

	return capture_start(ctx->capture, ask->id, &ask->limits, ctx->now, epoch_ns);
}

static size_t packets(
	const struct answer_ctx *ctx, const struct ipc_capture_ask *ask, unsigned char *out)
{
	struct ipc_capture piece = {.head = head(ctx, &ask->head), .offset = ask->offset};
	enum ipc_ask_error error = IPC_ASK_OK;

	if (ask->op == IPC_CAPTURE_START)
		error = capture_begin(ctx, ask);
	else if (ask->op == IPC_CAPTURE_STOP)
		error = capture_stop(ctx->capture, ask->id);
	else if (ask->op == IPC_CAPTURE_READ)
		error = capture_read(ctx->capture, ask->id, ask->offset, IPC_CAPTURE_MAX,
			out + sizeof(piece), &piece.n);
	piece.head.error = error;
	capture_states(ctx->capture, ctx->now, piece.state);
	memcpy(out, &piece, sizeof(piece));
	return IPC_CAPTURE_SIZE(piece.n);
}

void answer(const struct answer_ctx *ctx, struct link_desk *desk)
{
	size_t len;

	if (desk->id == IPC_CONNS_ASK)
		len = connections(ctx, &desk->ask.conns, desk->answer);
	else if (desk->id == IPC_PEERS_ASK)
		len = peers(ctx, &desk->ask.peers, desk->answer);
	else if (desk->id == IPC_TRACE_ASK)
		len = trace(ctx, &desk->ask.trace, desk->answer);
	else
		len = packets(ctx, &desk->ask.capture, desk->answer);
	link_desk_answered(desk, len);
}
