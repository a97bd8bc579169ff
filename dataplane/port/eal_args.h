// What DPDK's environment layer is told: the settings, and the argument list made of them. Pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

static inline unsigned eal_worker_lcore(unsigned worker)
{
	return worker + 1;
}

// Whether the text is a PCI address, domain:bus:device.function or without the domain.
bool eal_is_pci(const char *device);

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
