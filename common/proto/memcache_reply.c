#include <string.h>

#include "common/proto/memcache.h"

void memcache_reply_init(struct memcache_reply_parser *p, uint64_t value_max)
{
	*p = (struct memcache_reply_parser){.value_max = value_max, .state = RESP_REPLY_END};
}

static bool begins(struct slice line, struct slice with)
{
	return line.len >= with.len && memcmp(line.ptr, with.ptr, with.len) == 0;
}

bool memcache_is_error(struct slice line)
{
	return begins(line, SLICE_LIT("SERVER_ERROR")) || begins(line, SLICE_LIT("CLIENT_ERROR")) ||
		begins(line, SLICE_LIT("ERROR"));
}

// The next word of the line; empty at its end.
static struct slice next_word(struct slice *rest)
{
	const char *space = rest->len > 0 ? memchr(rest->ptr, ' ', rest->len) : NULL;
	size_t n = space ? (size_t)(space - rest->ptr) : rest->len;
	struct slice word = slice_make(rest->ptr, n);
	size_t step = n + (space != NULL);

	*rest = slice_make(rest->ptr + step, rest->len - step);
	return word;
}

bool memcache_value_line(struct slice line, struct memcache_value *out)
{
	struct slice rest = line;
	uint64_t number;

	if (!slice_eq(next_word(&rest), SLICE_LIT("VALUE")))
		return false;
	out->key = next_word(&rest);
	if (out->key.len == 0 || !slice_to_u64(next_word(&rest), &number) ||
		!slice_to_u64(next_word(&rest), &out->bytes))
		return false;
	if (rest.len == 0) {
		out->before_unique = line;
		return line.ptr[line.len - 1] != ' ';
	}
	out->before_unique = slice_make(line.ptr, (size_t)(rest.ptr - line.ptr) - 1);
	return slice_to_u64(rest, &number);
}

static enum resp_status broken(struct memcache_reply_parser *p)
{
	p->state = RESP_REPLY_BROKEN;
	return RESP_ERROR;
}

static enum resp_status over(struct memcache_reply_parser *p, char type)
{
	p->type = type;
	p->state = RESP_REPLY_END;
	return RESP_DONE;
}

static enum resp_status line_whole(
	struct memcache_reply_parser *p, enum memcache_want want, struct slice line)
{
	bool is_end = slice_eq(line, SLICE_LIT("END"));
	struct memcache_value value;

	if (memcache_is_error(line))
		return over(p, '-');
	if (!is_end && !begins(line, SLICE_LIT("VALUE "))) {
		if (p->type != 0 || want == MEMCACHE_WANT_VALUES || line.len == 0)
			return broken(p);
		return over(p, '+');
	}
	if (want == MEMCACHE_WANT_LINE)
		return broken(p);
	if (is_end)
		return over(p, '*');
	if (!memcache_value_line(line, &value) || value.bytes > p->value_max)
		return broken(p);
	p->type = '*';
	p->payload_left = value.bytes;
	p->crlf_left = 2;
	p->state = RESP_REPLY_PAYLOAD;
	return RESP_MORE;
}

static enum resp_status take_line(struct memcache_reply_parser *p, enum memcache_want want,
	const uint8_t **pos, const uint8_t *end)
{
	const uint8_t *from = *pos;
	const uint8_t *lf = memchr(from, '\n', (size_t)(end - from));
	size_t n = (size_t)((lf ? lf + 1 : end) - from);
	struct slice line = slice_make(from, n);

	if (n > sizeof(p->line) - p->line_len)
		return broken(p);
	*pos += n;
	if (p->line_len > 0 || !lf) {
		memcpy(p->line + p->line_len, from, n);
		p->line_len += (uint32_t)n;
		line = slice_make(p->line, p->line_len);
	}
	if (!lf)
		return RESP_MORE;
	p->line_len = 0;
	if (line.len < 2 || line.ptr[line.len - 2] != '\r')
		return broken(p);
	return line_whole(p, want, slice_make(line.ptr, line.len - 2));
}

static enum resp_status take_data(
	struct memcache_reply_parser *p, const uint8_t **pos, const uint8_t *end)
{
	uint64_t there = (uint64_t)(end - *pos);
	uint64_t n = there < p->payload_left ? there : p->payload_left;

	*pos += n;
	p->payload_left -= n;
	if (p->payload_left > 0)
		return RESP_MORE;
	for (; p->crlf_left > 0 && *pos < end; p->crlf_left--)
		if (*(*pos)++ != (p->crlf_left == 2 ? '\r' : '\n'))
			return broken(p);
	if (p->crlf_left == 0)
		p->state = RESP_REPLY_HEADER;
	return RESP_MORE;
}

static void start(struct memcache_reply_parser *p)
{
	p->at = 0;
	p->payload_left = 0;
	p->type = 0;
	p->crlf_left = 0;
	p->line_len = 0;
	p->state = RESP_REPLY_HEADER;
}

enum resp_status memcache_reply_parse(struct memcache_reply_parser *p, enum memcache_want want,
	const uint8_t *data, size_t len, size_t *consumed)
{
	const uint8_t *pos = data;
	enum resp_status status = RESP_MORE;

	if (p->state == RESP_REPLY_END && len > 0)
		start(p);
	while (status == RESP_MORE && pos < data + len) {
		if (p->state == RESP_REPLY_HEADER)
			status = take_line(p, want, &pos, data + len);
		else if (p->state == RESP_REPLY_PAYLOAD)
			status = take_data(p, &pos, data + len);
		else
			status = RESP_ERROR;
	}
	p->at += (uint64_t)(pos - data);
	*consumed = (size_t)(pos - data);
	return status;
}
