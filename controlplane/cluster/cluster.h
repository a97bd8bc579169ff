// What the cluster should look like, and its snapshot for the data plane: this node and the others
// of dyn_seeds from the configuration, their addresses from names.h, and what REST asked for. Pure:
// time comes in.
//
// Every change has an epoch, a time and a cause, of which the last CLUSTER_EVENTS are kept. Epochs
// begin at the wall clock's milliseconds, so that those of a restarted control plane are newer than
// what the data plane has, without a file to remember them in; every change adds one.
//
// A setting that both the file and REST can change has the value that was asked for last: what REST
// set stays when the file is read again, unless the file says something else than it did before. It
// is kept by the data plane, whose snapshot says both (struct snapshot_said): cluster_take_over.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/cluster/snapshot.h"
#include "common/conf/conf.h"
#include "controlplane/cluster/names.h"

#define CLUSTER_EVENTS 64
#define CLUSTER_CAUSE_MAX 160 // with NUL
#define CLUSTER_FACTOR_MAX 10 // of timeouts
#define CLUSTER_HEDGE_MAX_MS 60000

struct cluster;

// Why, and when.
struct cluster_why {
	uint64_t wall_ms;
	const char *text;
};

struct cluster_event {
	uint64_t epoch;
	uint64_t wall_ms;
	char cause[CLUSTER_CAUSE_MAX];
};

// The data plane gets timeout_ms * factor, so that it needs to know of no factor. 0 stays 0: for
// ever.
struct cluster_timeouts {
	uint32_t timeout_ms;
	uint32_t factor; // 1..CLUSTER_FACTOR_MAX
	uint32_t read_hedge_ms;
};

// What REST can change too.
struct cluster_settings {
	enum consistency read;
	enum consistency write;
	uint32_t timeout_ms;
	uint32_t read_hedge_ms;
};

// NULL when out of memory. It has no snapshot until cluster_apply.
struct cluster *cluster_new(uint64_t wall_ms) MUST_CHECK;
void cluster_free(struct cluster *cluster);

enum cluster_change {
	CLUSTER_SAME,
	CLUSTER_CHANGED, // the snapshot has a new epoch
	CLUSTER_FAILED,  // nothing was changed; `error` says why
};

// Takes over what `conf` says; `names` may be NULL when it has none.
enum cluster_change cluster_apply(struct cluster *cluster, const struct conf *conf,
	const struct names *names, struct cluster_why why, const char **error) MUST_CHECK;

// Takes over the addresses that `names` has now; the cause says which. There must be a snapshot.
enum cluster_change cluster_readdress(
	struct cluster *cluster, const struct names *names, uint64_t wall_ms);

// What REST asks for. There must be a snapshot.
enum cluster_change cluster_set_state(
	struct cluster *cluster, enum node_state state, struct cluster_why why);
enum cluster_change cluster_set_consistency(struct cluster *cluster, enum consistency read,
	enum consistency write, struct cluster_why why);
enum cluster_change cluster_set_timeouts(
	struct cluster *cluster, const struct cluster_timeouts *timeouts, struct cluster_why why);

// What an earlier control plane was told by REST, out of the snapshot that the data plane still
// has: its state and the settings of which the file says what it said then, but for those that were
// set over REST since this control plane started. There must be a snapshot; `theirs` was checked.
enum cluster_change cluster_take_over(
	struct cluster *cluster, const struct snapshot *theirs, uint64_t wall_ms);

// As the file says, whatever REST set. There must be a snapshot.
struct cluster_settings cluster_file(const struct cluster *cluster);

struct cluster_timeouts cluster_timeouts(const struct cluster *cluster);

// The data plane has `epoch` from somebody else, newer than ours or with other contents (the wall
// clock was set back): gives the snapshot an epoch beyond it.
void cluster_overtake(struct cluster *cluster, uint64_t epoch);

// NULL before the first cluster_apply. Valid until the next change.
const struct snapshot *cluster_snapshot(const struct cluster *cluster);
size_t cluster_snapshot_size(const struct cluster *cluster);
// This node; not NULL once there is a snapshot.
const struct snapshot_node *cluster_local(const struct cluster *cluster);

// The change that was `back` changes before the newest; NULL when it is not kept.
const struct cluster_event *cluster_event(const struct cluster *cluster, unsigned back);
