// Cyclic redundancy checks, by tables for half a byte: a whole one's would cost more of the cache
// than it saves on a short key.
#include "common/cluster/hash_family.h"

// Polynomial 0xedb88320 (0x04c11db7 reflected).
static const uint32_t ieee[16] = {
	0x00000000,
	0x1db71064,
	0x3b6e20c8,
	0x26d930ac,
	0x76dc4190,
	0x6b6b51f4,
	0x4db26158,
	0x5005713c,
	0xedb88320,
	0xf00f9344,
	0xd6d6a3e8,
	0xcb61b38c,
	0x9b64c2b0,
	0x86d3d2d4,
	0xa00ae278,
	0xbdbdf21c,
};

// Polynomial 0x1021; what the upper and the lower half of a byte give. They add up.
static const uint16_t ccitt_upper[16] = {
	0x0000,
	0x1231,
	0x2462,
	0x3653,
	0x48c4,
	0x5af5,
	0x6ca6,
	0x7e97,
	0x9188,
	0x83b9,
	0xb5ea,
	0xa7db,
	0xd94c,
	0xcb7d,
	0xfd2e,
	0xef1f,
};
static const uint16_t ccitt_lower[16] = {
	0x0000,
	0x1021,
	0x2042,
	0x3063,
	0x4084,
	0x50a5,
	0x60c6,
	0x70e7,
	0x8108,
	0x9129,
	0xa14a,
	0xb16b,
	0xc18c,
	0xd1ad,
	0xe1ce,
	0xf1ef,
};

static uint32_t crc_ieee(struct slice key)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < key.len; i++) {
		crc ^= (uint8_t)key.ptr[i];
		crc = crc >> 4 ^ ieee[crc & 15];
		crc = crc >> 4 ^ ieee[crc & 15];
	}
	return ~crc;
}

// A quirk: 15 bits of it, so that all keys lie at the ring's start.
uint32_t hash_crc32(struct slice key)
{
	return crc_ieee(key) >> 16 & 0x7fff;
}

uint32_t hash_crc32a(struct slice key)
{
	return crc_ieee(key);
}

// A quirk: never cut to 16 bits, so that it is a number of 32.
uint32_t hash_crc16(struct slice key)
{
	uint32_t crc = 0;

	for (size_t i = 0; i < key.len; i++) {
		unsigned at = (crc >> 8 ^ (uint8_t)key.ptr[i]) & 0xff;

		crc = crc << 8 ^ ccitt_upper[at >> 4] ^ ccitt_lower[at & 15];
	}
	return crc;
}
