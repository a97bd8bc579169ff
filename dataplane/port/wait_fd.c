#include "dataplane/port/wait_fd.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/socket.h>

static bool receives_packets(int fd)
{
	int family = 0;
	socklen_t len = sizeof(family);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len) == 0 &&
		(family == AF_PACKET || family == AF_XDP);
}

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

void wait_fds_list(struct wait_fds *fds)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;

	fds->n = 0;
	if (!dir)
		return;
	while ((entry = readdir(dir)) != NULL && fds->n < WAIT_FDS_MAX) {
		int fd = atoi(entry->d_name);

		if (entry->d_name[0] != '.' && receives_packets(fd))
			fds->fd[fds->n++] = fd;
	}
	closedir(dir);
	qsort(fds->fd, fds->n, sizeof(fds->fd[0]), by_number);
}
