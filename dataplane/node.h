// The data plane as a whole: environment, port, workers, link to the control plane, signals, and
// the main thread's loop.
#pragma once

#include "common/base/compiler.h"
#include "common/base/daemon.h"
#include "common/conf/options.h"

// Runs until it is told to stop. Returns the exit code: 0 after a stop, 1 when it could not start.
int node_run(struct options *options, struct daemon *daemon, const char *version);
