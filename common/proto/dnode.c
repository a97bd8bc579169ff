#include "common/proto/dnode.h"

#include <string.h>

enum field {
	FIELD_ID,
	FIELD_TYPE,
	FIELD_FLAGS,
	FIELD_VERSION,
	FIELD_SAME_DC,
	FIELD_DLEN,
	FIELD_PLEN,
};

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
	p->data_len = 0;
	return DNODE_MORE;
}

static enum dnode_status take_literal(struct dnode_parser *p, char c)
{
	const struct row *row = &rows[p->field];

	if (row->before.ptr[p->literal] == c) {
		p->literal++;
		return DNODE_MORE;
	}
	// Real nodes let the space before the second star repeat.
	if (p->field == FIELD_PLEN && p->literal > 0 && c == ' ')
		return DNODE_MORE;
	return broken(p, p->field == FIELD_ID ? "not a message of the peer protocol" : row->bad);
}

static enum dnode_status take_number(struct dnode_parser *p, char c)
{
	const struct row *row = &rows[p->field];
	unsigned digit = (unsigned)(unsigned char)c - '0';

	if (p->literal < row->before.len)
		return take_literal(p, c);
	if (c == row->behind)
		return number_ended(p);
	if (digit > 9 || (p->digits > 0 && p->value == 0))
		return broken(p, row->bad);
	if (p->value > row->max / 10 || p->value * 10 > row->max - digit)
		return broken(p, row->bad);
	p->value = p->value * 10 + digit;
	p->digits++;
	return DNODE_MORE;
}

static enum dnode_status take_data(struct dnode_parser *p, char c)
{
	p->data[p->data_len++] = c;
	if (p->data_len == p->dlen)
		p->state = DNODE_STATE_NUMBER;
	return DNODE_MORE;
}

static enum dnode_status take_line_feed(struct dnode_parser *p, char c)
{
	if (c != '\n')
		return broken(p, "a carriage return without a line feed");
	p->header.data = slice_make(p->data, p->data_len);
	p->state = DNODE_STATE_END;
	return DNODE_DONE;
}

static enum dnode_status take(struct dnode_parser *p, char c)
{
	if (p->at == DNODE_HEADER_MAX)
		return broken(p, "the header is too long");
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
	size_t pos = 0;

	if (p->state == DNODE_STATE_END && len > 0)
		header_begin(p);
	while (status == DNODE_MORE && pos < len) {
		status = take(p, (char)data[pos]);
		if (status == DNODE_ERROR)
			break;
		pos++;
		p->at++;
	}
	*consumed = pos;
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
