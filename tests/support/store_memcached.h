// A real memcached of a test's own, on a unix socket in a directory of its own.
#pragma once

// The socket's path. NULL, with a word on stderr, when it can't be started.
const char *store_memcached_start(void);
void store_memcached_stop(void);
