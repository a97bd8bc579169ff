#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "common/base/rng.h"
#include "common/proto/dnode.h"
#include "common/proto/dnode_ext.h"

static bool exts_equal(const struct dnode_ext *a, const struct dnode_ext *b)
{
	return a->caps == b->caps && a->has_stamp == b->has_stamp && a->stamp == b->stamp;
}

static const struct {
	const char *text;
	struct dnode_ext ext;
} both_ways[] = {
	{"D1;c=0", {0}},
	{"D1;c=1", {.caps = DNODE_CAP_STAMP}},
	{"D1;c=3", {.caps = DNODE_CAP_STAMP | DNODE_CAP_GOSSIP}},
	{"D1;c=ffffffff", {.caps = UINT32_MAX}},
	{"D1;c=0;t=0", {.has_stamp = true}},
	{"D1;c=1;t=19a3b7c0", {.caps = 1, .has_stamp = true, .stamp = 0x19a3b7c0}},
	{"D1;c=ffffffff;t=ffffffffffffffff",
		{.caps = UINT32_MAX, .has_stamp = true, .stamp = UINT64_MAX}},
};

static void texts_are_written_and_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(both_ways); i++) {
		size_t want = strlen(both_ways[i].text);
		char out[DNODE_EXT_MAX];
		struct dnode_ext ext;

		assert_int_equal(dnode_ext_put(out, sizeof(out), &both_ways[i].ext), want);
		assert_memory_equal(out, both_ways[i].text, want);
		assert_int_equal(dnode_ext_put(out, want - 1, &both_ways[i].ext), 0);
		assert_int_equal(
			dnode_ext_get(slice_str(both_ways[i].text), &ext), DNODE_EXT_FOUND);
		assert_true(exts_equal(&ext, &both_ways[i].ext));
	}
}

// A later build of this version may say more, and in another order.
static void unknown_fields_are_stepped_over(void **state)
{
	struct dnode_ext ext;

	(void)state;
	assert_int_equal(dnode_ext_get(SLICE_LIT("D1"), &ext), DNODE_EXT_FOUND);
	assert_int_equal(ext.caps, 0);
	assert_int_equal(dnode_ext_get(SLICE_LIT("D1;t=5;x=Rack-1.b;c=80000001;q=7"), &ext),
		DNODE_EXT_FOUND);
	assert_int_equal(ext.caps, 0x80000001);
	assert_true(ext.has_stamp);
	assert_int_equal(ext.stamp, 5);
}

static void assert_says(struct slice text, enum dnode_ext_status want)
{
	struct dnode_ext ext = {.caps = 9, .has_stamp = true, .stamp = 9};

	if (dnode_ext_get(text, &ext) != want)
		fail_msg("not %d: %.*s", want, SLICE_ARG(text));
	assert_true(exts_equal(&ext, &(struct dnode_ext){0}));
}

