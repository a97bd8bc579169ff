// The table of commands against a real Redis 7.0.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/proto/resp_cmd.h"
#include "common/proto/resp_cmd_info.h"
#include "tests/unit/common/proto/redis_server.h"

// What COMMAND INFO says of one command, as far as our table knows it too.
struct info {
	struct slice name;
	int64_t arity;
	bool write, readonly, movable;
	int64_t first, last, step;
	bool in_write, in_read; // categories
	int64_t subs;
};

static struct info read_info(struct reader *r)
{
	struct info i = {0};

	assert_int_equal(read_number(r, '*'), 10);
	i.name = read_text(r);
	i.arity = read_number(r, ':');
	for (int64_t n = read_number(r, '*'); n > 0; n--) {
		struct slice flag = read_text(r);

		i.write |= slice_eq(flag, SLICE_LIT("write"));
		i.readonly |= slice_eq(flag, SLICE_LIT("readonly"));
		i.movable |= slice_eq(flag, SLICE_LIT("movablekeys"));
	}
	i.first = read_number(r, ':');
	i.last = read_number(r, ':');
	i.step = read_number(r, ':');
	for (int64_t n = read_number(r, '*'); n > 0; n--) {
		struct slice category = read_text(r);

		i.in_write |= slice_eq(category, SLICE_LIT("@write"));
		i.in_read |= slice_eq(category, SLICE_LIT("@read"));
	}
	skip_value(r);
	skip_value(r);
	i.subs = *r->pos == '*' ? strtoll(r->pos + 1, NULL, 10) : -1;
	skip_value(r);
	return i;
}

// Redis 7.0 does not know it: clients made for 7.2 send it when they connect, or it is our own.
static bool is_newer(const struct resp_cmd *row)
{
	return row->id == CMD_CLIENT_SETINFO || row->id == CMD_CLIENT_NO_TOUCH ||
		row->id == CMD_DYNO_CONSISTENCY;
}

// To the server, the patterns behind BY and GET are keys at unknown places; it can't name them.
static bool hides_patterns(const struct resp_cmd *row)
{
	return row->id == CMD_SORT_RO;
}

static void rows_are_what_the_server_says(void **state)
{
	(void)state;
	int fd = server_connect();

	for (enum resp_cmd_id id = 0; id < CMD_COUNT; id++) {
		const struct resp_cmd *row = resp_cmd_row(id);
		struct slice args[] = {SLICE_LIT("COMMAND"), SLICE_LIT("INFO"), row->name};
		struct reader theirs = {server.reply};
		static char text[8192];
		struct resp_writer w = resp_writer_make(text, sizeof(text) - 1);
		struct reader ours = {text};
		struct info want, got;

		if (is_newer(row))
			continue;
		ask(fd, args, ARRAY_LEN(args));
		assert_int_equal(read_number(&theirs, '*'), 1);
		want = read_info(&theirs);
		resp_cmd_put_info(&w, row);
		assert_false(w.full);
		text[w.len] = '\0';
		got = read_info(&ours);
		assert_ptr_equal(ours.pos, text + w.len);
		print_message("%s%.*s", id % 10 ? " " : "\n", SLICE_ARG(row->name));
		assert_true(slice_eq(got.name, want.name));
		assert_int_equal(got.arity, want.arity);
		assert_int_equal(got.write, want.write);
		assert_int_equal(got.readonly, want.readonly);
		assert_int_equal(got.movable || hides_patterns(row), want.movable);
		assert_int_equal(got.first, want.first);
		assert_int_equal(got.last, want.last);
		assert_int_equal(got.step, want.step);
		assert_int_equal(got.in_write, want.in_write);
		assert_int_equal(got.in_read, want.in_read);
		assert_int_equal(got.subs > 0, want.subs > 0);
	}
	print_message("\n");
	close(fd);
}

static void groups_are_what_the_server_says(void **state)
{
	(void)state;
	int fd = server_connect();

	for (enum resp_cmd_id id = 0; id < CMD_COUNT; id++) {
		const struct resp_cmd *row = resp_cmd_row(id);
		struct slice args[] = {SLICE_LIT("COMMAND"), SLICE_LIT("DOCS"), row->name};
		struct reader theirs = {server.reply};
		struct slice group = {0};

		if (is_newer(row))
			continue;
		ask(fd, args, ARRAY_LEN(args));
		assert_int_equal(read_number(&theirs, '*'), 2);
		assert_true(slice_eq(read_text(&theirs), row->name));
		for (int64_t n = read_number(&theirs, '*'); n > 0; n -= 2) {
			if (slice_eq(read_text(&theirs), SLICE_LIT("group")))
				group = read_text(&theirs);
			else
				skip_value(&theirs);
		}
		assert_true(slice_eq(resp_cmd_group_name(row->group), group));
	}
	close(fd);
}

