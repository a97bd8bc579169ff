#include "common/base/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

// Waits in the process that the user started: one byte says that the daemon serves, the end of
// the stream that it died. _exit, since buffers and exit handlers belong to the daemon.
static _Noreturn void wait_for_ready(int fd, pid_t child)
{
	char byte;
	ssize_t n;

	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	do
		n = read(fd, &byte, 1);
	while (n < 0 && errno == EINTR);
	_exit(n == 1 ? 0 : 1);
}

static bool failed(const char *what)
{
	fprintf(stderr, "cannot go into the background: %s: %s\n", what, strerror(errno));
	return false;
}

// The second fork gives up the leadership of the session, so that no terminal can be taken again.
static bool go_background(struct daemon *daemon)
{
	int fds[2];
	pid_t pid;

	fflush(NULL);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return failed("socketpair");
	pid = fork();
	if (pid < 0) {
		close(fds[0]);
		close(fds[1]);
		return failed("fork");
	}
	if (pid > 0) {
		close(fds[1]);
		wait_for_ready(fds[0], pid);
	}
	close(fds[0]);
	(void)setsid();
	pid = fork();
	if (pid < 0) {
		failed("fork");
		_exit(1);
	}
	if (pid > 0)
		_exit(0);
	daemon->ready_fd = fds[1];
	return true;
}

static bool pid_file_failed(struct daemon *daemon, int fd, const char *why)
{
	fprintf(stderr, "pid file %s: %s\n", daemon->pid_file, why);
	if (fd >= 0)
		close(fd);
	return false;
}

// Who holds the lock, for the message.
static long read_pid(int fd)
{
	char buf[32] = "";

	if (pread(fd, buf, sizeof(buf) - 1, 0) <= 0)
		return 0;
	return strtol(buf, NULL, 10);
}

// The file that we locked may have been removed and made anew by another one meanwhile.
static bool is_still_there(int fd, const char *path)
{
	struct stat ours;
	struct stat there;

	return fstat(fd, &ours) == 0 && stat(path, &there) == 0 && ours.st_ino == there.st_ino &&
		ours.st_dev == there.st_dev;
}

static bool pid_file_take(struct daemon *daemon)
{
	char text[32];
	int fd = open(daemon->pid_file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	int len;

	if (fd < 0)
		return pid_file_failed(daemon, fd,
			errno == ENOENT ? "its folder is missing; make it first" : strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		char why[96];

		if (errno != EWOULDBLOCK)
			return pid_file_failed(daemon, fd, strerror(errno));
		snprintf(why, sizeof(why), "process %ld is running with it; stop it first",
			read_pid(fd));
		return pid_file_failed(daemon, fd, why);
	}
	if (!is_still_there(fd, daemon->pid_file))
		return pid_file_failed(daemon, fd, "another process is just stopping; try again");
	len = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)len, 0) != len)
		return pid_file_failed(daemon, fd, strerror(errno));
	daemon->pid_fd = fd;
	return true;
}

bool daemon_start(struct daemon *daemon, bool background, const char *pid_file)
{
	*daemon = (struct daemon){.pid_file = pid_file, .pid_fd = -1, .ready_fd = -1};
	if (background && !go_background(daemon))
		return false;
	// The lock belongs to the open file and would survive a fork; the number in it would not.
	return pid_file == NULL || pid_file_take(daemon);
}

void daemon_ready(struct daemon *daemon)
{
	static const char byte = 1;
	int null;

	if (daemon->ready_fd < 0)
		return;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
			(void)dup2(null, fd);
		if (null > STDERR_FILENO)
			close(null);
	}
	// Nobody may be waiting any more: no reason to die of SIGPIPE.
	(void)send(daemon->ready_fd, &byte, 1, MSG_NOSIGNAL);
	close(daemon->ready_fd);
	daemon->ready_fd = -1;
}

void daemon_stop(struct daemon *daemon)
{
	if (daemon->pid_fd < 0)
		return;
	(void)unlink(daemon->pid_file);
	close(daemon->pid_fd);
	daemon->pid_fd = -1;
}