static void others_are_told_from_ours(void **state)
{
	static const char *const none[] = {"d", "a", "", "D", "d1;c=1", "D0;c=1", "Dynomite", "1D"};
	static const char *const other[] = {"D2", "D2;whatever comes", "D9 \r\n"};
	static const char *const bad[] = {"D1;", "D1;c", "D1;c=", "D1;c=01", "D1;c=g", "D1;c=F",
		"D1;c=100000000", "D1;c=1;c=1", "D1;t=11111111111111111", "D1;t=-1", "D1;t=0x1",
		"D1;C=1", "D1c=1", "D10;c=1", "D1;;c=1", "D1;c=1;", "D1;c=1 ", "D1;x=", "D1;x=a*",
		"D1;x=1;x=2", "D1;x==", "D1;c=1\r\n"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		assert_says(slice_str(none[i]), DNODE_EXT_NONE);
	for (size_t i = 0; i < ARRAY_LEN(other); i++)
		assert_says(slice_str(other[i]), DNODE_EXT_OTHER);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_says(slice_str(bad[i]), DNODE_EXT_BAD);
}

static void ids_tell_ours_from_those_that_count_from_1(void **state)
{
	(void)state;
	assert_false(dnode_id_is_ours(0));
	assert_false(dnode_id_is_ours(1));
	assert_false(dnode_id_is_ours(dnode_id_first() - 1));
	assert_true(dnode_id_is_ours(dnode_id_first()));
	assert_true(dnode_id_is_ours(dnode_id_first() + (1ull << 55)));
	assert_false(dnode_id_is_ours(dnode_id_first() * 2));
	assert_false(dnode_id_is_ours(UINT64_MAX));
}

// One node, that is ours or a real one, at the end of a connection.
struct end {
	bool ours;
	bool knows; // that the other is ours
	uint64_t id;
};

static size_t end_writes(struct end *e, uint64_t id, uint8_t type, char *out, size_t cap)
{
	struct dnode_ext ext = {.caps = DNODE_CAP_STAMP, .has_stamp = true, .stamp = id};
	struct dnode_header h = {.id = id, .type = type};
	char data[DNODE_EXT_MAX];

	if (e->knows)
		h.data = slice_make(data, dnode_ext_put(data, sizeof(data), &ext));
	return dnode_put_header(out, cap, &h);
}

static struct dnode_header end_reads(struct end *e, const char *text, size_t len)
{
	struct dnode_parser p;
	struct dnode_ext ext;
	size_t used;

	dnode_parser_init(&p);
	assert_int_equal(dnode_parse(&p, (const uint8_t *)text, len, &used), DNODE_DONE);
	assert_int_equal(used, len);
	if (e->ours && p.header.type == DNODE_REQ)
		e->knows = dnode_id_is_ours(p.header.id);
	if (e->ours && p.header.type == DNODE_RES)
		e->knows = dnode_ext_get(p.header.data, &ext) == DNODE_EXT_FOUND;
	return p.header;
}

// Three requests and their answers. Only two of ours know each other, from the first answer on; a
// real node is never sent more than the placeholder.
static void two_of_ours_find_each_other_and_bother_nobody(void **state)
{
	(void)state;
	for (unsigned kinds = 0; kinds < 4; kinds++) {
		struct end client = {.ours = kinds & 1}, server = {.ours = kinds & 2};
		bool both = kinds == 3;

		client.id = client.ours ? dnode_id_first() : 1;
		for (unsigned i = 0; i < 3; i++) {
			char text[DNODE_HEADER_MAX];
			size_t len = end_writes(&client, client.id, DNODE_REQ, text, sizeof(text));
			struct dnode_header h;

			assert_int_equal(memmem(text, len, "*1 d ", 5) == NULL, both && i > 0);
			h = end_reads(&server, text, len);
			len = end_writes(&server, h.id, DNODE_RES, text, sizeof(text));
			assert_int_equal(memmem(text, len, "*1 d ", 5) == NULL, both);
			h = end_reads(&client, text, len);
			assert_int_equal(h.id, client.id++);
		}
		assert_int_equal(client.knows, both);
		assert_int_equal(server.knows, both);
	}
}

// Whatever it is: what is taken and has only known fields means the same when written and read.
static void mutations_mean_what_they_say(void **state)
{
	unsigned seen[4] = {0};
	struct rng rng;

	(void)state;
	rng_seed(&rng, 2);
	for (unsigned i = 0; i < 50000; i++) {
		char text[DNODE_EXT_MAX] = "D1;c=1;t=19a3b7c0;x=1";
		char out[DNODE_EXT_MAX];
		size_t len = 1 + rng_below(&rng, (uint32_t)strlen(text));
		struct dnode_ext ext, again;
		enum dnode_ext_status status;

		for (uint32_t n = rng_below(&rng, 3); n > 0; n--)
			text[rng_below(&rng, (uint32_t)len)] = (char)rng_u64(&rng);
		status = dnode_ext_get(slice_make(text, len), &ext);
		seen[status]++;
		if (status != DNODE_EXT_FOUND)
			continue;
		len = dnode_ext_put(out, sizeof(out), &ext);
		assert_int_not_equal(len, 0);
		assert_int_equal(dnode_ext_get(slice_make(out, len), &again), DNODE_EXT_FOUND);
		assert_true(exts_equal(&ext, &again));
	}
	for (unsigned i = 0; i < ARRAY_LEN(seen); i++)
		assert_int_not_equal(seen[i], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_written_and_read),
		cmocka_unit_test(unknown_fields_are_stepped_over),
		cmocka_unit_test(others_are_told_from_ours),
		cmocka_unit_test(ids_tell_ours_from_those_that_count_from_1),
		cmocka_unit_test(two_of_ours_find_each_other_and_bother_nobody),
		cmocka_unit_test(mutations_mean_what_they_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