static bool is_refused_by_table(struct slice name)
{
	static const char *const refused[] = {
#define REASON(id, title, why)
#define REFUSED(refused_name, reason) refused_name,
#include "common/proto/resp_refused.def"
#undef REFUSED
#undef REASON
	};

	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		size_t n = strlen(refused[i]);

		if (name.len >= n && memcmp(name.ptr, refused[i], n) == 0 &&
			(name.len == n || name.ptr[n] == '|'))
			return true;
	}
	return false;
}

// No command of the server is forgotten, and none is both answered and refused.
static void every_command_has_a_row_or_a_reason(void **state)
{
	(void)state;
	struct slice args[] = {SLICE_LIT("COMMAND"), SLICE_LIT("LIST")};
	int fd = server_connect();
	struct reader r = {server.reply};
	uint32_t with_row = 0;
	int64_t n;

	ask(fd, args, ARRAY_LEN(args));
	n = read_number(&r, '*');
	assert_true(n > 300);
	for (; n > 0; n--) {
		struct slice name = read_text(&r);
		bool has_row = resp_cmd_lookup_full(name) != NULL;

		if (has_row == is_refused_by_table(name))
			fail_msg("%.*s: row %d", SLICE_ARG(name), has_row);
		with_row += has_row;
	}
	// All but the newer ones.
	assert_int_equal(with_row, CMD_COUNT - 3);
	close(fd);
}

static void keys_are_found_as_by_the_server(void **state)
{
	(void)state;
	static const char *const requests[] = {"GET k", "get k extra", "GET", "SET k v EX 10",
		"MGET a b c d", "MSET a 1 b 2", "MSET a 1 b", "DEL k", "BITOP AND dst a b",
		"BITOP NOT dst a", "ZUNIONSTORE dst 2 a b WEIGHTS 1 2", "ZUNIONSTORE dst 3 a b",
		"ZUNIONSTORE dst 0 a b", "ZUNIONSTORE dst x a b", "ZUNION 2 a b WITHSCORES",
		"ZUNION 3 a b", "ZINTERCARD 2 a b LIMIT 1", "SINTERCARD 1 a", "LMPOP 2 a b LEFT",
		"LMPOP 2 a LEFT", "ZMPOP 1 a MIN", "SORT l", "SORT l BY store LIMIT 0 1 STORE dst",
		"SORT l STORE a STORE b", "SORT l GET store ALPHA", "SORT_RO l BY x",
		"GEORADIUS k 1 2 3 km", "GEORADIUS k 1 2 3 km STORE dst",
		"GEORADIUS k 1 2 3 km COUNT 1 STOREDIST dst",
		"GEORADIUSBYMEMBER k m 3 km STORE dst", "GEOSEARCHSTORE dst src FROMMEMBER m b c d",
		"OBJECT ENCODING k", "OBJECT HELP", "OBJECT nosuch k", "MEMORY USAGE k",
		"MEMORY USAGE k SAMPLES 5", "SMOVE a b m", "RENAME a b", "COPY a b DB 1",
		"LCS a b IDX", "PFMERGE dst a b", "PFCOUNT a b", "SDIFFSTORE d a b",
		"ZRANGESTORE d s 0 -1", "PING", "PING x", "SELECT 0", "nosuch k", "SCAN 0"};
	int fd = server_connect();

	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		struct slice args[16] = {SLICE_LIT("COMMAND"), SLICE_LIT("GETKEYS")};
		uint32_t argc = add_words(args, 2, ARRAY_LEN(args), requests[i]);
		char text[1024];
		struct resp_writer w = resp_writer_make(text, sizeof(text) - 1);

		const struct resp_cmd *row;
		enum resp_cmd_verdict verdict = resp_cmd_resolve(args, argc, &row);

		ask(fd, args, argc);
		if (verdict == RESP_CMD_OK)
			resp_cmd_put_getkeys(&w, args + 2, argc - 2);
		else
			resp_cmd_put_refusal(&w, verdict, row, args, argc);
		text[w.len] = '\0';
		print_message("%s\n", requests[i]);
		assert_string_equal(text, server.reply);
	}
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_what_the_server_says),
		cmocka_unit_test(groups_are_what_the_server_says),
		cmocka_unit_test(every_command_has_a_row_or_a_reason),
		cmocka_unit_test(keys_are_found_as_by_the_server),
	};

	return cmocka_run_group_tests(tests, server_start, server_stop);
}
