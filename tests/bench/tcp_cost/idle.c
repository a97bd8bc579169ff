// What connections cost that do nothing: the memory of the process before and after they were
// opened. Packet buffers and the peer's state were there before.
#include <stdio.h>
#include <unistd.h>

#include "dataplane/tcp/tcp_types.h"
#include "tests/bench/tcp_cost/figure.h"

static uint64_t rss(void)
{
	unsigned long size;
	unsigned long resident;
	FILE *f = fopen("/proc/self/statm", "r");
	int got = f != NULL ? fscanf(f, "%lu %lu", &size, &resident) : 0;

	if (f != NULL)
		fclose(f);
	if (got != 2)
		rig_die("/proc/self/statm can't be read");
	return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

void figure_idle(struct bench *bench)
{
	const struct tcp *tcp = bench->rig.tcp;
	uint64_t before = rss();
	uint64_t after;

	peer_open(&bench->peer, 0, bench->conns);
	after = rss();
	if (tcp_usage(tcp).mem != 0)
		rig_die("idle connections hold packet buffers");
	snprintf(bench->extra, sizeof(bench->extra),
		", \"bytes\": %llu, \"record\": %u, \"table\": %.1f, \"rss_mib\": %llu",
		(unsigned long long)((after - before) / bench->conns), tcp->conns.item_size,
		(double)tcp->table.n * sizeof(struct tcp_bucket) / bench->conns,
		(unsigned long long)(after >> 20));
}
