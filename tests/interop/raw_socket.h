// A packet socket on one network interface: whole Ethernet frames in and out, none of them the
// host's own. See packet(7).
#pragma once

#include "common/base/compiler.h"

// Non-blocking. A negative errno when it can't.
int raw_socket_open(const char *interface) MUST_CHECK;

// Runs this process ahead of ordinary ones and lets it wake up to the microsecond, where that is
// allowed: what it measures or delays depends less on its neighbours then.
void raw_socket_realtime(void);
