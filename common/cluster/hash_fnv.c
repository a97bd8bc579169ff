// Fowler, Noll and Vo's hashes. Of those of 64 bits the lower half is taken, and that needs no more
// than the lower halves of their constants, since products carry upwards only.
#include "common/cluster/hash_family.h"

#define OFFSET_32 UINT32_C(0x811c9dc5)
#define PRIME_32 UINT32_C(0x01000193)
#define OFFSET_64_LOW UINT32_C(0x84222325)
#define PRIME_64_LOW UINT32_C(0x000001b3)

static uint32_t fnv1(struct slice key, uint32_t offset, uint32_t prime)
{
	uint32_t h = offset;

	for (size_t i = 0; i < key.len; i++)
		h = h * prime ^ (uint8_t)key.ptr[i];
	return h;
}

static uint32_t fnv1a(struct slice key, uint32_t offset, uint32_t prime)
{
	uint32_t h = offset;

	for (size_t i = 0; i < key.len; i++)
		h = (h ^ (uint8_t)key.ptr[i]) * prime;
	return h;
}

uint32_t hash_fnv1_32(struct slice key)
{
	return fnv1(key, OFFSET_32, PRIME_32);
}

uint32_t hash_fnv1a_32(struct slice key)
{
	return fnv1a(key, OFFSET_32, PRIME_32);
}

uint32_t hash_fnv1_64(struct slice key)
{
	return fnv1(key, OFFSET_64_LOW, PRIME_64_LOW);
}

uint32_t hash_fnv1a_64(struct slice key)
{
	return fnv1a(key, OFFSET_64_LOW, PRIME_64_LOW);
}
