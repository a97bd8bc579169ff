// DPDK's environment layer: memory, cores and the port's device, started once per process.
//
// Lcore 0 is the main thread, pinned to the CPUs that no worker has, so that every thread started
// from it (nng's) stays off them; lcore i + 1 is worker i.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "dataplane/port/eal_args.h"

// False: what is wrong and what to do about it is in the log.
bool eal_start(const struct eal_config *config) MUST_CHECK;
void eal_stop(void);

// Bytes in free huge pages of all sizes.
uint64_t eal_hugepages_free(void);
