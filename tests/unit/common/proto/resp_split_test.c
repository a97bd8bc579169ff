#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "tests/unit/common/proto/pieces.h"
#include "common/proto/resp_split.h"

enum { KEYS_MAX = 40, OWNERS_MAX = 12, TEXT_MAX = 32 * 1024, VALUE_MAX = 300 };

struct arg {
	char text[VALUE_MAX];
	size_t len;
};

struct request {
	const struct resp_cmd *row;
	uint32_t key_n;
	uint32_t step;
	struct arg args[KEYS_MAX * 2]; // without the name
	uint16_t owner[KEYS_MAX];
	char text[TEXT_MAX];
	size_t len;
};

struct part_text {
	char text[TEXT_MAX];
	size_t len;
	unsigned refers;
};

struct parts {
	const struct request *request;
	struct part_text part[OWNERS_MAX];
	uint32_t part_n;
	int calls_left; // then an error
	unsigned refers;
};

static size_t put_arg(char *out, const char *arg, size_t len)
{
	size_t n = (size_t)sprintf(out, "$%zu\r\n", len);

	memcpy(out + n, arg, len);
	memcpy(out + n + len, "\r\n", 2);
	return n + len + 2;
}

static void put_request(struct request *r, const char *name)
{
	r->len = (size_t)sprintf(r->text, "*%u\r\n", 1 + r->key_n * r->step);
	r->len += put_arg(r->text + r->len, name, strlen(name));
	for (uint32_t i = 0; i < r->key_n * r->step; i++)
		r->len += put_arg(r->text + r->len, r->args[i].text, r->args[i].len);
}

static int copy(void *ctx, uint32_t part, struct slice bytes)
{
	struct parts *p = ctx;
	struct part_text *t = &p->part[part];

	assert_true(part < p->part_n && t->len == 0);
	if (p->calls_left-- == 0)
		return -ENOBUFS;
	memcpy(t->text + t->len, bytes.ptr, bytes.len);
	t->len += bytes.len;
	return 0;
}

static int refer(void *ctx, struct resp_range range)
{
	struct parts *p = ctx;
	struct part_text *t = &p->part[range.part];

	assert_true(range.part < p->part_n && t->len > 0 && range.len > 0);
	assert_true(range.at + range.len <= p->request->len);
	if (p->calls_left-- == 0)
		return -ENOBUFS;
	memcpy(t->text + t->len, p->request->text + range.at, range.len);
	t->len += range.len;
	p->refers++;
	return 0;
}

static void parts_start(struct parts *p, const struct request *r, uint32_t part_n)
{
	p->request = r;
	p->part_n = part_n;
	p->calls_left = -1;
	p->refers = 0;
	for (uint32_t i = 0; i < OWNERS_MAX; i++)
		p->part[i].len = 0;
}

static int write_parts(const struct resp_split *s, struct parts *p, uint64_t seed)
{
	const struct slice text = slice_make(p->request->text, p->request->len);
	const struct resp_split_sink sink = {.copy = copy, .refer = refer, .ctx = p};
	struct pieces pieces;
	struct resp_source source = pieces_start(&pieces, &text, 1, seed);
	int rc = resp_split_write(s, &source, &sink);

	pieces_end(&pieces);
	return rc;
}

// What the part of this owner must be, made from the arguments alone.
static size_t want_part(const struct request *r, uint16_t owner, char *out)
{
	uint32_t key_n = 0;
	size_t n;

	for (uint32_t i = 0; i < r->key_n; i++)
		key_n += r->owner[i] == owner;
	n = (size_t)sprintf(out, "*%u\r\n", 1 + key_n * r->step);
	n += put_arg(out + n, r->row->name.ptr, r->row->name.len);
	for (uint32_t i = 0; i < r->key_n * r->step; i++)
		if (r->owner[i / r->step] == owner)
			n += put_arg(out + n, r->args[i].text, r->args[i].len);
	return n;
}

static const char *const names[] = {"mget", "MSET", "Del", "exists", "TOUCH", "unlink"};

