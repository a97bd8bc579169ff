#include "common/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *const level_name[] = {"EMERG", "ALERT", "CRIT", "ERROR", "WARN", "NOTICE",
	"INFO", "DEBUG", "VERB", "VVERB", "VVVERB", "PVERB"};

static struct {
	_Atomic int level;
	_Atomic int fd;
	char path[4096];
} out = {.level = LOG_NOTICE, .fd = STDERR_FILENO};

static int open_for_append(const char *path)
{
	return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
}

int log_open(const char *path)
{
	int fd;

	if (path == NULL) {
		atomic_store(&out.fd, STDERR_FILENO);
		out.path[0] = '\0';
		return 0;
	}
	if (strlen(path) >= sizeof(out.path))
		return -ENAMETOOLONG;
	fd = open_for_append(path);
	if (fd < 0)
		return -errno;
	strcpy(out.path, path);
	atomic_store(&out.fd, fd);
	return 0;
}

void log_reopen(void)
{
	int fd;

	if (out.path[0] == '\0')
		return;
	fd = open_for_append(out.path);
	if (fd < 0) {
		log_err("log: cannot reopen %s: %s; writing on to the old file", out.path,
			strerror(errno));
		return;
	}
	// dup3 puts the new file behind the number that other threads may be writing to just now.
	(void)dup3(fd, atomic_load(&out.fd), O_CLOEXEC);
	close(fd);
}

void log_set_level(int level)
{
	if (level < 0)
		level = 0;
	if (level > LOG_LEVEL_MAX)
		level = LOG_LEVEL_MAX;
	atomic_store_explicit(&out.level, level, memory_order_relaxed);
}

int log_get_level(void)
{
	return atomic_load_explicit(&out.level, memory_order_relaxed);
}

void log_write(enum log_level level, const char *fmt, ...)
{
	char line[2048];
	struct timespec ts;
	struct tm tm;
	size_t len;
	int n;
	va_list ap;

	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	len = strftime(line, sizeof(line), "%Y-%m-%dT%H:%M:%S", &tm);
	n = snprintf(line + len, sizeof(line) - len, ".%03ldZ %s ", ts.tv_nsec / 1000000,
		level_name[level]);
	len += (size_t)n;
	va_start(ap, fmt);
	n = vsnprintf(line + len, sizeof(line) - len, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	len += (size_t)n;
	if (len > sizeof(line) - 1)
		len = sizeof(line) - 1;
	line[len++] = '\n';
	if (write(atomic_load(&out.fd), line, len) < 0)
		return; // nowhere left to report it
}
