// "Did you mean": how far one name is from another.
#pragma once

#include <stdbool.h>

// The number of letters to insert, delete, change or swap with their neighbour to make `a` out of
// `b` (optimal string alignment distance). Names beyond 63 bytes are infinitely far.
unsigned conf_distance(const char *a, const char *b);

// Whether `b` is so near that a person may have meant it.
bool conf_is_near(const char *a, const char *b);