static void draw_request(struct rng *rng, struct request *r)
{
	const char *name = names[rng_below(rng, ARRAY_LEN(names))];
	uint32_t owners = 1 + rng_below(rng, OWNERS_MAX);

	r->row = resp_cmd_lookup(slice_str(name));
	r->step = (uint32_t)r->row->keys.step;
	r->key_n = 1 + rng_below(rng, KEYS_MAX);
	for (uint32_t i = 0; i < r->key_n * r->step; i++) {
		struct arg *a = &r->args[i];

		// Few different ones, so that keys come twice; binary, also empty.
		a->len = rng_below(rng, rng_below(rng, 8) ? 4 : VALUE_MAX);
		memset(a->text, (int)rng_below(rng, 2) * '\r', a->len);
	}
	for (uint32_t i = 0; i < r->key_n; i++)
		r->owner[i] = (uint16_t)rng_below(rng, owners);
	put_request(r, name);
}

static void check_parts(const struct request *r, const struct resp_split *s, const struct parts *p)
{
	static char want[TEXT_MAX];
	unsigned runs = 1;
	bool seen[OWNERS_MAX] = {false};
	uint32_t next = 0;

	for (uint32_t i = 0; i < r->key_n; i++) {
		const struct resp_split_part *part = &s->parts[s->part_of_key[i]];

		assert_int_equal(part->owner, r->owner[i]);
		if (!seen[r->owner[i]])
			assert_int_equal(s->part_of_key[i], next++);
		seen[r->owner[i]] = true;
		runs += i > 0 && r->owner[i] != r->owner[i - 1];
	}
	assert_int_equal(s->part_n, next);
	assert_int_equal(p->refers, runs);
	for (uint32_t i = 0; i < s->part_n; i++) {
		size_t len = want_part(r, s->parts[i].owner, want);

		assert_int_equal(p->part[i].len, len);
		assert_memory_equal(p->part[i].text, want, len);
	}
}

static void each_owner_gets_its_keys_in_order(void **state)
{
	static struct request r;
	static struct parts p;
	struct rng rng;

	(void)state;
	rng_seed(&rng, 1);
	for (int run = 0; run < 5000; run++) {
		struct resp_split_part room[OWNERS_MAX];
		uint16_t part_of_key[KEYS_MAX];
		uint16_t part_of_owner[OWNERS_MAX];
		struct resp_split s = {.part_of_key = part_of_key, .parts = room};

		draw_request(&rng, &r);
		s.row = r.row;
		s.key_n = resp_split_keys(r.row, 1 + r.key_n * r.step);
		assert_int_equal(s.key_n, r.key_n);
		memcpy(part_of_key, r.owner, sizeof(part_of_key));
		assert_int_equal(resp_split_plan(&s, part_of_owner, OWNERS_MAX), 0);
		parts_start(&p, &r, s.part_n);
		assert_int_equal(write_parts(&s, &p, (uint64_t)run), 0);
		check_parts(&r, &s, &p);
	}
}

static void pairs_stay_together(void **state)
{
	static struct request r = {.key_n = 3, .step = 2, .owner = {7, 3, 7}};
	static struct parts p;
	static const char *const args[] = {"k", "1", "x", "y", "k", "2"};
	struct resp_split_part room[8];
	uint16_t part_of_key[3] = {7, 3, 7};
	uint16_t part_of_owner[8];
	struct resp_split s = {.part_of_key = part_of_key, .parts = room, .key_n = 3};

	(void)state;
	r.row = s.row = resp_cmd_row(CMD_MSET);
	for (uint32_t i = 0; i < ARRAY_LEN(args); i++)
		r.args[i].len = (size_t)sprintf(r.args[i].text, "%s", args[i]);
	put_request(&r, "mSeT");
	assert_int_equal(resp_split_plan(&s, part_of_owner, 8), 0);
	parts_start(&p, &r, s.part_n);
	assert_int_equal(write_parts(&s, &p, 9), 0);
	assert_int_equal(s.part_n, 2);
	assert_int_equal(s.parts[0].owner, 7);
	p.part[0].text[p.part[0].len] = '\0';
	p.part[1].text[p.part[1].len] = '\0';
	assert_string_equal(
		p.part[0].text, "*5\r\n$4\r\nmset\r\n$1\r\nk\r\n$1\r\n1\r\n$1\r\nk\r\n$1\r\n2\r\n");
	assert_string_equal(p.part[1].text, "*3\r\n$4\r\nmset\r\n$1\r\nx\r\n$1\r\ny\r\n");
}

