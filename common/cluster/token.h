// The text of a token, and of a node's list of them, as files, seed providers and peers write it
// (dynomite.md §3.2).
//
// Decimal digits, taken modulo 2^32 up to ten of them, as the original does: a ring cut into equal
// parts may end with 4294967296, which there is 0 and must be the same here. Refused is what the
// original turns into something that nobody means: more digits, a sign, any other character.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/slice.h"

bool token_parse(struct slice text, uint32_t *token) MUST_CHECK;

// A list separated by commas, with spaces around its tokens if need be. How many there are, from 1;
// -EINVAL when one of them is none; -E2BIG when there are more than `max`. What was read until an
// error is in `tokens`.
int token_list_parse(struct slice text, uint32_t *tokens, uint32_t max) MUST_CHECK;
