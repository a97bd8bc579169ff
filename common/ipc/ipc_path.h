// The file of the IPC socket: its directory, and what a killed process left behind.
#pragma once

#include "common/base/compiler.h"

// Makes the directories above `path`, mode 0755. 0 or -errno.
int ipc_path_make_dirs(const char *path) MUST_CHECK;

// Held around claiming and binding the path, and around closing a listener, which looks dead for a
// moment before its socket is removed: without it, who ends could remove what its successor has
// just bound. A lock of the directory, gone with the process. Waits up to a second for others, then
// goes on without. A descriptor for ipc_path_unlock; -1: without.
int ipc_path_lock(const char *path) MUST_CHECK;
void ipc_path_unlock(int lock);

// Frees the path for a listener: removes a socket that nobody listens on. 0, or -EADDRINUSE when
// somebody does, -EEXIST when it is no socket, -ENAMETOOLONG, or another -errno.
int ipc_path_claim(const char *path) MUST_CHECK;
