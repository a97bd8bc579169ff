#include "tests/support/eal.h"

#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mbuf.h>

#include "tests/support/poison_pool.h"

#define EAL_ARGS_MAX 32

static void die(const char *what)
{
	fprintf(stderr, "test: %s: %s\n", what, rte_strerror(rte_errno));
	exit(1);
}

// One lcore that may run wherever this process may: tests that run side by side must not all be
// pinned to CPU 0.
static void floating_lcore(char *arg, size_t size)
{
	cpu_set_t set;
	size_t len = (size_t)snprintf(arg, size, "--lcores=0@(");
	const char *comma = "";

	CPU_ZERO(&set);
	sched_getaffinity(0, sizeof(set), &set);
	for (size_t cpu = 0; cpu < CPU_SETSIZE && len + 8 < size; cpu++) {
		if (!CPU_ISSET(cpu, &set))
			continue;
		len += (size_t)snprintf(arg + len, size - len, "%s%zu", comma, cpu);
		comma = ",";
	}
	snprintf(arg + len, size - len, ")");
}

void test_eal_start_with(char *const *args, unsigned n)
{
	static bool started;
	static char lcores[1024];
	static char text[][24] = {"test", "--no-huge", "--no-shconf", "-m", "128", "--no-pci",
		"--no-telemetry", "--log-level=critical"};
	char *argv[EAL_ARGS_MAX + 1];
	int argc = 0;

	if (started)
		return;
	started = true;
	floating_lcore(lcores, sizeof(lcores));
	for (size_t i = 0; i < RTE_DIM(text); i++)
		argv[argc++] = text[i];
	argv[argc++] = lcores;
	for (unsigned i = 0; i < n && argc < EAL_ARGS_MAX; i++)
		argv[argc++] = args[i];
	argv[argc] = NULL;
	if (rte_eal_init(argc, argv) < 0)
		die("rte_eal_init");
}

void test_eal_start(void)
{
	test_eal_start_with(NULL, 0);
}

void test_eal_start_sized(unsigned megabytes)
{
	static char flag[] = "-m";
	static char text[12];
	char *args[] = {flag, text};

	snprintf(text, sizeof(text), "%u", megabytes);
	test_eal_start_with(args, RTE_DIM(args));
}

struct rte_mempool *test_pool_create_room(unsigned mbufs, uint16_t room)
{
	static unsigned serial;
	char name[32];
	struct rte_mempool *pool;

	test_eal_start();
	snprintf(name, sizeof(name), "test_pool_%u", serial++);
	pool = rte_pktmbuf_pool_create_by_ops(name, mbufs, 0, 0,
		(uint16_t)(room + RTE_PKTMBUF_HEADROOM), SOCKET_ID_ANY, POISON_POOL_OPS);
	if (pool == NULL)
		die("no memory for the packet pool");
	poison_pool_arm(pool);
	return pool;
}

struct rte_mempool *test_pool_create(unsigned mbufs)
{
	return test_pool_create_room(mbufs, 2048);
}

unsigned test_pool_in_use(struct rte_mempool *pool)
{
	return rte_mempool_in_use_count(pool);
}
