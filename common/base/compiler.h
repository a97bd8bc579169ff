// Small shorthands over compiler attributes, so that intent reads as a word.
#pragma once

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#define CACHE_LINE 64
#define CACHE_ALIGNED _Alignas(CACHE_LINE)

// The result says whether the work was done; ignoring it is a mistake.
#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
