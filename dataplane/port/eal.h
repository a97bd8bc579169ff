// DPDK's environment layer: memory, cores and the port's device, started once per process.
//
// Lcore 0 is the main thread, pinned to the CPUs that no worker has, so that every thread started
// from it (nng's) stays off them; lcore i + 1 is worker i.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "dataplane/port/cores.h"

enum eal_hugepages {
	EAL_HUGEPAGES_AUTO, // when enough of them are free
	EAL_HUGEPAGES_ON,
	EAL_HUGEPAGES_OFF,
};

struct eal_config {
	const char *program;
	const char *device; // a PCI address, or a virtual device with its arguments
	uint64_t memory;    // bytes that pools will take
	enum eal_hugepages hugepages;
	const struct cores *cores;
	const char *const *extra; // arguments from the configuration
	unsigned extra_n;
};

// False: what is wrong and what to do about it is in the log.
bool eal_start(const struct eal_config *config) MUST_CHECK;
void eal_stop(void);

static inline unsigned eal_worker_lcore(unsigned worker)
{
	return worker + 1;
}

// Whether the text is a PCI address, domain:bus:device.function or without the domain.
bool eal_is_pci(const char *device);

// Bytes in free huge pages of all sizes.
uint64_t eal_hugepages_free(void);

#define EAL_ARGS_MAX 96
#define EAL_ARG_SPACE 8192

// The argument list, for eal_start and its test. `argv` ends with NULL; strings lie in `space`.
struct eal_args {
	int argc;
	char *argv[EAL_ARGS_MAX + 1];
	size_t used;
	bool full;
	char space[EAL_ARG_SPACE];
};

void eal_args_make(const struct eal_config *config, bool huge, struct eal_args *args);
