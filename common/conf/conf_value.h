// One value of a key: text to member and back, by the type of its row. Private to common/conf.
#pragma once

#include <stdint.h>

#include "common/base/compiler.h"
#include "common/conf/conf_arena.h"
#include "common/conf/conf_row.h"

#define CONF_VALUE_MAX 4095 // bytes of one value

// Longer than any value's text, as conf_value_text makes it.
#define CONF_VALUE_TEXT_MAX 8192

// What a value is read from, and where it goes.
struct conf_value {
	struct conf_arena *arena;
	const struct conf_row *row;
	char *text;    // NUL-terminated, in the arena; may be written to
	void *member;  // of struct conf
	uint32_t line; // of the file; 0: a default, or the command line
};

// A list gets one more item (or several, when the text holds several). NULL when it worked, or what
// is allowed, in words; "" for conf_row_allowed's.
const char *conf_value_parse(const struct conf_value *value) MUST_CHECK;

// How many values a member holds: of a list its items, else 1, or 0 when it is unset.
uint32_t conf_value_count(const struct conf_row *row, const void *member);

// The text of value `i`, which reads back as the same. Returns `buf`.
const char *conf_value_text(
	const struct conf_row *row, const void *member, uint32_t i, char buf[CONF_VALUE_TEXT_MAX]);

// The parsers for what names hosts and addresses (conf_value_net.c).
const char *conf_parse_device(const struct conf_value *value);
const char *conf_parse_addr(const struct conf_value *value);
const char *conf_parse_servers(const struct conf_value *value);
const char *conf_parse_seeds(const struct conf_value *value);
const char *conf_parse_prefixes(const struct conf_value *value);
const char *conf_parse_ips(const struct conf_value *value);

// "at most N ...", for a list of the row that is full.
const char *conf_too_many(const struct conf_value *value, const struct conf_row *row);

// The comma list of `text`, appended. The same for all keys that hold tokens.
const char *conf_parse_token_list(
	const struct conf_value *value, const char *text, struct conf_tokens *tokens);

const void *conf_member(const struct conf *conf, const struct conf_row *row);
