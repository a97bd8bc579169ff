#include "common/proto/dnode.h"

#include <string.h>

// What is left of the chunk.
struct cursor {
	const char *pos;
	const char *end;
};

enum field {
	FIELD_ID,
	FIELD_TYPE,
	FIELD_FLAGS,
	FIELD_VERSION,
	FIELD_SAME_DC,
	FIELD_DLEN,
	FIELD_PLEN,
};

#define NOT_OURS "not a message of the peer protocol"

// The numbers in their order, what stands before and behind each, and how large it may be.
static const struct row {
	struct slice before;
	uint64_t max;
	char behind;
	const char *bad;
} rows[] = {
	[FIELD_ID] = {SLICE_LIT("   $2014$ "), UINT64_MAX, ' ', "bad message id"},
	[FIELD_TYPE] = {SLICE_LIT(""), UINT8_MAX, ' ', "bad message type"},
	[FIELD_FLAGS] = {SLICE_LIT(""), UINT8_MAX, ' ', "bad flags"},
	[FIELD_VERSION] = {SLICE_LIT(""), UINT8_MAX, ' ', "not version 1 of the protocol"},
	[FIELD_SAME_DC] = {SLICE_LIT(""), 1, ' ', "bad same_dc"},
	[FIELD_DLEN] = {SLICE_LIT("*"), DNODE_DATA_MAX, ' ', "bad length of the data field"},
	[FIELD_PLEN] = {SLICE_LIT(" *"), DNODE_PLEN_MAX, '\r', "bad payload length"},
};

void dnode_parser_init(struct dnode_parser *p)
{
	*p = (struct dnode_parser){0};
}

static void header_begin(struct dnode_parser *p)
{
	p->header = (struct dnode_header){0};
	p->at = 0;
	p->state = DNODE_STATE_NUMBER;
	p->field = FIELD_ID;
	p->literal = 0;
	p->data_len = 0;
}

static enum dnode_status broken(struct dnode_parser *p, const char *why)
{
	p->state = DNODE_STATE_BROKEN;
	p->error = why;
	return DNODE_ERROR;
}

static void number_store(struct dnode_parser *p)
{
	switch ((enum field)p->field) {
	case FIELD_ID:
		p->header.id = p->value;
		break;
	case FIELD_TYPE:
		p->header.type = (uint8_t)p->value;
		break;
	case FIELD_FLAGS:
		p->header.flags = (uint8_t)p->value;
		break;
	case FIELD_VERSION:
		p->header.version = (uint8_t)p->value;
		break;
	case FIELD_SAME_DC:
		p->header.same_dc = p->value != 0;
		break;
	case FIELD_DLEN:
		p->dlen = (uint16_t)p->value;
		break;
	case FIELD_PLEN:
		p->header.plen = p->value;
		break;
	}
}

static enum dnode_status number_ended(struct dnode_parser *p)
{
	bool no_data = p->field == FIELD_DLEN && p->value == 0;
	bool other_version = p->field == FIELD_VERSION && p->value != DNODE_VERSION;

	if (p->digits == 0 || no_data || other_version)
		return broken(p, rows[p->field].bad);
	number_store(p);
	p->state = DNODE_STATE_NUMBER;
	if (p->field == FIELD_DLEN)
		p->state = DNODE_STATE_DATA;
	if (p->field == FIELD_PLEN)
		p->state = DNODE_STATE_LINE_FEED;
	p->field++;
	p->literal = 0;
	p->digits = 0;
	p->value = 0;
	return DNODE_MORE;
}

static enum dnode_status take_literal(struct dnode_parser *p, struct cursor *c)
{
	const struct row *row = &rows[p->field];

	while (c->pos < c->end && p->literal < row->before.len) {
		if (*c->pos == row->before.ptr[p->literal])
			p->literal++;
		// Real nodes let the space before the second star repeat.
		else if (p->field != FIELD_PLEN || p->literal == 0 || *c->pos != ' ')
			return broken(p, p->field == FIELD_ID ? NOT_OURS : row->bad);
		c->pos++;
	}
	return DNODE_MORE;
}

static enum dnode_status take_digits(struct dnode_parser *p, struct cursor *c)
{
	const struct row *row = &rows[p->field];

	for (; c->pos < c->end && *c->pos != row->behind; c->pos++) {
		unsigned digit = (unsigned)(unsigned char)*c->pos - '0';

		if (digit > 9 || (p->digits > 0 && p->value == 0))
			return broken(p, row->bad);
		if (digit > row->max || p->value > (row->max - digit) / 10)
			return broken(p, row->bad);
		p->value = p->value * 10 + digit;
		p->digits++;
	}
	if (c->pos == c->end)
		return DNODE_MORE;
	c->pos++;
	return number_ended(p);
}

static enum dnode_status take_number(struct dnode_parser *p, struct cursor *c)
{
	enum dnode_status status = take_literal(p, c);

	return status == DNODE_MORE && c->pos < c->end ? take_digits(p, c) : status;
}

static enum dnode_status take_data(struct dnode_parser *p, struct cursor *c)
{
	size_t want = p->dlen - p->data_len;
	size_t left = (size_t)(c->end - c->pos);
	size_t n = want < left ? want : left;

	memcpy(p->data + p->data_len, c->pos, n);
	p->data_len += (uint16_t)n;
	c->pos += n;
	if (p->data_len == p->dlen)
		p->state = DNODE_STATE_NUMBER;
	return DNODE_MORE;
}

static enum dnode_status take_line_feed(struct dnode_parser *p, struct cursor *c)
{
	if (*c->pos != '\n')
		return broken(p, "a carriage return without a line feed");
	c->pos++;
	p->header.data = slice_make(p->data, p->data_len);
	p->state = DNODE_STATE_END;
	return DNODE_DONE;
}

static enum dnode_status take(struct dnode_parser *p, struct cursor *c)
{
	switch (p->state) {
	case DNODE_STATE_NUMBER:
		return take_number(p, c);
	case DNODE_STATE_DATA:
		return take_data(p, c);
	case DNODE_STATE_LINE_FEED:
		return take_line_feed(p, c);
	case DNODE_STATE_END:
	case DNODE_STATE_BROKEN:
		break;
	}
	return DNODE_ERROR;
}

enum dnode_status dnode_parse(
	struct dnode_parser *p, const uint8_t *data, size_t len, size_t *consumed)
{
	enum dnode_status status = p->state == DNODE_STATE_BROKEN ? DNODE_ERROR : DNODE_MORE;
	const char *from = (const char *)data;
	struct cursor c = {.pos = from, .end = from};
	size_t room;

	if (p->state == DNODE_STATE_END && len > 0)
		header_begin(p);
	room = DNODE_HEADER_MAX - p->at;
	c.end += len < room ? len : room;
	while (status == DNODE_MORE && c.pos < c.end)
		status = take(p, &c);
	*consumed = (size_t)(c.pos - from);
	p->at += (uint32_t)*consumed;
	if (status == DNODE_MORE && *consumed < len)
		return broken(p, "the header is too long");
	return status;
}

enum dnode_framing dnode_framing(uint8_t type)
{
	switch (type) {
#define TYPE(number, id, framing, help) \
	case DNODE_##id:                \
		return DNODE_FRAMING_##framing;
#include "common/proto/dnode_type.def"
#undef TYPE
	default:
		return DNODE_FRAMING_UNKNOWN;
	}
}

const char *dnode_type_name(uint8_t type)
{
	switch (type) {
#define TYPE(number, id, framing, help) \
	case DNODE_##id:                \
		return #id;
#include "common/proto/dnode_type.def"
#undef TYPE
	default:
		return "?";
	}
}
