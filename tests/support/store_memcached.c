#include "tests/support/store_memcached.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_MS 10000

static pid_t pid;
static char dir[64];
static char path[96];

static bool answers(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok;

	memcpy(addr.sun_path, path, strlen(path) + 1);
	ok = connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0;
	close(fd);
	return ok;
}

const char *store_memcached_start(void)
{
	snprintf(dir, sizeof(dir), "/tmp/dyn-session-test.XXXXXX");
	if (!mkdtemp(dir))
		return NULL;
	snprintf(path, sizeof(path), "%s/memcached.sock", dir);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		// It refuses to run as root without being told to, and nobody else may say so.
		execlp("memcached", "memcached", "-s", path, "-U", "0", "-t", "1",
			geteuid() == 0 ? "-u" : (char *)NULL, "root", (char *)NULL);
		_exit(127);
	}
	for (int ms = 0; ms < START_MS; ms += 20) {
		if (answers())
			return path;
		usleep(20000);
	}
	fprintf(stderr, "memcached does not run; install it with scripts/deps\n");
	store_memcached_stop();
	return NULL;
}

void store_memcached_stop(void)
{
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		pid = 0;
	}
	unlink(path);
	rmdir(dir);
}
