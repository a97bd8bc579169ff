#include "tests/bench/tcp_cost/meter.h"

#include <linux/perf_event.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int perf_open(void)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_HARDWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_HW_INSTRUCTIONS,
		.disabled = 1,
		.exclude_kernel = 1,
		.exclude_hv = 1};

	return (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}

bool meter_start(struct meter *meter, uint32_t samples, bool counting)
{
	*meter = (struct meter){.max = samples, .perf_fd = counting ? perf_open() : -1};
	meter->ticks = calloc(samples, sizeof(meter->ticks[0]));
	// Written once, so that no page is first touched within a sample.
	for (uint32_t i = 0; meter->ticks != NULL && i < samples; i++)
		meter->ticks[i] = 1;
	return meter->ticks != NULL && (!counting || meter->perf_fd >= 0);
}

void meter_stop(struct meter *meter)
{
	free(meter->ticks);
	if (meter->perf_fd >= 0)
		close(meter->perf_fd);
}

void meter_count_on(struct meter *meter)
{
	ioctl(meter->perf_fd, PERF_EVENT_IOC_ENABLE, 0);
}

void meter_count_off(struct meter *meter)
{
	ioctl(meter->perf_fd, PERF_EVENT_IOC_DISABLE, 0);
}

uint64_t meter_instructions(const struct meter *meter)
{
	uint64_t count;

	if (meter->perf_fd < 0 || read(meter->perf_fd, &count, sizeof(count)) != sizeof(count))
		return 0;
	return count;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

uint64_t meter_ticks(struct meter *meter, unsigned percent)
{
	if (meter->n == 0)
		return 0;
	qsort(meter->ticks, meter->n, sizeof(meter->ticks[0]), compare);
	return meter->ticks[(uint64_t)(meter->n - 1) * percent / 100];
}
