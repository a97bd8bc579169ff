#include "common/proto/resp.h"

#include "common/proto/resp_line.h"

enum { CRLF_LEN = 2 };

void resp_reply_init(struct resp_reply_parser *p, uint64_t bulk_max)
{
	*p = (struct resp_reply_parser){.bulk_max = bulk_max};
}

static void reply_begin(struct resp_reply_parser *p)
{
	p->at = 0;
	p->type = 0;
	p->state = RESP_REPLY_HEADER;
}

static enum resp_status reply_broken(struct resp_reply_parser *p)
{
	p->state = RESP_REPLY_BROKEN;
	return RESP_ERROR;
}

static enum resp_status element_ended(struct resp_reply_parser *p)
{
	while (p->depth > 0 && --p->left[p->depth - 1] == 0)
		p->depth--;
	p->state = p->depth > 0 ? RESP_REPLY_HEADER : RESP_REPLY_END;
	return p->depth > 0 ? RESP_MORE : RESP_DONE;
}

static enum resp_status bulk_begin(struct resp_reply_parser *p, int64_t len)
{
	if (len == -1)
		return element_ended(p);
	if (len < 0 || (uint64_t)len > p->bulk_max)
		return reply_broken(p);
	p->payload_left = (uint64_t)len;
	p->crlf_left = CRLF_LEN;
	p->state = RESP_REPLY_PAYLOAD;
	return RESP_MORE;
}

static enum resp_status array_begin(struct resp_reply_parser *p, int64_t count)
{
	if (count == -1 || count == 0)
		return element_ended(p);
	if (count < 0 || p->depth == RESP_DEPTH_MAX)
		return reply_broken(p);
	p->left[p->depth++] = (uint64_t)count;
	return RESP_MORE;
}

static enum resp_status element_begin(struct resp_reply_parser *p, struct slice text)
{
	struct slice number;
	int64_t v;

	if (text.ptr[0] == '+' || text.ptr[0] == '-')
		return element_ended(p);
	number = slice_make(text.ptr + 1, text.len - 1);
	if (!resp_number(number, &v))
		return reply_broken(p);
	if (text.ptr[0] == '$')
		return bulk_begin(p, v);
	if (text.ptr[0] == '*')
		return array_begin(p, v);
	return element_ended(p);
}

static bool is_type(uint8_t c)
{
	return c == '+' || c == '-' || c == ':' || c == '$' || c == '*';
}

static enum resp_status take_header(struct resp_reply_parser *p, struct resp_cursor *c)
{
	struct slice text;

	if (p->line.len == 0) {
		if (!is_type(*c->pos))
			return reply_broken(p);
		if (p->type == 0)
			p->type = (char)*c->pos;
	}
	switch (resp_line_take(&p->line, c, &text)) {
	case RESP_LINE_MORE:
		return RESP_MORE;
	case RESP_LINE_LONG:
	case RESP_LINE_BAD:
		return reply_broken(p);
	case RESP_LINE_WHOLE:
		break;
	}
	return element_begin(p, text);
}

static enum resp_status take_payload(struct resp_reply_parser *p, struct resp_cursor *c)
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
		return reply_broken(p);
	p->crlf_left = (uint8_t)crlf_left;
	return crlf_left > 0 ? RESP_MORE : element_ended(p);
}

static enum resp_status reply_step(struct resp_reply_parser *p, struct resp_cursor *c)
{
	switch (p->state) {
	case RESP_REPLY_HEADER:
		return take_header(p, c);
	case RESP_REPLY_PAYLOAD:
		return take_payload(p, c);
	case RESP_REPLY_END:
	case RESP_REPLY_BROKEN:
		break;
	}
	return RESP_ERROR;
}

enum resp_status resp_reply_parse(
	struct resp_reply_parser *p, const uint8_t *data, size_t len, size_t *consumed)
{
	struct resp_cursor c = {.start = data, .pos = data, .end = data + len};
	enum resp_status status = RESP_MORE;

	if (p->state == RESP_REPLY_END && len > 0)
		reply_begin(p);
	else if (p->state == RESP_REPLY_BROKEN)
		status = RESP_ERROR;
	while (status == RESP_MORE && c.pos < c.end)
		status = reply_step(p, &c);
	*consumed = resp_cursor_taken(&c);
	p->at += *consumed;
	return status;
}
