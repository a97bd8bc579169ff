// What must hold between any two calls, for tests: no connection waits without a timer, every byte
// is accounted for, the records of segments in flight are whole. Walks all connections.
#pragma once

struct tcp;

// NULL, or what does not hold.
const char *tcp_check(const struct tcp *tcp);
