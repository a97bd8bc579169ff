// The arguments of a request that is known to be well formed and lies in one piece.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/slice.h"

struct args {
	struct slice rest;
	uint32_t left; // arguments
};

struct args args_make(struct slice request);
// False when there is no other.
bool args_next(struct args *args, struct slice *out);
