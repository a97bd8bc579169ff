// SipHash-2-4 (Aumasson, Bernstein): a keyed hash for tables that strangers fill and for initial
// sequence numbers. OpenSSL's costs an EVP context and a call through a provider per hash, which a
// packet can't afford.
#pragma once

#include <stddef.h>
#include <stdint.h>

struct siphash_key {
	uint64_t k[2];
};

uint64_t siphash(const struct siphash_key *key, const void *data, size_t len);
