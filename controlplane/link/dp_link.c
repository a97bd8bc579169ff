#include "controlplane/link/dp_link.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/ipc/ipc_peer.h"

#define EVENTS_PER_POLL 64

struct dp_link {
	struct ipc_peer *peer;
	struct cluster *cluster;
	struct dp_asks *asks;
	struct dp_view view;
	uint64_t start_ms; // Unix time at which the link was made
	bool held;
	bool heard; // what a data plane has, or that it has none
	dp_link_heir *inherit;
	void *inherit_ctx;

	// The ejections of the store and of peers that the data plane which started then has
	// counted.
	uint64_t counted_ms;
	uint32_t counted_pid;
	uint64_t ejects;
	uint64_t peer_ejects;
};

static uint64_t wall_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / NS_PER_MS;
}

struct dp_link *dp_link_new(const char *path, const char *version, struct cluster *cluster)
{
	struct ipc_peer_config config = {
		.role = IPC_CONTROLPLANE,
		.path = path,
		.hello = ipc_hello_make(IPC_CONTROLPLANE, version),
	};
	struct dp_link *link = aligned_alloc(CACHE_LINE, sizeof(*link)); // as struct stats is

	if (link == NULL)
		return NULL;
	memset(link, 0, sizeof(*link));
	link->cluster = cluster;
	link->start_ms = wall_ms();
	link->asks = dp_asks_new();
	if (link->asks != NULL)
		link->peer = ipc_peer_new(&config);
	if (link->peer == NULL) {
		dp_asks_free(link->asks);
		free(link);
		return NULL;
	}
	// nng dials on for ever and says nothing about why it fails.
	if (access(path, R_OK | W_OK) != 0 && errno != ENOENT)
		log_warn("link: may not use %s: %s; run both programs as users of one group", path,
			strerror(errno));
	log_notice("link: looking for the data plane on %s", path);
	return link;
}

void dp_link_free(struct dp_link *link)
{
	if (link == NULL)
		return;
	ipc_peer_free(link->peer);
	dp_asks_free(link->asks);
	free(link->view.figures);
	free(link);
}

void dp_link_inherit(struct dp_link *link, dp_link_heir *inherit, void *ctx)
{
	link->inherit = inherit;
	link->inherit_ctx = ctx;
}

int dp_link_fd(const struct dp_link *link)
{
	return ipc_peer_fd(link->peer);
}

void dp_link_push(struct dp_link *link)
{
	const struct snapshot *snapshot = cluster_snapshot(link->cluster);

	if (snapshot != NULL && !link->held && link->heard &&
		ipc_peer_send(
			link->peer, IPC_SNAPSHOT, snapshot, cluster_snapshot_size(link->cluster)))
		log_info("link: sent snapshot %" PRIu64, snapshot->epoch);
}

void dp_link_hold(struct dp_link *link)
{
	link->held = true;
}

void dp_link_release(struct dp_link *link)
{
	if (!link->held)
		return;
	link->held = false;
	dp_link_push(link);
}

static void take_ack(struct dp_link *link, const struct ipc_msg *msg)
{
	const struct snapshot *asked = cluster_snapshot(link->cluster);
	struct dp_view *view = &link->view;
	struct ipc_snapshot_ack ack;

	ipc_payload_get(msg, &ack);
	ipc_ack_clean(&ack);
	if (ack.error[0] == '\0') {
		view->acked_epoch = ack.epoch;
		view->error[0] = '\0';
		log_info("link: the data plane uses snapshot %" PRIu64, ack.epoch);
		return;
	}
	if (asked == NULL || ack.epoch != asked->epoch)
		return; // about a snapshot that is history
	if (ack.newest >= asked->epoch) {
		cluster_overtake(link->cluster, ack.newest);
		log_notice("link: the data plane has snapshot %" PRIu64
			   " of another control plane; sending ours as %" PRIu64,
			ack.newest, asked->epoch);
		dp_link_push(link);
		return;
	}
	view->refused_epoch = ack.epoch;
	memcpy(view->error, ack.error, sizeof(view->error));
	log_err("link: the data plane refused snapshot %" PRIu64 ": %s", ack.epoch, ack.error);
}

