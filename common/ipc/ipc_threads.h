// Where nng's threads may run. They inherit the affinity of the thread that first calls nng; on a
// worker core, each of them would take the core from its worker for milliseconds.
#pragma once

#include <sched.h>

// The number of nng's threads of this process that may run on one of `cpus`: 0 is as it must be for
// worker cores. They are known by their names, which a thread gives itself when it begins to run:
// one that was started a moment ago may be missed. `total`, if not NULL, gets the number of nng's
// threads. -1 when /proc can't be read.
int ipc_threads_on(const cpu_set_t *cpus, int *total);
