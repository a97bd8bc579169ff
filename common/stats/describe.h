// What -D/--describe-stats prints: every counter, drop reason and histogram, what is told of a
// connection, and every event of the trace, with its meaning.
#pragma once

#include <stdio.h>

void stats_describe(FILE *out);
