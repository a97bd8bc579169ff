// Sizes as people write them: a number and B, KB, MB, GB or TB, in steps of 1024.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/slice.h"

#define CONF_SIZE_TEXT_MAX 32

// A number without a suffix counts `unit` bytes. False when it is no size or does not fit.
bool conf_size_parse(struct slice text, uint64_t unit, uint64_t *bytes);

// With the largest suffix that divides it, from MB up; else in bytes, so that conf_size_parse with
// the same unit gives `bytes` again. Returns `buf`.
const char *conf_size_format(uint64_t bytes, uint64_t plain_unit, char buf[CONF_SIZE_TEXT_MAX]);
