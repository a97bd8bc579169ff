#include "tests/sim/sim_workers.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/sim/sim_run.h"

#define WORKERS_MAX 64
#define SAY_SECONDS 2
#define TRACES_MAX 5
// No seed takes a tenth of this; one that does not end must not keep the others.
#define SEED_SECONDS 120

// Seen by all processes; each worker writes its own row.
struct worker {
	pid_t pid;
	uint64_t seed; // that it is at; 0: none
	uint64_t n;    // seeds done
	struct sim_totals totals;
};

struct shared {
	uint64_t next; // the next seed to take
	struct worker worker[WORKERS_MAX];
};

int sim_run_alone(uint64_t seed, const char *pcap, int verbose)
{
	struct sim_totals totals = {0};
	struct sim_plan *plan = malloc(sizeof(*plan));
	bool ok;

	if (plan == NULL)
		return 1;
	sim_plan_draw(plan, seed);
	if (verbose)
		sim_plan_print(plan);
	alarm(SEED_SECONDS);
	ok = sim_run(plan, pcap, &totals);
	alarm(0);
	if (verbose)
		printf("seed %llu: %s, %llu bytes in %llu turns, %llu resets and %llu time-outs\n",
			(unsigned long long)seed, ok ? "ok" : "FAILED",
			(unsigned long long)totals.bytes, (unsigned long long)totals.turns,
			(unsigned long long)totals.resets, (unsigned long long)totals.time_outs);
	free(plan);
	return !ok;
}

static void work(struct shared *shared, struct worker *me, uint64_t to)
{
	struct sim_plan *plan = malloc(sizeof(*plan));

	for (;;) {
		uint64_t seed = __atomic_fetch_add(&shared->next, 1, __ATOMIC_RELAXED);

		if (seed > to || plan == NULL)
			break;
		me->seed = seed;
		sim_plan_draw(plan, seed);
		alarm(SEED_SECONDS);
		if (!sim_run(plan, NULL, &me->totals))
			_exit(1);
		alarm(0);
		me->seed = 0;
		me->n++;
	}
	free(plan);
	exit(0);
}

// What it says about a failure is said again, with a trace, by the second run.
static void silence(void)
{
	if (freopen("/dev/null", "w", stderr) == NULL || freopen("/dev/null", "w", stdout) == NULL)
		_exit(1);
}

static void start(struct shared *shared, struct worker *me, uint64_t to)
{
	pid_t pid;

	fflush(NULL);
	me->seed = 0;
	pid = fork();
	if (pid == 0) {
		silence();
		work(shared, me, to);
	}
	if (pid < 0)
		perror("tcp_sim: fork");
	me->pid = pid;
}

static int ended(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0)
		continue;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

// Shows a failure: the plan, what was wrong, a trace, and how to see it again.
static void show(uint64_t seed, const char *program, int status, bool trace)
{
	char path[4096];
	pid_t pid;
	int again;

	fprintf(stderr, "---- seed %llu failed", (unsigned long long)seed);
	fprintf(stderr, status < 0 ? " by signal %d\n" : "\n", -status);
	snprintf(path, sizeof(path), "%s-%llu.pcap", program, (unsigned long long)seed);
	if (trace) {
		fflush(NULL);
		pid = fork();
		if (pid == 0) {
			dup2(STDERR_FILENO, STDOUT_FILENO);
			_exit(sim_run_alone(seed, path, 1));
		}
		again = ended(pid);
		if (again == 0)
			fprintf(stderr, "it did not fail when it was run again, alone\n");
		fprintf(stderr, "trace: %s (of host 0) and %s.peer (of host 1)\n", path, path);
	}
	fprintf(stderr, "replay: %s --seeds %llu-%llu --verbose --pcap %s\n", program,
		(unsigned long long)seed, (unsigned long long)seed, path);
}

static void progress(const struct shared *shared, const struct sim_range *range, uint64_t failed)
{
	static time_t last;
	time_t now = time(NULL);
	uint64_t n = failed;

	if (!isatty(STDERR_FILENO) || now - last < SAY_SECONDS)
		return;
	last = now;
	for (unsigned i = 0; i < WORKERS_MAX; i++)
		n += shared->worker[i].n;
	fprintf(stderr, "%llu of %llu seeds, %llu failed\n", (unsigned long long)n,
		(unsigned long long)(range->to - range->from + 1), (unsigned long long)failed);
}

static unsigned count_cpus(void)
{
	cpu_set_t set;
	unsigned n = 1;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		n = (unsigned)CPU_COUNT(&set);
	return n < WORKERS_MAX ? n : WORKERS_MAX;
}

static void say_totals(const struct shared *shared)
{
	struct sim_totals sum = {0};

	for (unsigned i = 0; i < WORKERS_MAX; i++) {
		const struct sim_totals *t = &shared->worker[i].totals;

		sum.conns += t->conns;
		sum.bytes += t->bytes;
		sum.turns += t->turns;
		sum.resets += t->resets;
		sum.time_outs += t->time_outs;
	}
	printf("%llu connections, %llu bytes, %llu turns; %llu resets and %llu time-outs excused\n",
		(unsigned long long)sum.conns, (unsigned long long)sum.bytes,
		(unsigned long long)sum.turns, (unsigned long long)sum.resets,
		(unsigned long long)sum.time_outs);
}

// A worker has ended: 0 when it had no more to do. It is started again behind a seed that failed.
static unsigned settle(struct shared *shared, struct worker *w, int status,
	const struct sim_range *range, const char *program, uint64_t *failed)
{
	if (status == 0)
		return 0;
	(*failed)++;
	if (w->seed == 0) {
		// Not a seed's matter, as a leak that shows at the end: no reason to go on.
		fprintf(stderr, "tcp_sim: a worker ended with %d between two seeds\n", status);
		return 0;
	}
	show(w->seed, program, status, *failed <= TRACES_MAX);
	start(shared, w, range->to);
	return w->pid > 0;
}

static struct worker *find(struct shared *shared, pid_t pid)
{
	for (unsigned i = 0; i < WORKERS_MAX; i++)
		if (shared->worker[i].pid == pid)
			return &shared->worker[i];
	return NULL;
}

uint64_t sim_workers_run(const struct sim_range *range, const char *program)
{
	struct shared *shared = mmap(
		NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned running = 0;
	uint64_t failed = 0;

	if (shared == MAP_FAILED)
		return range->to - range->from + 1;
	shared->next = range->from;
	for (unsigned i = 0; i < count_cpus(); i++) {
		start(shared, &shared->worker[i], range->to);
		running += shared->worker[i].pid > 0;
	}
	if (running == 0)
		failed = range->to - range->from + 1;
	while (running > 0) {
		int status;
		pid_t pid = waitpid(-1, &status, WNOHANG);
		struct worker *w = pid > 0 ? find(shared, pid) : NULL;

		progress(shared, range, failed);
		if (w == NULL) {
			usleep(20000);
			continue;
		}
		w->pid = 0;
		running--;
		running += settle(shared, w,
			WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), range, program,
			&failed);
	}
	say_totals(shared);
	munmap(shared, sizeof(*shared));
	return failed;
}
