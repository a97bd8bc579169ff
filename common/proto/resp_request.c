#include "common/proto/resp.h"

#include <stdio.h>
#include <string.h>

#include "common/proto/resp_line.h"

enum {
	CRLF_LEN = 2,
	// As many digits as cannot overflow; more are left to the careful path.
	FAST_DIGITS = 10,
};

static void request_begin(struct resp_request_parser *p)
{
	p->at = 0;
	p->payload_left = 0;
	p->argc = 0;
	p->args_seen = 0;
	p->is_inline = false;
	p->blank = true;
	p->line = (struct resp_line){0};
	p->state = RESP_REQUEST_START;
}

void resp_request_init(struct resp_request_parser *p, uint64_t bulk_max)
{
	*p = (struct resp_request_parser){.bulk_max = bulk_max};
	request_begin(p);
}

static enum resp_status request_broken(struct resp_request_parser *p, const char *why)
{
	snprintf(p->error, sizeof(p->error), "Protocol error: %s", why);
	p->state = RESP_REQUEST_BROKEN;
	return RESP_ERROR;
}

static enum resp_status request_not_bulk(struct resp_request_parser *p, struct slice header)
{
	char got = header.len > 0 ? header.ptr[0] : ' ';
	char why[] = "expected '$', got '?'";

	// It is echoed inside a line of ours.
	why[sizeof(why) - 3] = got == '\n' || got == '\0' ? ' ' : got;
	return request_broken(p, why);
}

static enum resp_status request_ended(struct resp_request_parser *p, enum resp_status status)
{
	p->state = RESP_REQUEST_END;
	return status;
}

static enum resp_status take_count(struct resp_request_parser *p, struct resp_cursor *c)
{
	struct slice text;
	int64_t count;

	switch (resp_line_take(&p->line, c, &text)) {
	case RESP_LINE_MORE:
		return RESP_MORE;
	case RESP_LINE_LONG:
		return request_broken(p, "too big mbulk count string");
	case RESP_LINE_BAD:
		return request_broken(p, "invalid multibulk length");
	case RESP_LINE_WHOLE:
		break;
	}
	text = slice_make(text.ptr + 1, text.len - 1);
	if (!resp_number(text, &count) || count > INT32_MAX)
		return request_broken(p, "invalid multibulk length");
	if (count <= 0)
		return request_ended(p, RESP_EMPTY);
	p->argc = (uint32_t)count;
	p->state = RESP_REQUEST_HEADER;
	return RESP_MORE;
}

// A header that lies whole in the chunk and has nothing odd about it. False with nothing taken
// otherwise, also for all errors.
static bool header_fast(struct resp_cursor *c, uint64_t *len)
{
	const uint8_t *s = c->pos;
	uint64_t v = 0;

	if (*s++ != '$')
		return false;
	for (unsigned i = 0; i < FAST_DIGITS && s < c->end; i++, s++) {
		unsigned digit = *s - (unsigned)'0';

		if (digit > 9)
			break;
		v = v * 10 + digit;
	}
	// Nothing or a zero in front: is the number spelt as it may be?
	if (s == c->pos + 1 || (c->pos[1] == '0' && s != c->pos + 2))
		return false;
	if (c->end - s < CRLF_LEN || s[0] != '\r' || s[1] != '\n')
		return false;
	c->pos = s + CRLF_LEN;
	*len = v;
	return true;
}

static enum resp_status header_careful(
	struct resp_request_parser *p, struct resp_cursor *c, uint64_t *len)
{
	struct slice text;
	int64_t v;

	switch (resp_line_take(&p->line, c, &text)) {
	case RESP_LINE_MORE:
		return RESP_MORE;
	case RESP_LINE_LONG:
		return request_broken(p, "too big bulk count string");
	case RESP_LINE_BAD:
		return request_broken(p, "invalid bulk length");
	case RESP_LINE_WHOLE:
		break;
	}
	if (text.len == 0 || text.ptr[0] != '$')
		return request_not_bulk(p, text);
	if (!resp_number(slice_make(text.ptr + 1, text.len - 1), &v) || v < 0)
		return request_broken(p, "invalid bulk length");
	*len = (uint64_t)v;
	return RESP_DONE;
}

