// The lines that RESP is made of, for its parsers only: numbers, and a line cut by chunks.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/slice.h"
#include "common/proto/resp.h"

// Where a parser stands in the chunk it was given.
struct resp_cursor {
	const uint8_t *start;
	const uint8_t *pos;
	const uint8_t *end;
};

static inline size_t resp_cursor_left(const struct resp_cursor *c)
{
	return (size_t)(c->end - c->pos);
}

static inline size_t resp_cursor_taken(const struct resp_cursor *c)
{
	return (size_t)(c->pos - c->start);
}

// A decimal number in its one and only spelling: no plus, no leading zero, no minus zero.
bool resp_number(struct slice s, int64_t *out);

enum resp_line_status {
	RESP_LINE_MORE,
	RESP_LINE_WHOLE,
	RESP_LINE_BAD,  // a carriage return with no line feed behind it
	RESP_LINE_LONG, // more than RESP_LINE_MAX bytes
};

// Takes bytes up to and with CRLF, and then gives the line without it, good until the next call.
// A line that came in pieces is given cut to RESP_DIGITS_MAX, enough for any number that fits.
enum resp_line_status resp_line_take(
	struct resp_line *line, struct resp_cursor *c, struct slice *text);

// Takes CRLF, of which `left` bytes (2 or 1) are to come; the count still to come, or -1 if
// anything else is there.
int resp_crlf_take(struct resp_cursor *c, int left);
