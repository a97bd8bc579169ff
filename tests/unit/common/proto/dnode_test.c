#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "common/base/rng.h"
#include "common/proto/dnode.h"
#include "common/proto/resp.h"

#define BULK_MAX_TEST 1000
#define SET_FOO_BAR "*3\r\n$3\r\nset\r\n$3\r\nfoo\r\n$3\r\nbar\r\n"
#define WRONGTYPE "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"
#define SCRIPT_LOAD                       \
	"*3\r\n$6\r\nscript\r\n$4\r\n"    \
	"load\r\n$33\r\nreturn redis.cal" \
	"l('get', KEYS[1])\r\n"

// What real nodes said to each other, captured from version 0.6.
static const struct capture {
	const char *header;
	const char *payload;
	struct dnode_header want;
} captures[] = {
	{"   $2014$ 5 3 0 1 1 *1 d *31\r\n", SET_FOO_BAR,
		{.id = 5, .type = DNODE_REQ, .same_dc = true, .plen = 31}},
	{"   $2014$ 5 5 0 1 1 *1 d *5\r\n", "+OK\r\n",
		{.id = 5, .type = DNODE_RES, .same_dc = true, .plen = 5}},
	{"   $2014$ 6 4 0 1 0 *1 d *31\r\n", SET_FOO_BAR,
		{.id = 6, .type = DNODE_REQ_FORWARD, .plen = 31}},
	{"   $2014$ 6 5 0 1 0 *1 d *5\r\n", "+OK\r\n", {.id = 6, .type = DNODE_RES, .plen = 5}},
	{"   $2014$ 95 3 0 1 1 *1 d *24\r\n", "*2\r\n$3\r\nget\r\n$5\r\nnokey\r\n",
		{.id = 95, .type = DNODE_REQ, .same_dc = true, .plen = 24}},
	{"   $2014$ 95 5 0 1 1 *1 d *5\r\n", "$-1\r\n",
		{.id = 95, .type = DNODE_RES, .same_dc = true, .plen = 5}},
	{"   $2014$ 64 3 0 1 1 *1 d *49\r\n",
		"*6\r\n$4\r\nmget\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n$1\r\nd\r\n$1\r\nf\r\n",
		{.id = 64, .type = DNODE_REQ, .same_dc = true, .plen = 49}},
	{"   $2014$ 64 5 0 1 1 *1 d *44\r\n",
		"*5\r\n$2\r\nva\r\n$2\r\nvb\r\n$2\r\nvc\r\n$2\r\nvd\r\n$2\r\nvf\r\n",
		{.id = 64, .type = DNODE_RES, .same_dc = true, .plen = 44}},
	{"   $2014$ 80 3 0 1 1 *1 d *34\r\n",
		"*4\r\n$3\r\ndel\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n",
		{.id = 80, .type = DNODE_REQ, .same_dc = true, .plen = 34}},
	{"   $2014$ 80 5 0 1 1 *1 d *4\r\n", ":3\r\n",
		{.id = 80, .type = DNODE_RES, .same_dc = true, .plen = 4}},
	{"   $2014$ 122 3 0 1 0 *1 d *66\r\n", SCRIPT_LOAD,
		{.id = 122, .type = DNODE_REQ, .plen = 66}},
	{"   $2014$ 167 3 0 1 1 *1 d *33\r\n", "*3\r\n$4\r\nsort\r\n$2\r\nsx\r\n$5\r\nalpha\r\n",
		{.id = 167, .type = DNODE_REQ, .same_dc = true, .plen = 33}},
	{"   $2014$ 137 5 0 1 1 *1 d *68\r\n", WRONGTYPE,
		{.id = 137, .type = DNODE_RES, .same_dc = true, .plen = 68}},
	{"   $2014$ 0 7 0 1 1 *1 a *34\r\n", "dc1$rack1$0,1795393503,7,127.0.0.1",
		{.id = 0,
			.type = DNODE_GOSSIP,
			.same_dc = true,
			.plen = 34,
			.data = SLICE_LIT("a")}},
};

static bool headers_equal(const struct dnode_header *a, const struct dnode_header *b)
{
	return a->id == b->id && a->plen == b->plen && a->type == b->type && a->flags == b->flags &&
		a->same_dc == b->same_dc && a->version == DNODE_VERSION &&
		slice_eq(a->data, b->data);
}

