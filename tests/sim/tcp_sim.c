// Two stacks and a bad network in virtual time: each seed is a scenario of its own (sim_plan.h),
// and sim_run.h says what must hold in it.
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/sim_workers.h"

#ifdef __SANITIZE_ADDRESS__
#define SEEDS 200
#else
#define SEEDS 2000
#endif

static const char usage[] =
	"Usage: tcp_sim [--seeds FROM-TO] [--pcap FILE] [--verbose]\n"
	"\n"
	"Runs the simulation of two TCP stacks over a bad network, one scenario for each seed.\n"
	"\n"
	"  --seeds FROM-TO  these seeds, or one alone; default 1-%d, or 1-$TEST_SEEDS\n"
	"  --pcap FILE      write the packets of host 0 to FILE and of host 1 to FILE.peer (one "
	"seed)\n"
	"  --verbose        say what each seed does (one process)\n"
	"  --help           this text\n"
	"\n"
	"Ends with \"N seeds, M failed\"; status 0 when none failed. A seed that failed is shown "
	"with\n"
	"the command that runs it again.\n";

static bool parse_range(const char *text, struct sim_range *range)
{
	char *end;

	errno = 0;
	range->from = strtoull(text, &end, 10);
	if (end == text || errno != 0)
		return false;
	range->to = range->from;
	if (*end == '-') {
		text = end + 1;
		range->to = strtoull(text, &end, 10);
		if (end == text || errno != 0)
			return false;
	}
	return *end == '\0' && range->from > 0 && range->from <= range->to;
}

static int misused(const char *what)
{
	fprintf(stderr, "tcp_sim: %s; tcp_sim --help says how\n", what);
	return 2;
}

static uint64_t run_here(const struct sim_range *range, const char *pcap, bool verbose)
{
	uint64_t failed = 0;

	for (uint64_t seed = range->from; seed <= range->to && failed == 0; seed++)
		failed += (uint64_t)sim_run_alone(seed, pcap, verbose);
	return failed;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"seeds", required_argument, NULL, 's'},
		{"pcap", required_argument, NULL, 'p'},
		{"verbose", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	const char *seeds = getenv("TEST_SEEDS");
	struct sim_range range = {1, seeds != NULL ? strtoull(seeds, NULL, 10) : SEEDS};
	const char *pcap = NULL;
	bool verbose = false;
	uint64_t failed;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (c) {
		case 's':
			if (!parse_range(optarg, &range))
				return misused("--seeds wants FROM-TO, from 1");
			break;
		case 'p':
			pcap = optarg;
			break;
		case 'v':
			verbose = true;
			break;
		case 'h':
			printf(usage, SEEDS);
			return 0;
		default:
			return misused("no such option");
		}
	if (optind < argc)
		return misused("no arguments but options");
	if (range.to < range.from)
		return misused("TEST_SEEDS is no number");
	if (pcap != NULL && range.from != range.to)
		return misused("--pcap is for one seed");
	failed = pcap != NULL || verbose ? run_here(&range, pcap, verbose)
					 : sim_workers_run(&range, argv[0]);
	printf("%llu seeds, %llu failed\n", (unsigned long long)(range.to - range.from + 1),
		(unsigned long long)failed);
	return failed > 0;
}
