// Becoming a daemon, and being the only one.
//
// daemon_start forks twice; the process that the user started waits until the daemon calls
// daemon_ready or dies, and exits with 0 or 1 accordingly, so that its exit status is true. Until
// then standard error is still the user's terminal. The working directory stays: relative paths of
// the configuration, log and pid file keep their meaning.
//
// The pid file is locked (flock) as long as the process lives, so a file left by a crash does no
// harm, and removed by daemon_stop.
#pragma once

#include <stdbool.h>

#include "common/base/compiler.h"

struct daemon {
	const char *pid_file; // the caller's; NULL: none
	int pid_fd;           // -1: none
	int ready_fd;         // -1: nobody waits
};

// Call before any thread is started. `pid_file` may be NULL. False: it said why on standard
// error.
bool daemon_start(struct daemon *daemon, bool background, const char *pid_file) MUST_CHECK;

// The program serves: lets the user's process exit with 0 and gives up the terminal.
void daemon_ready(struct daemon *daemon);

// Removes the pid file. Harmless after a failed daemon_start and when called twice.
void daemon_stop(struct daemon *daemon);
