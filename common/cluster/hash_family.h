// The single hashes and what they share. Only hash.c calls them: everybody else says
// hash_key. Private to common/cluster.
#pragma once

#include <string.h>

#include "common/cluster/hash.h"

#define HASH_DECLARE(set, id, text, function) uint32_t function(struct slice key);
HASH_LIST(HASH_DECLARE)
#undef HASH_DECLARE

static inline uint32_t hash_rotl(uint32_t x, int n)
{
	return x << n | x >> (32 - n);
}

// `n` bytes, at most 4, as a little-endian number.
static inline uint32_t hash_load(const char *p, size_t n)
{
	uint32_t v = 0;

	memcpy(&v, p, n);
	return v;
}

// The same for 1 to 3 bytes, without a branch: some are taken twice.
static inline uint32_t hash_tail(const char *p, size_t n)
{
	uint32_t v = (uint8_t)p[0];

	v |= (uint32_t)(uint8_t)p[n / 2] << 8 * (n / 2);
	return v | (uint32_t)(uint8_t)p[n - 1] << 8 * (n - 1);
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "hash_load reads little-endian words");
