// The control plane as a whole: configuration, cluster, link to the data plane, REST, signals, and
// the loop that they run on.
#pragma once

#include "common/base/compiler.h"
#include "common/base/daemon.h"
#include "common/conf/options.h"

// Runs until it is told to stop. Returns the exit code: 0 after a stop, 1 when it could not start.
int node_run(struct options *options, struct daemon *daemon, const char *version);
