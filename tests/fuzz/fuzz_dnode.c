// A connection of the peer protocol: headers and payloads, cut at places that the input chooses,
// against a reading of the same bytes that is as plain as can be. Input: how to cut, the stream.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/proto/dnode.h"
#include "common/proto/dnode_ext.h"
#include "common/proto/resp.h"

enum { BULK_MAX = 1000, NUMBERS = 7 };

#define CHECK(ok)                                                        \
	do {                                                             \
		if (!(ok)) {                                             \
			fprintf(stderr, "line %d: %s\n", __LINE__, #ok); \
			abort();                                         \
		}                                                        \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// --- the plain reading

struct plain {
	const char *s; // the whole rest of the stream, which ends in a NUL that is not part of it
	size_t len;
	size_t pos;
	enum dnode_status status; // DNODE_DONE as long as all is well
};

static void plain_byte(struct plain *p, char c)
{
	if (p->status != DNODE_DONE)
		return;
	if (p->pos == p->len)
		p->status = DNODE_MORE;
	else if (p->s[p->pos] != c)
		p->status = DNODE_ERROR;
	else
		p->pos++;
}

static void plain_text(struct plain *p, const char *text)
{
	for (; *text; text++)
		plain_byte(p, *text);
}

// A number is what printing it gives.
static uint64_t plain_number(struct plain *p, uint64_t max)
{
	size_t n = strspn(p->s + p->pos, "0123456789");
	char again[32];
	uint64_t v;

	if (p->status != DNODE_DONE)
		return 0;
	v = strtoull(p->s + p->pos, NULL, 10);
	snprintf(again, sizeof(again), "%llu", (unsigned long long)v);
	if (n > 0 && (n != strlen(again) || memcmp(p->s + p->pos, again, n) || v > max))
		p->status = DNODE_ERROR;
	else if (p->pos + n == p->len)
		p->status = DNODE_MORE;
	else if (n == 0)
		p->status = DNODE_ERROR;
	p->pos += n;
	return v;
}

static enum dnode_status plain_header(struct plain *p, struct dnode_header *out)
{
	static const char *const before[NUMBERS] = {"   $2014$ ", " ", " ", " ", " ", " *", " *"};
	static const uint64_t max[NUMBERS] = {
		UINT64_MAX, UINT8_MAX, UINT8_MAX, UINT8_MAX, 1, DNODE_DATA_MAX, DNODE_PLEN_MAX};
	uint64_t v[NUMBERS];

	for (unsigned i = 0; i < NUMBERS; i++) {
		plain_text(p, before[i]);
		v[i] = plain_number(p, max[i]);
		if (i == 3 && p->status == DNODE_DONE && v[i] != 1)
			p->status = DNODE_ERROR;
		if (i != 5 || p->status != DNODE_DONE)
			continue;
		plain_byte(p, ' ');
		if (p->status != DNODE_DONE || v[i] == 0)
			return p->status == DNODE_MORE ? DNODE_MORE : DNODE_ERROR;
		if (p->len - p->pos < v[i])
			return DNODE_MORE;
		out->data = slice_make(p->s + p->pos, v[i]);
		p->pos += v[i];
		while (p->pos + 1 < p->len && p->s[p->pos] == ' ' && p->s[p->pos + 1] == ' ')
			p->pos++;
	}
	plain_text(p, "\r\n");
	out->id = v[0];
	out->type = (uint8_t)v[1];
	out->flags = (uint8_t)v[2];
	out->same_dc = v[4] != 0;
	out->plen = v[6];
	return p->status;
}

// --- the comparison

// A small generator, so that the cuts follow from the input.
static size_t next_cut(uint32_t *seed, size_t left)
{
	size_t n;

	*seed = *seed * 1664525 + 1013904223;
	n = 1 + (*seed >> 24) % ((*seed >> 20) % 4 ? 8 : 200);
	return n < left ? n : left;
}

static enum dnode_status parse_in_pieces(
	struct dnode_parser *p, uint32_t *seed, const char *s, size_t len, size_t *taken)
{
	enum dnode_status status = DNODE_MORE;

	for (*taken = 0; status == DNODE_MORE && *taken < len;) {
		size_t n = next_cut(seed, len - *taken);
		char *copy = malloc(n);
		size_t used;

		CHECK(copy);
		memcpy(copy, s + *taken, n);
		status = dnode_parse(p, (const uint8_t *)copy, n, &used);
		free(copy);
		CHECK(used <= n && (status != DNODE_MORE || used == n));
		*taken += used;
	}
	return status;
}

static void check_ext(struct slice data)
{
	char *copy = malloc(data.len);
	char out[DNODE_EXT_MAX];
	struct dnode_ext ext, again;
	size_t len;

	CHECK(copy);
	memcpy(copy, data.ptr, data.len);
	if (dnode_ext_get(slice_make(copy, data.len), &ext) == DNODE_EXT_FOUND) {
		len = dnode_ext_put(out, sizeof(out), &ext);
		CHECK(len > 0);
		CHECK(dnode_ext_get(slice_make(out, len), &again) == DNODE_EXT_FOUND);
		CHECK(ext.caps == again.caps && ext.stamp == again.stamp);
		CHECK(ext.has_stamp == again.has_stamp);
	}
	free(copy);
}

static void check_written(const struct dnode_header *h, const char *s, size_t size)
{
	char out[DNODE_HEADER_MAX];
	size_t len = dnode_put_header(out, sizeof(out), h);

	if (memchr(h->data.ptr, '\r', h->data.len) || memchr(h->data.ptr, '\n', h->data.len)) {
		CHECK(len == 0);
		return;
	}
	CHECK(len > 0 && len <= size);
	CHECK(len < size || memcmp(out, s, len) == 0);
}

// How many bytes the payload takes, or none if it is broken or not whole.
static size_t payload_size(const struct dnode_header *h, const char *s, size_t len)
{
	const uint8_t *data = (const uint8_t *)s;
	struct resp_request_parser request;
	struct resp_reply_parser reply;
	size_t used = 0;

	switch (dnode_framing(h->type)) {
	case DNODE_FRAMING_REQUEST:
		resp_request_init(&request, BULK_MAX);
		return resp_request_parse(&request, data, len, &used) == RESP_DONE ? used : 0;
	case DNODE_FRAMING_REPLY:
		resp_reply_init(&reply, BULK_MAX);
		return resp_reply_parse(&reply, data, len, &used) == RESP_DONE ? used : 0;
	case DNODE_FRAMING_LENGTH:
		return h->plen <= len ? (size_t)h->plen : 0;
	case DNODE_FRAMING_UNKNOWN:
		break;
	}
	return 0;
}

static void check_stream(uint32_t seed, const char *s, size_t len)
{
	struct dnode_parser p;

	dnode_parser_init(&p);
	while (len > 0) {
		struct plain plain = {.s = s, .len = len, .status = DNODE_DONE};
		struct dnode_header want = {0};
		enum dnode_status status = plain_header(&plain, &want);
		size_t taken;

		if (plain.pos > DNODE_HEADER_MAX)
			status = DNODE_ERROR;
		CHECK(parse_in_pieces(&p, &seed, s, len, &taken) == status);
		CHECK(status != DNODE_ERROR || p.error);
		if (status != DNODE_DONE)
			return;
		CHECK(taken == plain.pos && p.at == taken);
		CHECK(p.header.id == want.id && p.header.type == want.type);
		CHECK(p.header.flags == want.flags && p.header.same_dc == want.same_dc);
		CHECK(p.header.plen == want.plen && slice_eq(p.header.data, want.data));
		check_written(&p.header, s, taken);
		check_ext(p.header.data);
		s += taken;
		len -= taken;
		taken = payload_size(&p.header, s, len);
		if (taken == 0)
			return;
		s += taken;
		len -= taken;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (size == 0)
		return 0;
	text = malloc(size);
	CHECK(text);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	check_stream(data[0] * 2654435761u, text, size - 1);
	check_ext(slice_make(text, size - 1));
	free(text);
	return 0;
}