static void arg_begin(struct resp_request_parser *p, const struct resp_cursor *c, uint64_t len)
{
	if (p->args_seen < RESP_ARGS_MAX)
		p->args[p->args_seen] =
			(struct resp_arg){.at = p->at + resp_cursor_taken(c), .len = len};
	p->args_seen++;
	p->payload_left = len;
	p->crlf_left = CRLF_LEN;
	p->state = RESP_REQUEST_PAYLOAD;
}

static enum resp_status take_header(struct resp_request_parser *p, struct resp_cursor *c)
{
	uint64_t len;

	if (p->line.len > 0 || p->line.cr || !header_fast(c, &len)) {
		enum resp_status status = header_careful(p, c, &len);

		if (status != RESP_DONE)
			return status;
	}
	if (len > p->bulk_max)
		return request_broken(p, "invalid bulk length");
	arg_begin(p, c, len);
	return RESP_MORE;
}

static enum resp_status take_payload(struct resp_request_parser *p, struct resp_cursor *c)
{
	size_t left = resp_cursor_left(c);
	size_t step = p->payload_left < left ? (size_t)p->payload_left : left;
	int crlf_left;

	c->pos += step;
	p->payload_left -= step;
	if (p->payload_left > 0)
		return RESP_MORE;
	crlf_left = resp_crlf_take(c, p->crlf_left);
	if (crlf_left < 0)
		return request_broken(p, "expected CRLF behind a bulk string");
	p->crlf_left = (uint8_t)crlf_left;
	if (crlf_left > 0)
		return RESP_MORE;
	if (p->args_seen == p->argc)
		return request_ended(p, RESP_DONE);
	p->state = RESP_REQUEST_HEADER;
	return RESP_MORE;
}

static enum resp_status take_inline(struct resp_request_parser *p, struct resp_cursor *c)
{
	const uint8_t *lf = memchr(c->pos, '\n', resp_cursor_left(c));
	size_t n = (size_t)((lf ? lf : c->end) - c->pos);

	if (n > RESP_LINE_MAX - p->line.len)
		return request_broken(p, "too big inline request");
	for (size_t i = 0; i < n && p->blank; i++)
		p->blank = resp_is_space((char)c->pos[i]);
	p->line.len += (uint32_t)n;
	c->pos = lf ? lf + 1 : c->end;
	if (!lf)
		return RESP_MORE;
	return request_ended(p, p->blank ? RESP_EMPTY : RESP_DONE);
}

static enum resp_status request_step(struct resp_request_parser *p, struct resp_cursor *c)
{
	switch (p->state) {
	case RESP_REQUEST_START:
		p->is_inline = *c->pos != '*';
		p->state = p->is_inline ? RESP_REQUEST_INLINE : RESP_REQUEST_COUNT;
		return RESP_MORE;
	case RESP_REQUEST_COUNT:
		return take_count(p, c);
	case RESP_REQUEST_HEADER:
		return take_header(p, c);
	case RESP_REQUEST_PAYLOAD:
		return take_payload(p, c);
	case RESP_REQUEST_INLINE:
		return take_inline(p, c);
	case RESP_REQUEST_END:
	case RESP_REQUEST_BROKEN:
		break;
	}
	return RESP_ERROR;
}

enum resp_status resp_request_parse(
	struct resp_request_parser *p, const uint8_t *data, size_t len, size_t *consumed)
{
	struct resp_cursor c = {.start = data, .pos = data, .end = data + len};
	enum resp_status status = RESP_MORE;

	if (p->state == RESP_REQUEST_END && len > 0)
		request_begin(p);
	else if (p->state == RESP_REQUEST_BROKEN)
		status = RESP_ERROR;
	while (status == RESP_MORE && c.pos < c.end)
		status = request_step(p, &c);
	*consumed = resp_cursor_taken(&c);
	p->at += *consumed;
	return status;
}
