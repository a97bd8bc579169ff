// The control plane's end of the IPC: dials the data plane for ever, sends it the snapshot on every
// link and change, and keeps what it last said, with the time at which it said so.
//
// Nothing is sent before the first data plane said what it has: the snapshot of an earlier control
// plane, out of which the owner takes what it can't know otherwise (dp_link_inherit), or none.
#pragma once

#include <stdbool.h>

#include "common/base/compiler.h"
#include "common/base/mono.h"
#include "common/ipc/ipc.h"
#include "common/stats/stats.h"
#include "controlplane/cluster/cluster.h"
#include "controlplane/link/dp_ask.h"

// What is known of the data plane. Figures stay when it goes away; their age tells.
struct dp_view {
	bool linked;
	bool status_known;
	bool stats_known;
	struct mono status_at;
	struct mono stats_at;
	struct ipc_status status;
	struct stats stats;        // sum over all workers
	void *figures;             // of each worker: payload of the last STATS message
	unsigned figures_worker_n; // for ipc_stats_worker
	uint64_t ejected_ms;       // Unix time at which the store was last ejected; 0: not seen
	uint64_t peer_ejected_ms;  // the same of a peer that was found down
	uint64_t acked_epoch;      // last one that it acknowledged on this link; 0: none
	uint64_t refused_epoch;    // last one that it refused; 0: none
	char error[IPC_ERROR_MAX]; // why; "" when there is nothing wrong
};

struct dp_link;

// `cluster` must outlive the link. NULL on error, which is in the log.
struct dp_link *dp_link_new(
	const char *path, const char *version, struct cluster *cluster) MUST_CHECK;
void dp_link_free(struct dp_link *link);

// `inherit` gets the snapshot that the first data plane linked to has, checked, before anything is
// sent to it; valid during the call. It may change the cluster. Not called when there is none.
typedef void dp_link_heir(void *ctx, const struct snapshot *theirs);
void dp_link_inherit(struct dp_link *link, dp_link_heir *inherit, void *ctx);

int dp_link_fd(const struct dp_link *link);
// Call it when dp_link_fd is readable.
void dp_link_poll(struct dp_link *link, struct mono now);

// The snapshot changed. Sent now, or as soon as there is a link.
void dp_link_push(struct dp_link *link);

// Nothing is pushed before dp_link_release, so that the first snapshot is one that can be worked
// with.
void dp_link_hold(struct dp_link *link);
void dp_link_release(struct dp_link *link);

// Sends the question that is next, and gives up those whose time is up. dp_link_poll does it too;
// call it after something was asked, and now and then.
void dp_link_ask(struct dp_link *link, struct mono now);

const struct dp_view *dp_link_view(const struct dp_link *link);
struct dp_asks *dp_link_asks(struct dp_link *link);