// Feeds text in two pieces; the status is that of the end.
static enum dnode_status feed(
	struct dnode_parser *p, const void *text, size_t len, size_t cut, size_t *used)
{
	const uint8_t *data = text;
	size_t second = 0;
	enum dnode_status status;

	dnode_parser_init(p);
	status = dnode_parse(p, data, cut, used);
	if (status == DNODE_MORE) {
		assert_int_equal(*used, cut);
		status = dnode_parse(p, data + cut, len - cut, &second);
		*used += second;
	}
	return status;
}

static void assert_refused(const char *text, const char *why)
{
	size_t len = strlen(text);
	size_t used;

	for (size_t cut = 0; cut <= len; cut++) {
		struct dnode_parser p;

		if (feed(&p, text, len, cut, &used) != DNODE_ERROR)
			fail_msg("taken at cut %zu: %s", cut, text);
		assert_string_equal(p.error, why);
		assert_int_equal(dnode_parse(&p, (const uint8_t *)text, len, &used), DNODE_ERROR);
		assert_int_equal(used, 0);
	}
}

static uint64_t payload_size(const struct capture *c)
{
	const uint8_t *data = (const uint8_t *)c->payload;
	struct resp_request_parser request;
	struct resp_reply_parser reply;
	size_t used = 0;

	resp_request_init(&request, BULK_MAX_TEST);
	resp_reply_init(&reply, BULK_MAX_TEST);
	if (c->want.type == DNODE_GOSSIP)
		return c->want.plen;
	if (dnode_framing(c->want.type) == DNODE_FRAMING_REQUEST)
		assert_int_equal(
			resp_request_parse(&request, data, strlen(c->payload), &used), RESP_DONE);
	else
		assert_int_equal(
			resp_reply_parse(&reply, data, strlen(c->payload), &used), RESP_DONE);
	return used;
}

static void captures_are_read_at_every_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(captures); i++) {
		const struct capture *c = &captures[i];
		struct dnode_header want = c->want;
		size_t len = strlen(c->header);
		char text[512];

		if (want.data.len == 0)
			want.data = SLICE_LIT("d");
		snprintf(text, sizeof(text), "%s%s", c->header, c->payload);
		for (size_t cut = 0; cut <= strlen(text); cut++) {
			struct dnode_parser p;
			size_t used;

			assert_int_equal(feed(&p, text, strlen(text), cut, &used), DNODE_DONE);
			assert_int_equal(used, len);
			assert_int_equal(p.at, len);
			assert_true(headers_equal(&p.header, &want));
		}
	}
}

static void captures_are_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(captures); i++) {
		char out[DNODE_HEADER_MAX];
		size_t len = dnode_put_header(out, sizeof(out), &captures[i].want);

		assert_int_equal(len, strlen(captures[i].header));
		assert_memory_equal(out, captures[i].header, len);
	}
}

static void captured_lengths_agree_with_payloads(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(captures); i++) {
		uint64_t size = payload_size(&captures[i]);

		assert_int_equal(size, strlen(captures[i].payload));
		assert_true(dnode_plen_agrees(&captures[i].want, size));
		assert_false(dnode_plen_agrees(&captures[i].want, size + 1));
	}
}

// A relay of other nodes may announce more than it sends: the next header is found nevertheless.
static void a_wrong_plen_does_not_lose_the_place(void **state)
{
	static const char text[] = "   $2014$ 8 5 0 1 0 *1 d *36\r\n+OK\r\n"
				   "   $2014$ 9 5 0 1 0 *1 d *4\r\n:1\r\n";
	const uint8_t *at = (const uint8_t *)text;
	const uint8_t *end = at + strlen(text);
	struct resp_reply_parser reply;
	struct dnode_parser p;
	size_t used;

	(void)state;
	dnode_parser_init(&p);
	resp_reply_init(&reply, BULK_MAX_TEST);
	for (uint64_t id = 8; id <= 9; id++) {
		assert_int_equal(dnode_parse(&p, at, (size_t)(end - at), &used), DNODE_DONE);
		at += used;
		assert_int_equal(p.header.id, id);
		assert_int_equal(
			resp_reply_parse(&reply, at, (size_t)(end - at), &used), RESP_DONE);
		at += used;
		assert_int_equal(dnode_plen_agrees(&p.header, used), id == 9);
	}
	assert_ptr_equal(at, end);
}

