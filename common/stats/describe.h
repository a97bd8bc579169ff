// What -D/--describe-stats prints: every counter, drop reason and histogram with its meaning.
#pragma once

#include <stdio.h>

void stats_describe(FILE *out);
