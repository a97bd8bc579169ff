#include "dataplane/port/eal_args.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/compiler.h"

// What the EAL and the drivers need beside the pools.
#define EAL_OVERHEAD_MB 64

bool eal_is_pci(const char *device)
{
	unsigned bus;
	unsigned dev;
	unsigned fn;
	unsigned domain;
	int end = 0;

	if (sscanf(device, "%4x:%2x:%2x.%1u%n", &domain, &bus, &dev, &fn, &end) == 4 && end > 0)
		return device[end] == '\0' || device[end] == ',';
	end = 0;
	if (sscanf(device, "%2x:%2x.%1u%n", &bus, &dev, &fn, &end) == 3 && end > 0)
		return device[end] == '\0' || device[end] == ',';
	return false;
}

static PRINTF_LIKE(2, 3) void add(struct eal_args *args, const char *fmt, ...)
{
	char *at = args->space + args->used;
	size_t room = sizeof(args->space) - args->used;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(at, room, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= room || args->argc == EAL_ARGS_MAX) {
		args->full = true;
		return;
	}
	args->used += (size_t)n + 1;
	args->argv[args->argc++] = at;
	args->argv[args->argc] = NULL;
}

static void add_cores(struct eal_args *args, const struct cores *cores)
{
	char text[EAL_ARG_SPACE / 2];
	size_t n = (size_t)snprintf(text, sizeof(text), "--lcores=0@(");
	const char *comma = "";

	for (unsigned cpu = 0; cpu < CPU_SETSIZE && n < sizeof(text) - 16; cpu++) {
		if (!CPU_ISSET(cpu, &cores->main))
			continue;
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%u", comma, cpu);
		comma = ",";
	}
	n += (size_t)snprintf(text + n, sizeof(text) - n, ")");
	for (unsigned i = 0; i < cores->worker_n && n < sizeof(text) - 16; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, ",%u@%u", eal_worker_lcore(i),
			cores->worker[i]);
	add(args, "%s", text);
	add(args, "--main-lcore=0");
}

// The shared-memory drivers hand whole files to the other side.
static bool needs_single_file(const char *device)
{
	return strncmp(device, "net_virtio_user", 15) == 0 || strncmp(device, "net_vhost", 9) == 0;
}

void eal_args_make(const struct eal_config *config, bool huge, struct eal_args *args)
{
	memset(args, 0, sizeof(*args));
	add(args, "%s", config->program);
	add_cores(args, config->cores);
	if (huge) {
		// No file is left behind, also after a kill -9, and no prefix can clash.
		add(args, "--in-memory");
		if (needs_single_file(config->device))
			add(args, "--single-file-segments");
	} else {
		add(args, "--no-huge");
		add(args, "--no-shconf");
		add(args, "-m");
		add(args, "%llu", (unsigned long long)(config->memory >> 20) + EAL_OVERHEAD_MB);
	}
	add(args, "--no-telemetry");
	add(args, "--log-level=*:warning");
	if (eal_is_pci(config->device)) {
		add(args, "--allow=%s", config->device);
	} else {
		add(args, "--no-pci");
		add(args, "--vdev=%s", config->device);
	}
	for (unsigned i = 0; i < config->extra_n; i++)
		add(args, "%s", config->extra[i]);
}
