// The snapshot that a configuration describes. Private to controlplane/cluster.
#pragma once

#include "common/base/compiler.h"
#include "common/cluster/snapshot.h"
#include "common/conf/conf.h"
#include "controlplane/cluster/names.h"

// This node first, then dyn_seeds in the file's order; all of them NORMAL, as others are taken to
// be until gossip says otherwise. Epoch and timeout are 0 and consistencies DC_ONE: cluster.c's
// matter. NULL on error, with the reason. The caller frees it.
struct snapshot *cluster_build(
	const struct conf *conf, const struct names *names, const char **error) MUST_CHECK;

// Whether `addr` is unset, as in IP_ADDR_ANY or 0.0.0.0.
bool cluster_addr_is_any(const struct ip_addr *addr);
