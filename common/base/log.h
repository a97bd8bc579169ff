// The log of both processes. Levels carry the original's numbers (dynomite.md §1.3), so that
// `-v N` and SIGTTIN/SIGTTOU mean what they meant there.
//
// Never called on a worker core: a log line is a system call. Lines are whole (one write each)
// and may come from any other thread.
#pragma once

#include <stdbool.h>

#include "common/base/compiler.h"

enum log_level {
	LOG_EMERG = 0,
	LOG_ALERT = 1,
	LOG_CRIT = 2,
	LOG_ERR = 3,
	LOG_WARN = 4,
	LOG_NOTICE = 5,
	LOG_INFO = 6,
	LOG_DEBUG = 7,
	LOG_VERB = 8,
	LOG_VVERB = 9,
	LOG_VVVERB = 10,
	LOG_PVERB = 11,
};

#define LOG_LEVEL_MAX LOG_PVERB

// `path` NULL is stderr. Returns 0, or -errno when the file can't be opened for appending; the
// former output then stays.
int log_open(const char *path) MUST_CHECK;

// Opens the same file again, for log rotation (SIGHUP). Does nothing for stderr.
void log_reopen(void);

// Clamped to 0..LOG_LEVEL_MAX.
void log_set_level(int level);
int log_get_level(void);

static inline bool log_enabled(enum log_level level)
{
	return (int)level <= log_get_level();
}

void log_write(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);

#define log_at(level, ...)                             \
	do {                                           \
		if (log_enabled(level))                \
			log_write(level, __VA_ARGS__); \
	} while (0)

#define log_err(...) log_at(LOG_ERR, __VA_ARGS__)
#define log_warn(...) log_at(LOG_WARN, __VA_ARGS__)
#define log_notice(...) log_at(LOG_NOTICE, __VA_ARGS__)
#define log_info(...) log_at(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_DEBUG, __VA_ARGS__)
