#include "common/ipc/ipc_path.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LOCK_WAIT_MS 1000

int ipc_path_make_dirs(const char *path)
{
	char dir[sizeof(((struct sockaddr_un *)NULL)->sun_path)];

	if (strlen(path) >= sizeof(dir))
		return -ENAMETOOLONG;
	strcpy(dir, path);
	for (char *slash = strchr(dir + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(dir, 0755) != 0 && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return 0;
}

int ipc_path_lock(const char *path)
{
	char dir[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	int fd;

	if (strlen(path) >= sizeof(dir))
		return -1;
	strcpy(dir, path);
	fd = open(dirname(dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (unsigned ms = 0; fd >= 0 && ms < LOCK_WAIT_MS; ms++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return fd;
		usleep(1000);
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

void ipc_path_unlock(int lock)
{
	if (lock >= 0)
		close(lock);
}

static int connect_error(const struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int error = 0;

	if (fd < 0)
		return errno;
	if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) != 0)
		error = errno;
	close(fd);
	return error;
}

int ipc_path_claim(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct stat st;
	int error;

	if (path[0] == '\0')
		return -ENOENT;
	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	strcpy(addr.sun_path, path);
	if (lstat(path, &st) != 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	error = connect_error(&addr);
	// EAGAIN: its backlog is full, so somebody is there.
	if (error == 0 || error == EAGAIN)
		return -EADDRINUSE;
	// It has removed its socket between the two looks at it.
	if (error == ENOENT)
		return 0;
	if (error != ECONNREFUSED)
		return -error;
	return unlink(path) == 0 || errno == ENOENT ? 0 : -errno;
}
