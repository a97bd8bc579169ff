#include "common/proto/resp_range.h"

#include "common/proto/resp_line.h"

static struct slice piece_of_slice(void *ctx, uint32_t part, uint64_t at)
{
	const struct slice *whole = (const struct slice *)ctx + part;

	if (at >= whole->len)
		return (struct slice){0};
	return slice_make(whole->ptr + at, whole->len - at);
}

struct resp_source resp_source_slices(struct slice *parts)
{
	return (struct resp_source){.piece = piece_of_slice, .ctx = parts};
}

static bool head_of_line(struct slice text, char *type, int64_t *number)
{
	*type = text.len > 0 ? text.ptr[0] : '\0';
	*number = 0;
	switch (*type) {
	case '+':
	case '-':
		return true;
	case ':':
	case '$':
	case '*':
		return resp_number(slice_make(text.ptr + 1, text.len - 1), number);
	default:
		return false;
	}
}

bool resp_source_head(
	const struct resp_source *s, uint32_t part, uint64_t *at, char *type, int64_t *number)
{
	struct resp_line line = {0};

	for (;;) {
		struct slice piece = s->piece(s->ctx, part, *at);
		struct resp_cursor c = {.start = (const uint8_t *)piece.ptr};
		enum resp_line_status status;
		struct slice text;

		if (piece.len == 0)
			return false;
		c.pos = c.start;
		c.end = c.start + piece.len;
		status = resp_line_take(&line, &c, &text);
		*at += resp_cursor_taken(&c);
		if (status == RESP_LINE_WHOLE)
			return head_of_line(text, type, number);
		if (status != RESP_LINE_MORE)
			return false;
	}
}

bool resp_source_has(const struct resp_source *s, uint32_t part, uint64_t at, struct slice bytes)
{
	while (bytes.len > 0) {
		struct slice piece = s->piece(s->ctx, part, at);
		size_t n = piece.len < bytes.len ? piece.len : bytes.len;

		if (n == 0 || memcmp(piece.ptr, bytes.ptr, n) != 0)
			return false;
		at += n;
		bytes = slice_make(bytes.ptr + n, bytes.len - n);
	}
	return true;
}

static bool skip_payload(const struct resp_source *s, uint32_t part, uint64_t *at, int64_t len)
{
	static const struct slice crlf = SLICE_LIT("\r\n");

	if (len < 0)
		return len == -1;
	if (__builtin_add_overflow(*at, (uint64_t)len, at) || *at > UINT64_MAX - crlf.len ||
		!resp_source_has(s, part, *at, crlf))
		return false;
	*at += crlf.len;
	return true;
}

// Arrays within arrays need no stack: all elements that are still to come count alike.
bool resp_source_skip(const struct resp_source *s, uint32_t part, uint64_t *at)
{
	uint64_t left = 1;

	while (left > 0) {
		int64_t number;
		char type;

		if (!resp_source_head(s, part, at, &type, &number))
			return false;
		left--;
		if (type == '$' && !skip_payload(s, part, at, number))
			return false;
		if (type == '*' &&
			(number < -1 ||
				(number > 0 &&
					__builtin_add_overflow(left, (uint64_t)number, &left))))
			return false;
	}
	return true;
}
