#include "common/conf/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/conf/conf_arena.h"
#include "common/conf/conf_check.h"
#include "common/conf/conf_fill.h"
#include "common/conf/conf_utf8.h"

// What libyaml would say in other words and without a line.
static bool check_encoding(struct slice bytes, struct conf_report *report)
{
	uint32_t line = 1;
	uint32_t code;

	for (size_t at = 0; at < bytes.len;) {
		size_t len = utf8_next(slice_make(bytes.ptr + at, bytes.len - at), &code);

		if (len == 0 || code == 0) {
			conf_report_add(report, CONF_ERROR, line, NULL,
				len == 0 ? "is not UTF-8 text; is it the right file?"
					 : "has a NUL byte; is it the right file?");
			return false;
		}
		line += code == '\n';
		at += len;
	}
	return true;
}

struct conf *conf_load_bytes(const char *name, const void *bytes, size_t len, enum conf_role role,
	struct conf_report *report)
{
	struct slice text = slice_make(bytes, len);
	struct conf_arena *arena = conf_arena_new();
	struct conf *conf = conf_arena_alloc(arena, sizeof(*conf));
	uint32_t before = report->errors;

	conf->arena = arena;
	conf->file = conf_arena_copy(arena, slice_str(name));
	conf->pool_name = CONF_POOL_NAME;
	report->file = name;
	if (text.len >= 3 && memcmp(text.ptr, "\xef\xbb\xbf", 3) == 0)
		text = slice_make(text.ptr + 3, text.len - 3);
	if (text.len > CONF_FILE_MAX) {
		conf_report_add(
			report, CONF_ERROR, 0, NULL, "is longer than 16 MB; is it the right file?");
	} else if (check_encoding(text, report) && conf_fill(conf, text, report)) {
		if (conf->dataplane.cores.n > 0 && conf->line[CONF_dataplane_workers] == 0)
			conf->dataplane.workers = conf->dataplane.cores.n;
		conf_check(conf, role, report);
	}
	conf_report_sort(report);
	if (report->errors == before)
		return conf;
	conf_free(conf);
	return NULL;
}

void conf_free(struct conf *conf)
{
	if (conf != NULL)
		conf_arena_free(conf->arena);
}

static const char *open_advice(int err)
{
	if (err == ENOENT)
		return "; name the file with -c FILE, or begin with a copy of conf/dynomite.yml";
	if (err == EACCES)
		return "; make it readable for the user that runs this";
	return "";
}

// Reads all of it, also from a pipe. Returns the length, or -errno.
static ssize_t read_all(int fd, char *buf, size_t max)
{
	size_t len = 0;

	while (len < max) {
		ssize_t n = read(fd, buf + len, max - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

struct conf *conf_load(const char *path, enum conf_role role, struct conf_report *report)
{
	// One byte more than allowed shows that there is too much.
	char *buf = malloc(CONF_FILE_MAX + 4);
	int fd = buf != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	int err = errno;
	struct conf *conf = NULL;
	ssize_t len;

	report->file = path;
	if (fd < 0) {
		conf_report_add(report, CONF_ERROR, 0, NULL, "can't be opened: %s%s", strerror(err),
			open_advice(err));
	} else {
		len = read_all(fd, buf, CONF_FILE_MAX + 4);
		if (len < 0)
			conf_report_add(report, CONF_ERROR, 0, NULL, "can't be read: %s%s",
				strerror((int)-len), len == -EISDIR ? "; name a file in it" : "");
		else
			conf = conf_load_bytes(path, buf, (size_t)len, role, report);
		close(fd);
	}
	free(buf);
	return conf;
}
