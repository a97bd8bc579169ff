// A real redis-server of a test's own, on a unix socket in a directory of its own, and on a TCP
// port of 127.0.0.1 that was free.
#pragma once

#include <stdint.h>

// The socket's path. NULL, with a word on stderr, when it can't be started.
const char *store_redis_start(void);
void store_redis_stop(void);

uint16_t store_redis_port(void);
// A port that nobody listens on now.
uint16_t store_redis_free_port(void);
