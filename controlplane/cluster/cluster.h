// What the cluster should look like, and its snapshot for the data plane. So far: this node, from
// the configuration. Pure: time comes in.
//
// Epochs begin at the wall clock's milliseconds, so that those of a restarted control plane are
// newer than what the data plane has, without a file to remember them in; every change adds one.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/cluster/snapshot.h"
#include "common/conf/conf.h"

struct cluster;

// NULL when out of memory. It has no snapshot until cluster_apply.
struct cluster *cluster_new(uint64_t wall_ms) MUST_CHECK;
void cluster_free(struct cluster *cluster);

enum cluster_change {
	CLUSTER_SAME,
	CLUSTER_CHANGED, // there is a new snapshot with a new epoch
	CLUSTER_FAILED,  // nothing was changed; `error` says why
};

// Takes over what `conf` says.
enum cluster_change cluster_apply(
	struct cluster *cluster, const struct conf *conf, const char **error) MUST_CHECK;

// The data plane has `epoch` from somebody else, newer than ours or with other contents (the wall
// clock was set back): gives the snapshot an epoch beyond it.
void cluster_overtake(struct cluster *cluster, uint64_t epoch);

// NULL before the first cluster_apply. Valid until the next change.
const struct snapshot *cluster_snapshot(const struct cluster *cluster);
size_t cluster_snapshot_size(const struct cluster *cluster);
// This node; not NULL once there is a snapshot.
const struct snapshot_node *cluster_local(const struct cluster *cluster);
