#include "common/ipc/ipc_threads.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Reads "0-3,8" into a set.
static void parse_list(const char *text, cpu_set_t *out)
{
	CPU_ZERO(out);
	while (*text >= '0' && *text <= '9') {
		char *end;
		unsigned long first = strtoul(text, &end, 10);
		unsigned long last = *end == '-' ? strtoul(end + 1, &end, 10) : first;

		for (unsigned long cpu = first; cpu <= last && cpu < CPU_SETSIZE; cpu++)
			CPU_SET(cpu, out);
		text = *end == ',' ? end + 1 : end;
	}
}

// False when the thread is not one of nng's, or gone.
static bool nng_thread_cpus(const char *tid, cpu_set_t *out)
{
	static const char key[] = "Cpus_allowed_list:\t";
	char path[64];
	char line[512];
	bool named = false;
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%.16s/status", tid);
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	while (!found && fgets(line, sizeof(line), file) != NULL) {
		if (strncmp(line, "Name:\tnng:", 10) == 0)
			named = true;
		if (!named)
			break; // the name is the first line
		if (strncmp(line, key, sizeof(key) - 1) == 0) {
			parse_list(line + sizeof(key) - 1, out);
			found = true;
		}
	}
	fclose(file);
	return found;
}

int ipc_threads_on(const cpu_set_t *cpus, int *total)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *entry;
	cpu_set_t allowed;
	int all = 0;
	int n = 0;

	if (dir == NULL)
		return -1;
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.' || !nng_thread_cpus(entry->d_name, &allowed))
			continue;
		CPU_AND(&allowed, &allowed, cpus);
		n += CPU_COUNT(&allowed) > 0;
		all++;
	}
	closedir(dir);
	if (total != NULL)
		*total = all;
	return n;
}