static void only_rows_that_can_be_merged_are_split(void **state)
{
	(void)state;
	for (uint32_t id = 0; id < CMD_COUNT; id++) {
		const struct resp_cmd *row = resp_cmd_row((enum resp_cmd_id)id);

		if (row->merge == RESP_CMD_MERGE_NONE) {
			for (uint32_t argc = 0; argc < 8; argc++)
				assert_int_equal(resp_split_keys(row, argc), 0);
		} else {
			uint32_t step = (uint32_t)row->keys.step;

			assert_int_equal(resp_split_keys(row, 0), 0);
			assert_int_equal(resp_split_keys(row, 1), 0);
			for (uint32_t n = 1; n < 8; n++)
				assert_int_equal(resp_split_keys(row, 1 + n * step), n);
		}
	}
	assert_int_equal(resp_split_keys(resp_cmd_row(CMD_MSET), 4), 0);
}

static void what_is_not_as_planned_is_refused(void **state)
{
	static struct request r;
	static struct parts p;
	struct resp_split_part room[OWNERS_MAX];
	uint16_t part_of_key[KEYS_MAX];
	uint16_t part_of_owner[OWNERS_MAX];
	struct resp_split s = {.part_of_key = part_of_key, .parts = room};
	struct rng rng;
	size_t len;

	(void)state;
	rng_seed(&rng, 2);
	do
		draw_request(&rng, &r);
	while (r.key_n < 5);
	s.row = r.row;
	s.key_n = r.key_n;
	memcpy(part_of_key, r.owner, sizeof(part_of_key));
	part_of_key[4] = OWNERS_MAX;
	assert_int_equal(resp_split_plan(&s, part_of_owner, OWNERS_MAX), -EINVAL);
	memcpy(part_of_key, r.owner, sizeof(part_of_key));
	assert_int_equal(resp_split_plan(&s, part_of_owner, OWNERS_MAX), 0);

	len = r.len;
	for (r.len = 0; r.len < len; r.len++) {
		parts_start(&p, &r, s.part_n);
		assert_int_equal(write_parts(&s, &p, r.len), -EINVAL);
	}
	parts_start(&p, &r, s.part_n);
	assert_int_equal(write_parts(&s, &p, 1), 0);
	for (int calls = (int)(s.part_n + p.refers) - 1; calls >= 0; calls--) {
		parts_start(&p, &r, s.part_n);
		p.calls_left = calls;
		assert_int_equal(write_parts(&s, &p, 1), -ENOBUFS);
	}
	s.key_n--;
	parts_start(&p, &r, s.part_n);
	assert_int_equal(write_parts(&s, &p, 1), -EINVAL);
}

// A request that was not checked, as no caller should have it, does no harm.
static void mutated_requests_do_no_harm(void **state)
{
	static struct request r;
	static struct parts p;
	int refused = 0;
	struct rng rng;

	(void)state;
	rng_seed(&rng, 3);
	for (int run = 0; run < 5000; run++) {
		struct resp_split_part room[OWNERS_MAX];
		uint16_t part_of_key[KEYS_MAX];
		uint16_t part_of_owner[OWNERS_MAX];
		struct resp_split s = {.part_of_key = part_of_key, .parts = room};
		int rc;

		draw_request(&rng, &r);
		s.row = r.row;
		s.key_n = r.key_n;
		memcpy(part_of_key, r.owner, sizeof(part_of_key));
		assert_int_equal(resp_split_plan(&s, part_of_owner, OWNERS_MAX), 0);
		for (uint32_t i = rng_below(&rng, 4); i > 0; i--)
			r.text[rng_below(&rng, (uint32_t)r.len)] =
				"*$:+-\r\n019"[rng_below(&rng, 10)];
		parts_start(&p, &r, s.part_n);
		rc = write_parts(&s, &p, (uint64_t)run);
		assert_true(rc == 0 || rc == -EINVAL);
		refused += rc != 0;
	}
	assert_true(refused > 500 && refused < 4500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_owner_gets_its_keys_in_order),
		cmocka_unit_test(pairs_stay_together),
		cmocka_unit_test(only_rows_that_can_be_merged_are_split),
		cmocka_unit_test(what_is_not_as_planned_is_refused),
		cmocka_unit_test(mutated_requests_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
