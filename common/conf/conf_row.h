// The rows of conf.def as data. Private to common/conf.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/conf/conf.h"

enum conf_type {
#define TYPE(id, ...) CONF_TYPE_##id,
#include "common/conf/conf_type.def"
#undef TYPE
	CONF_TYPE_N,
};

struct conf_type_row {
	const char *text; // what a value looks like
	bool is_list;
};

extern const struct conf_type_row conf_types[CONF_TYPE_N];

enum conf_section {
	CONF_SECTION_pool,
	CONF_SECTION_dataplane,
	CONF_SECTION_controlplane,
	CONF_SECTION_N,
};

// Of the pool: the conventional name.
extern const char *const conf_section_names[CONF_SECTION_N];

enum conf_flag {
	CONF_REQUIRED = 1 << 0,
	CONF_ZERO = 1 << 1,
	CONF_INERT = 1 << 2,
	CONF_DEPRECATED = 1 << 3,
	CONF_LATER = 1 << 4,
	CONF_LIVE = 1 << 5,
};

struct conf_limits {
	uint64_t min;
	uint64_t max;
	uint64_t multiple;
	uint64_t unit; // bytes that a plain number counts
	const char *const *choices;
	uint32_t items;
	uint32_t len; // 0: CONF_VALUE_MAX
};

struct conf_row {
	const char *name;
	const char *standard; // the default
	const char *example;
	const char *help;
	struct conf_limits limits;
	size_t offset; // of the member in struct conf
	enum conf_section section;
	enum conf_type type;
	unsigned flags;
};

extern const struct conf_row conf_rows[CONF_KEY_N];

// NULL when the section has no such key.
const struct conf_row *conf_row_find(enum conf_section section, const char *name);

static inline enum conf_key conf_row_key(const struct conf_row *row)
{
	return (enum conf_key)(row - conf_rows);
}

static inline bool conf_row_is_list(const struct conf_row *row)
{
	return conf_types[row->type].is_list;
}

#define CONF_ALLOWED_MAX 256

// What the key takes, in words: "busy or adaptive", "0 to 4094". Returns `buf`.
const char *conf_row_allowed(const struct conf_row *row, char buf[CONF_ALLOWED_MAX]);
