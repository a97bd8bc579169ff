#include "dataplane/port/cores.h"

static unsigned last_allowed(const cpu_set_t *left)
{
	for (unsigned cpu = CPU_SETSIZE; cpu-- > 0;)
		if (CPU_ISSET(cpu, left))
			return cpu;
	return 0;
}

const char *cores_choose(const cpu_set_t *allowed, const uint16_t *wanted, unsigned wanted_n,
	unsigned worker_n, struct cores *out)
{
	unsigned n = wanted_n ? wanted_n : worker_n;

	*out = (struct cores){.worker_n = n, .main = *allowed};
	if (n == 0 || n > CORES_MAX)
		return "the number of workers must be from 1 to 128";
	if (n > (unsigned)CPU_COUNT(allowed))
		return "there are fewer CPUs that this process may use (see taskset) than workers";
	for (unsigned i = 0; i < n; i++) {
		unsigned cpu = wanted_n ? wanted[i] : last_allowed(&out->main);

		if (cpu >= CPU_SETSIZE || !CPU_ISSET(cpu, &out->main))
			return "a core is listed twice, does not exist, or this process may not "
			       "use it (see taskset)";
		CPU_CLR(cpu, &out->main);
		out->worker[i] = (uint16_t)cpu;
	}
	out->shared = CPU_COUNT(&out->main) == 0;
	if (out->shared)
		out->main = *allowed;
	return NULL;
}
