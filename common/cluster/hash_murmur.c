// Austin Appleby's MurmurHash2 and MurmurHash3 (x86, 32 bits).
#include "common/cluster/hash_family.h"

#define M2 UINT32_C(0x5bd1e995)

// MurmurHash2, with a seed that the original makes of the length.
uint32_t hash_murmur(struct slice key)
{
	uint32_t len = (uint32_t)key.len;
	uint32_t h = UINT32_C(0xdeadbeef) * len ^ len;
	const char *p = key.ptr;
	size_t left = key.len;

	for (; left >= 4; left -= 4, p += 4) {
		uint32_t k = hash_load(p, 4) * M2;

		h = h * M2 ^ (k ^ k >> 24) * M2;
	}
	if (left > 0)
		h = (h ^ hash_tail(p, left)) * M2;
	h = (h ^ h >> 13) * M2;
	return h ^ h >> 15;
}

static uint32_t scramble3(uint32_t k)
{
	return hash_rotl(k * UINT32_C(0xcc9e2d51), 15) * UINT32_C(0x1b873593);
}

// MurmurHash3_x86_32 with seed 0. The original takes the word, but leaves the token unset: there is
// no behaviour of its own to be compatible with.
uint32_t hash_murmur3(struct slice key)
{
	const char *p = key.ptr;
	size_t left = key.len;
	uint32_t h = 0;

	for (; left >= 4; left -= 4, p += 4)
		h = hash_rotl(h ^ scramble3(hash_load(p, 4)), 13) * 5 + UINT32_C(0xe6546b64);
	if (left > 0)
		h ^= scramble3(hash_tail(p, left));
	h ^= (uint32_t)key.len;
	h = (h ^ h >> 16) * UINT32_C(0x85ebca6b);
	h = (h ^ h >> 13) * UINT32_C(0xc2b2ae35);
	return h ^ h >> 16;
}
