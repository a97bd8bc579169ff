// A real redis-server of a test's own, on a unix socket in a directory of its own.
#pragma once

#include <stdbool.h>

// The socket's path. NULL, with a word on stderr, when it can't be started.
const char *store_redis_start(void);
void store_redis_stop(void);
