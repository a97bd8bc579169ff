// Streams of pseudo-random bytes whose every byte follows from a key and its position alone, so
// that both ends of a connection can make and check any part of one by themselves.
#pragma once

#include <stdbool.h>
#include <stdint.h>

void tcp_bytes_fill(uint64_t key, uint64_t at, uint8_t *p, uint32_t n);

// The first position in [at, at + n) whose byte is wrong; at + n when all are right.
uint64_t tcp_bytes_check(uint64_t key, uint64_t at, const uint8_t *p, uint32_t n);
