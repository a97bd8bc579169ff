// Clusters in virtual time, one for each seed (plan.h); world.h and history.h say what must hold.
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/sim/cluster/world.h"

#define PROCESSES 2
#ifdef __SANITIZE_ADDRESS__
#define SEEDS 60
#else
#define SEEDS 300
#endif
#define SEED_SECONDS 60

static const char usage[] =
	"Usage: cluster_sim [--seeds FROM-TO] [--verbose]\n"
	"\n"
	"Runs a cluster in virtual time for each seed: nodes, stores, clients, and what breaks.\n"
	"\n"
	"  --seeds FROM-TO  these seeds, or one alone; default 1-%d\n"
	"  --verbose        say what each seed is (one process)\n"
	"  --help           this text\n"
	"\n"
	"Ends with \"N seeds, M failed\"; status 0 when none failed. A seed that failed is shown "
	"with\n"
	"the command that runs it again.\n";

// Seen by all processes.
struct shared {
	uint64_t next;
	uint64_t failed;
	uint64_t at[PROCESSES];
	struct world_totals totals[PROCESSES];
};

static bool run_seed(uint64_t seed, struct world_totals *totals, bool verbose)
{
	struct plan *plan = malloc(sizeof(*plan));
	bool ok;

	if (!plan)
		abort();
	plan_draw(plan, seed);
	if (verbose)
		plan_print(plan);
	alarm(SEED_SECONDS);
	ok = world_run(plan, totals);
	alarm(0);
	free(plan);
	return ok;
}

static void work(struct shared *shared, unsigned me, uint64_t to)
{
	uint64_t seed;

	while ((seed = __atomic_fetch_add(&shared->next, 1, __ATOMIC_RELAXED)) <= to) {
		shared->at[me] = seed;
		if (!run_seed(seed, &shared->totals[me], false))
			_exit(1);
		shared->at[me] = 0;
	}
	exit(0);
}

static pid_t start(struct shared *shared, unsigned me, uint64_t to)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0)
		work(shared, me, to);
	if (pid < 0)
		abort();
	return pid;
}

static void say_totals(const struct shared *shared)
{
	struct world_totals sum = {0};

	for (unsigned i = 0; i < PROCESSES; i++) {
		sum.requests += shared->totals[i].requests;
		sum.good += shared->totals[i].good;
		sum.errors += shared->totals[i].errors;
		sum.abandoned += shared->totals[i].abandoned;
		sum.checked += shared->totals[i].checked;
		sum.turns += shared->totals[i].turns;
	}
	printf("%llu requests: %llu answered, %llu errors, %llu abandoned; %llu quorum reads "
	       "checked; %llu turns\n",
		(unsigned long long)sum.requests, (unsigned long long)sum.good,
		(unsigned long long)sum.errors, (unsigned long long)sum.abandoned,
		(unsigned long long)sum.checked, (unsigned long long)sum.turns);
}

// A seed that crashes or hangs ends no other: its process is started again behind it.
static uint64_t run_many(uint64_t from, uint64_t to, const char *program)
{
	struct shared *shared = mmap(
		NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pids[PROCESSES];
	unsigned running = PROCESSES;

	if (shared == MAP_FAILED)
		return to - from + 1;
	shared->next = from;
	for (unsigned i = 0; i < PROCESSES; i++)
		pids[i] = start(shared, i, to);
	while (running > 0) {
		int status;
		pid_t pid = wait(&status);
		unsigned i = pid == pids[0] ? 0 : 1;

		if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
			running--;
			continue;
		}
		shared->failed++;
		fprintf(stderr, "seed %llu failed; replay: %s --seeds %llu --verbose\n",
			(unsigned long long)shared->at[i], program,
			(unsigned long long)shared->at[i]);
		pids[i] = start(shared, i, to);
	}
	say_totals(shared);
	return shared->failed;
}

static bool parse_range(const char *text, uint64_t *from, uint64_t *to)
{
	char *end;

	errno = 0;
	*from = *to = strtoull(text, &end, 10);
	if (end != text && *end == '-') {
		text = end + 1;
		*to = strtoull(text, &end, 10);
	}
	return end != text && errno == 0 && *end == '\0' && *from > 0 && *from <= *to;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"seeds", required_argument, NULL, 's'},
		{"verbose", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	uint64_t from = 1;
	uint64_t to = SEEDS;
	bool verbose = false;
	uint64_t failed = 0;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (c) {
		case 's':
			if (parse_range(optarg, &from, &to))
				break;
			fprintf(stderr, "cluster_sim: --seeds wants FROM-TO, from 1\n");
			return 2;
		case 'v':
			verbose = true;
			break;
		case 'h':
			printf(usage, SEEDS);
			return 0;
		default:
			return 2;
		}
	if (verbose) {
		struct world_totals totals = {0};

		for (uint64_t seed = from; seed <= to && failed == 0; seed++)
			failed += !run_seed(seed, &totals, true);
	} else {
		failed = run_many(from, to, argv[0]);
	}
	printf("%llu seeds, %llu failed\n", (unsigned long long)(to - from + 1),
		(unsigned long long)failed);
	return failed > 0;
}