// The block of an encrypted connection's first message may hold any byte.
static void encryption_is_recognised(void **state)
{
	static const char before[] = "   $2014$ 3 4 1 1 0 *128 ";
	static const char after[] = " *32\r\n";
	static const char later[] = "   $2014$ 3 5 1 1 0 *1 d *16\r\n";
	char text[sizeof(before) + 128 + sizeof(after)];
	size_t len = strlen(before) + 128 + strlen(after);
	struct dnode_parser p;
	size_t used;

	(void)state;
	memcpy(text, before, strlen(before));
	for (unsigned i = 0; i < 128; i++)
		text[strlen(before) + i] = (char)(i * 2 + 10);
	memcpy(text + strlen(before) + 128, after, strlen(after));
	for (size_t cut = 0; cut <= len; cut++) {
		assert_int_equal(feed(&p, text, len, cut, &used), DNODE_DONE);
		assert_int_equal(used, len);
		assert_true(dnode_is_encrypted(&p.header));
		assert_int_equal(p.header.data.len, 128);
		assert_memory_equal(p.header.data.ptr, text + strlen(before), 128);
		assert_int_equal(p.header.plen, 32);
	}
	assert_int_equal(feed(&p, later, strlen(later), 9, &used), DNODE_DONE);
	assert_true(dnode_is_encrypted(&p.header));
}

static void a_large_key_is_recognised_as_encryption(void **state)
{
	static const char text[] = "   $2014$ 3 4 1 1 0 *512 ";
	struct dnode_parser p;
	size_t used;

	(void)state;
	assert_int_equal(feed(&p, text, strlen(text), 5, &used), DNODE_ERROR);
	assert_true(dnode_is_encrypted(&p.header));
	assert_string_equal(p.error, "bad length of the data field");
}

static void assert_taken(const char *text, const struct dnode_header *want)
{
	for (size_t cut = 0; cut <= strlen(text); cut++) {
		struct dnode_parser p;
		size_t used;

		assert_int_equal(feed(&p, text, strlen(text), cut, &used), DNODE_DONE);
		assert_true(headers_equal(&p.header, want));
	}
}

static void what_real_nodes_take_is_taken(void **state)
{
	struct dnode_header want = {.id = 1, .type = 3, .plen = 4, .data = SLICE_LIT("d")};

	(void)state;
	assert_taken("   $2014$ 1 3 0 1 0 *1 d   *4\r\n", &want);
	want.flags = 15;
	assert_taken("   $2014$ 1 3 15 1 0 *1 d *4\r\n", &want);
	want.flags = 255;
	want.type = 255;
	want.id = UINT64_MAX;
	want.plen = DNODE_PLEN_MAX;
	assert_taken("   $2014$ 18446744073709551615 255 255 1 0 *1 d *1099511627776\r\n", &want);
	want = (struct dnode_header){.type = 7, .data = SLICE_LIT("a")};
	assert_taken("   $2014$ 0 7 0 1 0 *1 a *0\r\n", &want);
	want = (struct dnode_header){.id = 1, .type = 3, .plen = 4, .data = SLICE_LIT("* $2014$")};
	assert_taken("   $2014$ 1 3 0 1 0 *8 * $2014$ *4\r\n", &want);
}

