// How a key becomes a point of the ring: the hashes that the original offers, bit for bit as it
// computes them, so that both find the same owner of a key (dynomite.md §3.1). Quirks of the
// original are kept where keys of running clusters lie by them, and named at the function that has
// them.
//
// Pure: no state, no allocation, no error; any bytes of any length are a key. Values go over IPC,
// so that a new hash goes to the end.
#pragma once

#include <stdint.h>

#include "common/base/slice.h"

// One row per hash: the set's name in the configuration, the kind, the file's word, who does it.
#define HASH_LIST(X)                                                \
	X(HASH, ONE_AT_A_TIME, "one_at_a_time", hash_one_at_a_time) \
	X(HASH, MD5, "md5", hash_md5)                               \
	X(HASH, CRC16, "crc16", hash_crc16)                         \
	X(HASH, CRC32, "crc32", hash_crc32)                         \
	X(HASH, CRC32A, "crc32a", hash_crc32a)                      \
	X(HASH, FNV1_64, "fnv1_64", hash_fnv1_64)                   \
	X(HASH, FNV1A_64, "fnv1a_64", hash_fnv1a_64)                \
	X(HASH, FNV1_32, "fnv1_32", hash_fnv1_32)                   \
	X(HASH, FNV1A_32, "fnv1a_32", hash_fnv1a_32)                \
	X(HASH, HSIEH, "hsieh", hash_hsieh)                         \
	X(HASH, MURMUR, "murmur", hash_murmur)                      \
	X(HASH, JENKINS, "jenkins", hash_jenkins)                   \
	X(HASH, MURMUR3, "murmur3", hash_murmur3)

enum hash_kind {
#define HASH_ENUM(set, id, ...) HASH_##id,
	HASH_LIST(HASH_ENUM)
#undef HASH_ENUM
		HASH_N,
};

// `kind` below HASH_N.
uint32_t hash_key(enum hash_kind kind, struct slice key);

// The part of `key` that is hashed: what is between the first tag[0] and the first tag[1] behind it
// when the key has both (it may be empty), else the whole key. A `tag` of two 0 is none.
struct slice hash_tagged(struct slice key, const char tag[2]);
