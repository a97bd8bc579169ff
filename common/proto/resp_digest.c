#include "common/proto/resp_digest.h"

#include "common/proto/resp_line.h"

#define MS_IN_S 1000u

void resp_digest_start(
	struct resp_digester *d, const struct siphash_key *key, enum resp_cmd_compare compare)
{
	*d = (struct resp_digester){.key = key, .compare = compare};
	siphash_stream_start(&d->all, key);
	siphash_stream_start(&d->element, key);
	resp_reply_init(&d->parser, UINT64_MAX);
}

static enum resp_digest_step all_bytes(struct resp_digester *d)
{
	d->digest.class = RESP_DIGEST_BYTES;
	return RESP_DIGEST_ALL;
}

static enum resp_digest_step by_number(
	struct resp_digester *d, enum resp_digest_class class, int64_t number)
{
	d->digest.class = class;
	d->digest.number = number;
	return class == RESP_DIGEST_ELEMENTS ? RESP_DIGEST_ELEMENT : RESP_DIGEST_NO_MATTER;
}

// What becomes of a reply with this first line.
static enum resp_digest_step after_head(struct resp_digester *d, struct slice text)
{
	char type = text.ptr[0];
	int64_t number = 0;
	bool is_null = false;

	if (type == ':' || type == '$' || type == '*') {
		if (!resp_number(slice_make(text.ptr + 1, text.len - 1), &number))
			return all_bytes(d);
		is_null = type != ':' && number < (type == '*');
	}
	switch (d->compare) {
	case RESP_CMD_COMPARE_EXACT:
	case RESP_CMD_COMPARE_UNIQUE: // no reply of this protocol
		break;
	case RESP_CMD_COMPARE_SET:
	case RESP_CMD_COMPARE_PAIRS:
		if (type == '*' && number > 0)
			return by_number(d, RESP_DIGEST_ELEMENTS, number);
		break;
	case RESP_CMD_COMPARE_ABOUT_S:
	case RESP_CMD_COMPARE_ABOUT_MS:
		if (type == ':')
			return by_number(d, RESP_DIGEST_NUMBER, number);
		break;
	case RESP_CMD_COMPARE_ANY:
		return by_number(d, is_null ? RESP_DIGEST_NONE : RESP_DIGEST_SOME, 0);
	}
	return all_bytes(d);
}

static void take_head(struct resp_digester *d, struct resp_cursor *c)
{
	const uint8_t *start = c->pos;
	struct slice text;

	if (d->line.len == 0 && !d->line.cr) {
		if (*c->pos == '-' || d->compare == RESP_CMD_COMPARE_EXACT) {
			d->digest.class = *c->pos == '-' ? RESP_DIGEST_ERROR : RESP_DIGEST_BYTES;
			d->step = RESP_DIGEST_ALL;
			return;
		}
	}
	switch (resp_line_take(&d->line, c, &text)) {
	case RESP_LINE_MORE:
		break;
	case RESP_LINE_WHOLE:
		d->step = text.len > 0 ? after_head(d, text) : all_bytes(d);
		break;
	case RESP_LINE_BAD:
	case RESP_LINE_LONG:
		d->step = all_bytes(d);
		break;
	}
	siphash_stream_feed(&d->all, start, (size_t)(c->pos - start));
}

static void element_close(struct resp_digester *d)
{
	uint64_t sum[2];

	siphash_stream_get(&d->element, sum);
	d->digest.sum[0] += sum[0];
	d->digest.sum[1] += sum[1];
	siphash_stream_start(&d->element, d->key);
	d->open = false;
	d->half = false;
}

static void take_elements(struct resp_digester *d, struct resp_cursor *c)
{
	enum resp_status status = RESP_MORE;

	while (status != RESP_ERROR && c->pos < c->end) {
		size_t used;

		status = resp_reply_parse(&d->parser, c->pos, resp_cursor_left(c), &used);
		siphash_stream_feed(&d->element, c->pos, used);
		c->pos += used;
		d->open = true;
		if (status != RESP_DONE)
			continue;
		if (d->compare == RESP_CMD_COMPARE_PAIRS && !d->half)
			d->half = true;
		else
			element_close(d);
	}
	if (status == RESP_ERROR)
		d->step = all_bytes(d);
}

void resp_digest_feed(struct resp_digester *d, const void *data, size_t len)
{
	struct resp_cursor c = {.start = data, .pos = data};

	if (len == 0)
		return;
	c.end = c.pos + len;
	if (d->step == RESP_DIGEST_HEAD)
		take_head(d, &c);
	if (d->step == RESP_DIGEST_ELEMENT)
		take_elements(d, &c);
	if (d->step == RESP_DIGEST_ALL)
		siphash_stream_feed(&d->all, c.pos, resp_cursor_left(&c));
}

struct resp_digest resp_digest_end(struct resp_digester *d)
{
	if (d->open && d->step == RESP_DIGEST_ELEMENT)
		element_close(d);
	if (d->step == RESP_DIGEST_HEAD || d->step == RESP_DIGEST_ALL)
		siphash_stream_get(&d->all, d->digest.sum);
	return d->digest;
}

static bool is_near(int64_t a, int64_t b, uint64_t most)
{
	if (a < 0 || b < 0)
		return a == b;
	return (uint64_t)(a > b ? a - b : b - a) <= most;
}

static bool same_number(enum resp_cmd_compare compare, int64_t a, int64_t b, uint32_t about_ms)
{
	uint64_t about_s = ((uint64_t)about_ms + MS_IN_S - 1) / MS_IN_S + 1;

	return is_near(a, b, compare == RESP_CMD_COMPARE_ABOUT_S ? about_s : about_ms);
}

bool resp_digest_same(enum resp_cmd_compare compare, const struct resp_digest *a,
	const struct resp_digest *b, uint32_t about_ms)
{
	if (a->class != b->class)
		return false;
	switch (a->class) {
	case RESP_DIGEST_ELEMENTS:
		if (a->number != b->number)
			return false;
		break;
	case RESP_DIGEST_NUMBER:
		return same_number(compare, a->number, b->number, about_ms);
	case RESP_DIGEST_SOME:
	case RESP_DIGEST_NONE:
	case RESP_DIGEST_BYTES:
	case RESP_DIGEST_ERROR:
		break;
	}
	return a->sum[0] == b->sum[0] && a->sum[1] == b->sum[1];
}
