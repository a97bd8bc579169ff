// The kernel's end of a port's link, for tests in a network namespace of their own.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/compiler.h"

// Moves this process into a new network namespace, which is gone with it. False, and said on
// stdout, without the right to.
bool kernel_end_alone(void) MUST_CHECK;

// Runs a shell command; 0 when it succeeds. A failure is said on stderr.
int kernel_end_run(const char *command) MUST_CHECK;

// A socket for whole frames of one EtherType on an interface. Non-blocking; negative on error.
int kernel_end_open(const char *interface, uint16_t type) MUST_CHECK;
