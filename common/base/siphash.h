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

// The same of 12 bytes that are in registers: of `low` in the order of this machine, then of
// `high`.
uint64_t siphash12(const struct siphash_key *key, uint64_t low, uint32_t high);

// The variant with 128 bits, of bytes that come in pieces.
struct siphash_stream {
	uint64_t v[4];
	uint64_t tail; // the last len % 8 bytes
	uint64_t len;
};

void siphash_stream_start(struct siphash_stream *s, const struct siphash_key *key);
void siphash_stream_feed(struct siphash_stream *s, const void *data, size_t len);
// Of all bytes so far; more may follow.
void siphash_stream_get(const struct siphash_stream *s, uint64_t out[2]);