// The time at which the store or a peer was ejected: within a second of it, since the data plane
// tells how often it was, not when. What another control plane saw, before this one ran, is not
// known.
static void note_ejects(struct dp_link *link)
{
	const struct ipc_hello *dp = ipc_peer_hello(link->peer);
	uint64_t ejects = link->view.stats.stat[STAT_server_ejects];
	uint64_t peer_ejects = link->view.stats.stat[STAT_peer_ejects];

	if (dp == NULL)
		return;
	if (dp->start_ms != link->counted_ms || dp->pid != link->counted_pid) {
		link->ejects = dp->start_ms >= link->start_ms ? 0 : ejects;
		link->peer_ejects = dp->start_ms >= link->start_ms ? 0 : peer_ejects;
		link->counted_ms = dp->start_ms;
		link->counted_pid = dp->pid;
	}
	if (ejects > link->ejects)
		link->view.ejected_ms = wall_ms();
	if (peer_ejects > link->peer_ejects)
		link->view.peer_ejected_ms = wall_ms();
	link->ejects = ejects;
	link->peer_ejects = peer_ejects;
}

// Keeps the figures of each worker as they came.
static void keep_figures(struct dp_view *view, const struct ipc_msg *msg, unsigned worker_n)
{
	void *figures = realloc(view->figures, msg->len);

	if (figures == NULL) {
		log_err("link: out of memory for the figures of each worker");
		view->figures_worker_n = 0;
		return;
	}
	memcpy(figures, msg->payload, msg->len);
	view->figures = figures;
	view->figures_worker_n = worker_n;
}

static void take_stats(struct dp_link *link, const struct ipc_msg *msg, struct mono now)
{
	struct dp_view *view = &link->view;
	const char *error;
	int worker_n = ipc_stats_decode(msg->payload, msg->len, &view->stats, &error);

	if (worker_n < 0) {
		if (view->error[0] == '\0') {
			snprintf(view->error, sizeof(view->error), "figures: %s", error);
			log_err("link: figures of the data plane refused: %s", error);
		}
		return;
	}
	keep_figures(view, msg, (unsigned)worker_n);
	note_ejects(link);
	view->stats_at = now;
	view->stats_known = true;
}

// What is in force there; the message lies at any alignment.
static void take_snapshot(struct dp_link *link, const struct ipc_msg *msg)
{
	const char *error = snapshot_check(msg->payload, msg->len);
	struct snapshot *theirs;

	if (link->heard || link->inherit == NULL)
		return;
	theirs = error == NULL ? malloc(msg->len) : NULL;
	if (theirs == NULL) {
		log_err("link: what was set before this control plane started is lost: %s",
			error != NULL ? error : "out of memory");
		return;
	}
	memcpy(theirs, msg->payload, msg->len);
	link->inherit(link->inherit_ctx, theirs);
	free(theirs);
}

static void take_status(struct dp_link *link, const struct ipc_msg *msg, struct mono now)
{
	struct dp_view *view = &link->view;
	bool first = !link->heard;

	ipc_payload_get(msg, &view->status);
	ipc_status_clean(&view->status);
	view->status_at = now;
	view->status_known = true;
	link->heard = true;
	if (first)
		dp_link_push(link);
}

static void take_message(struct dp_link *link, const struct ipc_msg *msg, struct mono now)
{
	switch (msg->id) {
	case IPC_SNAPSHOT_ACK:
		take_ack(link, msg);
		break;
	case IPC_STATS:
		take_stats(link, msg, now);
		break;
	case IPC_STATUS:
		take_status(link, msg, now);
		break;
	case IPC_SNAPSHOT:
		take_snapshot(link, msg);
		break;
	case IPC_CONNS:
	case IPC_PEERS:
	case IPC_TRACE:
	case IPC_CAPTURE:
		dp_asks_take(link->asks, msg);
		break;
	default:
		break; // nothing else comes from a data plane but HELLO
	}
}

static void take_link(struct dp_link *link)
{
	link->view.linked = true;
	link->view.acked_epoch = 0;
	link->view.error[0] = '\0';
	dp_link_push(link);
}

void dp_link_poll(struct dp_link *link, struct mono now)
{
	struct ipc_peer_event event;

	for (unsigned i = 0; i < EVENTS_PER_POLL && ipc_peer_next(link->peer, &event); i++) {
		switch (event.what) {
		case IPC_PEER_LINKED:
			take_link(link);
			break;
		case IPC_PEER_LOST:
			link->view.linked = false;
			dp_asks_lost(link->asks);
			break;
		case IPC_PEER_MSG:
			take_message(link, &event.msg, now);
			break;
		}
	}
	dp_link_ask(link, now);
}

void dp_link_ask(struct dp_link *link, struct mono now)
{
	const union ipc_any_ask *ask;
	enum ipc_id id;
	size_t len;

	dp_asks_expire(link->asks, now);
	while ((ask = dp_asks_next(link->asks, &id, &len)) != NULL)
		dp_asks_sent(link->asks, ipc_peer_send(link->peer, id, ask, len));
}

struct dp_asks *dp_link_asks(struct dp_link *link)
{
	return link->asks;
}

const struct dp_view *dp_link_view(const struct dp_link *link)
{
	return &link->view;
}
