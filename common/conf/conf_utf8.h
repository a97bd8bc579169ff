// UTF-8, strictly (RFC 3629): no overlong forms, no surrogates.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/slice.h"

// The first character of `s` (not empty): its length in bytes, or 0 when it is not UTF-8.
size_t utf8_next(struct slice s, uint32_t *code);

// Whether all of it can stand in quoted YAML as it is, on one line: no control characters, no line
// separators, no byte order mark.
bool utf8_printable(struct slice s);