static void garbage_is_refused(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{"*1\r\n$4\r\nPING\r\n", "not a message of the peer protocol"},
		{"  $2014$ 1 3 0 1 0 *1 d *4\r\n", "not a message of the peer protocol"},
		{"    $2014$ 1 3 0 1 0 *1 d *4\r\n", "not a message of the peer protocol"},
		{"   $2015$ 1 3 0 1 0 *1 d *4\r\n", "not a message of the peer protocol"},
		{"   $2014$  1 3 0 1 0 *1 d *4\r\n", "bad message id"},
		{"   $2014$ -1 3 0 1 0 *1 d *4\r\n", "bad message id"},
		{"   $2014$ 01 3 0 1 0 *1 d *4\r\n", "bad message id"},
		{"   $2014$ 18446744073709551616 3", "bad message id"},
		{"   $2014$ 1  3 0 1 0 *1 d *4\r\n", "bad message type"},
		{"   $2014$ 1 256 0 1 0 *1 d *4\r\n", "bad message type"},
		{"   $2014$ 1 3 256 1 0 *1 d *4\r\n", "bad flags"},
		{"   $2014$ 1 3 f 1 0 *1 d *4\r\n", "bad flags"},
		{"   $2014$ 1 3 0 2 0 *1 d *4\r\n", "not version 1 of the protocol"},
		{"   $2014$ 1 3 0 0 0 *1 d *4\r\n", "not version 1 of the protocol"},
		{"   $2014$ 1 3 0 1 2 *1 d *4\r\n", "bad same_dc"},
		{"   $2014$ 1 3 0 1 5 *1 d *4\r\n", "bad same_dc"},
		{"   $2014$ 1 3 0 1 10 *1 d *4\r\n", "bad same_dc"},
		{"   $2014$ 1 3 0 1 00 *1 d *4\r\n", "bad same_dc"},
		{"   $2014$ 1 3 0 1 0 1 d *4\r\n", "bad length of the data field"},
		{"   $2014$ 1 3 0 1 0  *1 d *4\r\n", "bad length of the data field"},
		{"   $2014$ 1 3 0 1 0 *0 d *4\r\n", "bad length of the data field"},
		{"   $2014$ 1 3 0 1 0 *257 d *4\r\n", "bad length of the data field"},
		{"   $2014$ 1 3 0 1 0 *1 dd *4\r\n", "bad payload length"},
		{"   $2014$ 1 3 0 1 0 *1 d*4\r\n", "bad payload length"},
		{"   $2014$ 1 3 0 1 0 *1 d \r\n", "bad payload length"},
		{"   $2014$ 1 3 0 1 0 *1 d *\r\n", "bad payload length"},
		{"   $2014$ 1 3 0 1 0 *1 d *4\n", "bad payload length"},
		{"   $2014$ 1 3 0 1 0 *1 d *1099511627777\r\n", "bad payload length"},
		{"   $2014$ 1 3 0 1 0 *1 d *4\r ", "a carriage return without a line feed"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_refused(rows[i].text, rows[i].why);
}

static void a_header_has_a_maximal_length(void **state)
{
	char text[DNODE_HEADER_MAX + 16];
	size_t used;

	(void)state;
	for (size_t len = DNODE_HEADER_MAX - 3; len <= DNODE_HEADER_MAX + 3; len++) {
		const char *end = "*4\r\n";
		int n = snprintf(text, sizeof(text), "   $2014$ 1 3 0 1 0 *1 d ");

		memset(text + n, ' ', len - strlen(end) - (size_t)n);
		memcpy(text + len - strlen(end), end, strlen(end));
		for (size_t cut = 0; cut <= len; cut++) {
			bool fits = len <= DNODE_HEADER_MAX;
			struct dnode_parser p;

			assert_int_equal(
				feed(&p, text, len, cut, &used), fits ? DNODE_DONE : DNODE_ERROR);
			if (!fits)
				assert_string_equal(p.error, "the header is too long");
		}
	}
}

static void the_longest_that_is_written_fits(void **state)
{
	char data[DNODE_DATA_MAX + 1];
	char out[DNODE_HEADER_MAX];
	struct dnode_header h = {.id = UINT64_MAX,
		.type = UINT8_MAX,
		.flags = UINT8_MAX,
		.same_dc = true,
		.plen = DNODE_PLEN_MAX};
	struct dnode_parser p;
	size_t used;
	size_t len;

	(void)state;
	memset(data, 'x', sizeof(data));
	h.data = slice_make(data, DNODE_DATA_MAX);
	len = dnode_put_header(out, sizeof(out), &h);
	assert_int_equal(len, 321);
	assert_int_equal(feed(&p, out, len, 100, &used), DNODE_DONE);
	assert_true(headers_equal(&p.header, &h));

	assert_int_equal(dnode_put_header(out, len - 1, &h), 0);
	h.data.len++;
	assert_int_equal(dnode_put_header(out, sizeof(out), &h), 0);
	h.data = SLICE_LIT("a\rb");
	assert_int_equal(dnode_put_header(out, sizeof(out), &h), 0);
	h.data = SLICE_LIT("\n");
	assert_int_equal(dnode_put_header(out, sizeof(out), &h), 0);
	h.data = SLICE_LIT("d");
	h.plen++;
	assert_int_equal(dnode_put_header(out, sizeof(out), &h), 0);
}

static void types_say_how_they_are_framed(void **state)
{
	(void)state;
	assert_int_equal(dnode_framing(3), DNODE_FRAMING_REQUEST);
	assert_int_equal(dnode_framing(4), DNODE_FRAMING_REQUEST);
	assert_int_equal(dnode_framing(5), DNODE_FRAMING_REPLY);
	assert_int_equal(dnode_framing(7), DNODE_FRAMING_LENGTH);
	assert_int_equal(dnode_framing(0), DNODE_FRAMING_UNKNOWN);
	assert_int_equal(dnode_framing(2), DNODE_FRAMING_UNKNOWN);
	assert_int_equal(dnode_framing(9), DNODE_FRAMING_UNKNOWN);
	assert_int_equal(dnode_framing(255), DNODE_FRAMING_UNKNOWN);
	assert_string_equal(dnode_type_name(4), "REQ_FORWARD");
	assert_string_equal(dnode_type_name(1), "?");
}

static size_t mutate(struct rng *rng, char *text, size_t len)
{
	for (uint64_t n = 1 + rng_below(rng, 3); n > 0; n--) {
		size_t at = rng_below(rng, (uint32_t)len);

		switch (rng_below(rng, 4)) {
		case 0:
			text[at] = (char)rng_u64(rng);
			break;
		case 1:
			text[at] = " *$0123456789d\r\n"[rng_below(rng, 16)];
			break;
		case 2:
			memmove(text + at, text + at + 1, len - at - 1);
			len -= len > 1;
			break;
		default:
			memmove(text + at + 1, text + at, len - at);
			len++;
			break;
		}
	}
	return len;
}

// Whatever it is: read the same however it is cut, and what is taken is written as it came, but
// for spaces.
static void mutations_are_read_the_same_at_every_cut(void **state)
{
	struct rng rng;
	unsigned taken = 0;
	unsigned refused = 0;

	(void)state;
	rng_seed(&rng, 1);
	for (unsigned i = 0; i < 20000; i++) {
		const char *from = captures[i % ARRAY_LEN(captures)].header;
		char text[64] = "";
		char out[DNODE_HEADER_MAX];
		size_t len = strlen(from);
		struct dnode_parser whole, cut;
		size_t used, used_cut;
		enum dnode_status status;

		memcpy(text, from, len);
		len = mutate(&rng, text, len);
		status = feed(&whole, text, len, len, &used);
		assert_int_equal(
			feed(&cut, text, len, rng_below(&rng, (uint32_t)len + 1), &used_cut),
			status);
		assert_int_equal(used, used_cut);
		refused += status == DNODE_ERROR;
		if (status != DNODE_DONE)
			continue;
		taken++;
		assert_true(headers_equal(&cut.header, &whole.header));
		len = dnode_put_header(out, sizeof(out), &whole.header);
		if (memchr("\r\n", whole.header.data.ptr[0], 2))
			assert_int_equal(len, 0);
		else if (used == len)
			assert_memory_equal(out, text, len);
		else
			assert_non_null(strstr(text, "  *"));
	}
	assert_true(taken > 1000);
	assert_true(refused > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(captures_are_read_at_every_cut),
		cmocka_unit_test(captures_are_written),
		cmocka_unit_test(captured_lengths_agree_with_payloads),
		cmocka_unit_test(a_wrong_plen_does_not_lose_the_place),
		cmocka_unit_test(encryption_is_recognised),
		cmocka_unit_test(a_large_key_is_recognised_as_encryption),
		cmocka_unit_test(what_real_nodes_take_is_taken),
		cmocka_unit_test(garbage_is_refused),
		cmocka_unit_test(a_header_has_a_maximal_length),
		cmocka_unit_test(the_longest_that_is_written_fits),
		cmocka_unit_test(types_say_how_they_are_framed),
		cmocka_unit_test(mutations_are_read_the_same_at_every_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
