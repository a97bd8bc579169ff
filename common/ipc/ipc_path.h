// The file of the IPC socket: its directory, and what a killed process left behind.
#pragma once

#include "common/base/compiler.h"

// Makes the directories above `path`, mode 0755. 0 or -errno.
int ipc_path_make_dirs(const char *path) MUST_CHECK;

// Frees the path for a listener: removes a socket that nobody listens on. 0, or -EADDRINUSE when
// somebody does, -EEXIST when it is no socket, -ENAMETOOLONG, or another -errno.
int ipc_path_claim(const char *path) MUST_CHECK;
