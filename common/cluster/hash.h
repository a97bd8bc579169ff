// How a key becomes a point of the ring: the hashes that the original offers, bit for bit as it
// computes them, so that both find the same owner of a key (dynomite.md §3.1).
#pragma once

#include <stdint.h>

// One row per hash: the set's name in the configuration, the kind, its word in the file.
#define HASH_LIST(X)                            \
	X(HASH, ONE_AT_A_TIME, "one_at_a_time") \
	X(HASH, MD5, "md5")                     \
	X(HASH, CRC16, "crc16")                 \
	X(HASH, CRC32, "crc32")                 \
	X(HASH, CRC32A, "crc32a")               \
	X(HASH, FNV1_64, "fnv1_64")             \
	X(HASH, FNV1A_64, "fnv1a_64")           \
	X(HASH, FNV1_32, "fnv1_32")             \
	X(HASH, FNV1A_32, "fnv1a_32")           \
	X(HASH, HSIEH, "hsieh")                 \
	X(HASH, MURMUR, "murmur")               \
	X(HASH, JENKINS, "jenkins")             \
	X(HASH, MURMUR3, "murmur3")

enum hash_kind {
#define HASH_ENUM(set, id, ...) HASH_##id,
	HASH_LIST(HASH_ENUM)
#undef HASH_ENUM
		HASH_N,
};
