#include "tests/support/tcp_bytes.h"

#include <string.h>

// Bytes 8 * i to 8 * i + 7, in the order of memory.
static uint64_t word_at(uint64_t key, uint64_t i)
{
	uint64_t x = (i + key) * UINT64_C(0x9e3779b97f4a7c15);

	x ^= x >> 29;
	x *= UINT64_C(0xbf58476d1ce4e5b9);
	return x ^ (x >> 32);
}

// Bytes up to the end of the word that `at` lies in.
static uint32_t in_word(uint64_t at, uint32_t n)
{
	uint32_t left = 8 - (uint32_t)(at % 8);

	return n < left ? n : left;
}

void tcp_bytes_fill(uint64_t key, uint64_t at, uint8_t *p, uint32_t n)
{
	while (n > 0) {
		uint64_t word = word_at(key, at / 8);
		uint32_t part = in_word(at, n);

		memcpy(p, (const uint8_t *)&word + at % 8, part);
		p += part;
		at += part;
		n -= part;
	}
}

uint64_t tcp_bytes_check(uint64_t key, uint64_t at, const uint8_t *p, uint32_t n)
{
	while (n > 0) {
		uint64_t word = word_at(key, at / 8);
		uint32_t part = in_word(at, n);
		const uint8_t *expected = (const uint8_t *)&word + at % 8;

		if (memcmp(p, expected, part) != 0) {
			while (*p == *expected) {
				p++;
				expected++;
				at++;
			}
			return at;
		}
		p += part;
		at += part;
		n -= part;
	}
	return at;
}
