#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/proto/resp_cmd_info.h"

static char buf[65536];

static struct resp_writer writer(void)
{
	return resp_writer_make(buf, sizeof(buf) - 1);
}

static void assert_text(struct resp_writer *w, const char *want)
{
	assert_false(w->full);
	buf[w->len] = '\0';
	assert_string_equal(buf, want);
}

// How many replies were written; all of it must be whole ones.
static unsigned replies_in(const struct resp_writer *w)
{
	struct resp_reply_parser p;
	unsigned n = 0;
	size_t used;

	assert_false(w->full);
	resp_reply_init(&p, RESP_BULK_MAX);
	for (size_t pos = 0; pos < w->len; pos += used, n++)
		assert_int_equal(
			resp_reply_parse(&p, (const uint8_t *)buf + pos, w->len - pos, &used),
			RESP_DONE);
	return n;
}

static void count_is_of_rows_without_subcommands(void **state)
{
	(void)state;
	uint32_t n = 0;

	for (enum resp_cmd_id id = 0; id < CMD_COUNT; id++)
		n += memchr(resp_cmd_row(id)->name.ptr, '|', resp_cmd_row(id)->name.len) == NULL;
	assert_int_equal(resp_cmd_count(), n);
}

static void groups_have_the_names_of_the_server(void **state)
{
	(void)state;
	assert_true(
		slice_eq(resp_cmd_group_name(RESP_CMD_GROUP_SORTED_SET), SLICE_LIT("sorted-set")));
	for (unsigned g = 0; g < RESP_CMD_GROUP_COUNT; g++)
		assert_true(resp_cmd_group_name((enum resp_cmd_group)g).len > 0);
}

static void info_of_a_command(void **state)
{
	(void)state;
	struct resp_writer w = writer();

	resp_cmd_put_info(&w, resp_cmd_row(CMD_GET));
	assert_text(&w,
		"*10\r\n$3\r\nget\r\n:2\r\n*1\r\n+readonly\r\n:1\r\n:1\r\n:1\r\n"
		"*1\r\n+@read\r\n*0\r\n*0\r\n*0\r\n");
	w = writer();
	resp_cmd_put_info(&w, resp_cmd_row(CMD_ZUNIONSTORE));
	assert_text(&w,
		"*10\r\n$11\r\nzunionstore\r\n:-4\r\n*2\r\n+write\r\n+movablekeys\r\n"
		":1\r\n:1\r\n:1\r\n*1\r\n+@write\r\n*0\r\n*0\r\n*0\r\n");
	w = writer();
	resp_cmd_put_info(&w, NULL);
	assert_text(&w, "$-1\r\n");
}

static void docs_of_a_command(void **state)
{
	(void)state;
	struct resp_writer w = writer();

	resp_cmd_put_docs(&w, resp_cmd_row(CMD_GET));
	assert_text(&w,
		"$3\r\nget\r\n*4\r\n$7\r\nsummary\r\n$12\r\nread a value\r\n"
		"$5\r\ngroup\r\n$6\r\nstring\r\n");
}

static void every_row_gives_whole_replies(void **state)
{
	(void)state;
	for (enum resp_cmd_id id = 0; id < CMD_COUNT; id++) {
		const struct resp_cmd *row = resp_cmd_row(id);
		struct resp_writer w = writer();

		resp_cmd_put_info(&w, row);
		assert_int_equal(replies_in(&w), 1);
		w = writer();
		resp_cmd_put_docs(&w, row);
		assert_int_equal(replies_in(&w), 2);
		if (!resp_cmd_is_container(row))
			continue;
		w = writer();
		resp_cmd_put_help(&w, row);
		assert_int_equal(replies_in(&w), 1);
	}
}

static void help_lists_the_subcommands(void **state)
{
	(void)state;
	struct resp_writer w = writer();

	resp_cmd_put_help(&w, resp_cmd_row(CMD_MEMORY));
	assert_text(&w,
		"*5\r\n+MEMORY <subcommand> [<arg> [value] [opt] ...]. Subcommands are:\r\n"
		"+HELP\r\n+    what MEMORY can do\r\n"
		"+USAGE\r\n+    bytes that a key and its value take\r\n");
}

static void assert_getkeys(struct slice *args, uint32_t argc, const char *want)
{
	struct resp_writer w = writer();

	resp_cmd_put_getkeys(&w, args, argc);
	assert_text(&w, want);
}

static void getkeys_gives_keys_or_says_why_not(void **state)
{
	(void)state;
	struct slice mset[] = {
		SLICE_LIT("mset"), SLICE_LIT("a"), SLICE_LIT("1"), SLICE_LIT("b"), SLICE_LIT("2")};
	struct slice zunion[] = {SLICE_LIT("ZUNIONSTORE"), SLICE_LIT("d"), SLICE_LIT("2"),
		SLICE_LIT("a"), SLICE_LIT("b")};
	struct slice sort[] = {
		SLICE_LIT("SORT"), SLICE_LIT("l"), SLICE_LIT("STORE"), SLICE_LIT("d")};

	assert_getkeys(mset, 5, "*2\r\n$1\r\na\r\n$1\r\nb\r\n");
	assert_getkeys(mset, 2, "-ERR Invalid number of arguments specified for command\r\n");
	assert_getkeys(zunion, 5, "*3\r\n$1\r\nd\r\n$1\r\na\r\n$1\r\nb\r\n");
	assert_getkeys(zunion, 4, "-ERR Invalid arguments specified for command\r\n");
	assert_getkeys(sort, 4, "*2\r\n$1\r\nl\r\n$1\r\nd\r\n");
	assert_getkeys((struct slice[]){SLICE_LIT("nosuch"), SLICE_LIT("a")}, 2,
		"-ERR Invalid command specified\r\n");
	assert_getkeys((struct slice[]){SLICE_LIT("PING"), SLICE_LIT("a")}, 2,
		"-ERR The command has no key arguments\r\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(count_is_of_rows_without_subcommands),
		cmocka_unit_test(groups_have_the_names_of_the_server),
		cmocka_unit_test(info_of_a_command),
		cmocka_unit_test(docs_of_a_command),
		cmocka_unit_test(every_row_gives_whole_replies),
		cmocka_unit_test(help_lists_the_subcommands),
		cmocka_unit_test(getkeys_gives_keys_or_says_why_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
