#include "common/proto/resp_line.h"

#include <string.h>

bool resp_number(struct slice s, int64_t *out)
{
	bool negative = s.len > 0 && s.ptr[0] == '-';
	struct slice digits = {.ptr = s.ptr + negative, .len = s.len - negative};
	uint64_t v;

	if (!slice_to_u64(digits, &v))
		return false;
	if (digits.ptr[0] == '0' && (digits.len > 1 || negative))
		return false;
	if (v > (uint64_t)INT64_MAX + negative)
		return false;
	*out = negative ? (int64_t)(0 - v) : (int64_t)v;
	return true;
}

static void line_keep(struct resp_line *line, const uint8_t *bytes, size_t n)
{
	if (line->len < RESP_DIGITS_MAX) {
		size_t room = RESP_DIGITS_MAX - line->len;

		memcpy(line->text + line->len, bytes, n < room ? n : room);
	}
	line->len += (uint32_t)n;
}

// The carriage return is taken, or was in an earlier chunk.
static enum resp_line_status line_end(
	struct resp_line *line, struct resp_cursor *c, struct slice *text)
{
	if (c->pos == c->end)
		return RESP_LINE_MORE;
	if (*c->pos != '\n')
		return RESP_LINE_BAD;
	c->pos++;
	line->cr = false;
	if (text->ptr == NULL)
		*text = slice_make(
			line->text, line->len < RESP_DIGITS_MAX ? line->len : RESP_DIGITS_MAX);
	line->len = 0;
	return RESP_LINE_WHOLE;
}

enum resp_line_status resp_line_take(
	struct resp_line *line, struct resp_cursor *c, struct slice *text)
{
	const uint8_t *from = c->pos;
	const uint8_t *cr;
	size_t n;

	*text = (struct slice){0};
	if (line->cr)
		return line_end(line, c, text);

	cr = memchr(from, '\r', resp_cursor_left(c));
	n = (size_t)((cr ? cr : c->end) - from);
	if (n > RESP_LINE_MAX - line->len)
		return RESP_LINE_LONG;
	if (cr && line->len == 0 && cr + 1 < c->end)
		*text = slice_make(from, n);
	else
		line_keep(line, from, n);
	c->pos = cr ? cr + 1 : c->end;
	line->cr = cr != NULL;
	return cr ? line_end(line, c, text) : RESP_LINE_MORE;
}

int resp_crlf_take(struct resp_cursor *c, int left)
{
	while (left > 0 && c->pos < c->end) {
		if (*c->pos != (left == 2 ? '\r' : '\n'))
			return -1;
		c->pos++;
		left--;
	}
	return left;
}
