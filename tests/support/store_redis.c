#include "tests/support/store_redis.h"

#include <arpa/inet.h>
#include <netinet/in.h>
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
static uint16_t port;

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

uint16_t store_redis_free_port(void)
{
	struct sockaddr_in addr = {.sin_family = AF_INET};
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0 ||
		getsockname(fd, (struct sockaddr *)&addr, &len) != 0)
		abort();
	close(fd);
	return ntohs(addr.sin_port);
}

uint16_t store_redis_port(void)
{
	return port;
}

const char *store_redis_start(void)
{
	char port_text[8];

	port = store_redis_free_port();
	snprintf(port_text, sizeof(port_text), "%u", port);
	snprintf(dir, sizeof(dir), "/tmp/dyn-session-test.XXXXXX");
	if (!mkdtemp(dir))
		return NULL;
	snprintf(path, sizeof(path), "%s/redis.sock", dir);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execlp("redis-server", "redis-server", "--port", port_text, "--bind", "127.0.0.1",
			"--unixsocket", path, "--save", "", "--appendonly", "no", "--dir", dir,
			"--logfile", "/dev/null", (char *)NULL);
		_exit(127);
	}
	for (int ms = 0; ms < START_MS; ms += 20) {
		if (answers())
			return path;
		usleep(20000);
	}
	fprintf(stderr, "redis-server does not run; install it with scripts/deps\n");
	store_redis_stop();
	return NULL;
}

void store_redis_stop(void)
{
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		pid = 0;
	}
	unlink(path);
	rmdir(dir);
}
