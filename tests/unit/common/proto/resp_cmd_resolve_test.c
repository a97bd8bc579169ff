#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/proto/resp_cmd.h"

static void verdict_and_row(void **state)
{
	(void)state;
	static const struct {
		struct slice args[2];
		uint32_t argc;
		enum resp_cmd_verdict verdict;
		int row; // -1: none
	} cases[] = {
		{{SLICE_LIT("get"), SLICE_LIT("k")}, 2, RESP_CMD_OK, CMD_GET},
		{{SLICE_LIT("GET"), SLICE_LIT("k")}, 3, RESP_CMD_BAD_ARITY, CMD_GET},
		{{SLICE_LIT("GET")}, 1, RESP_CMD_BAD_ARITY, CMD_GET},
		{{SLICE_LIT("PING")}, 1, RESP_CMD_OK, CMD_PING},
		{{SLICE_LIT("nosuch")}, 1, RESP_CMD_UNKNOWN, -1},
		{{SLICE_LIT("")}, 1, RESP_CMD_UNKNOWN, -1},
		{{SLICE_LIT("object|help")}, 1, RESP_CMD_UNKNOWN, -1},
		{{SLICE_LIT("OBJECT")}, 1, RESP_CMD_BAD_ARITY, CMD_OBJECT},
		{{SLICE_LIT("OBJECT"), SLICE_LIT("HELP")}, 2, RESP_CMD_OK, CMD_OBJECT_HELP},
		{{SLICE_LIT("OBJECT"), SLICE_LIT("HELP")}, 3, RESP_CMD_BAD_ARITY, CMD_OBJECT_HELP},
		{{SLICE_LIT("OBJECT"), SLICE_LIT("x")}, 3, RESP_CMD_UNKNOWN_SUB, CMD_OBJECT},
		{{SLICE_LIT("COMMAND")}, 1, RESP_CMD_OK, CMD_COMMAND},
		{{SLICE_LIT("COMMAND"), SLICE_LIT("Count")}, 2, RESP_CMD_OK, CMD_COMMAND_COUNT},
		{{SLICE_LIT("COMMAND"), SLICE_LIT("x")}, 2, RESP_CMD_UNKNOWN_SUB, CMD_COMMAND},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct resp_cmd *row;

		assert_int_equal(
			resp_cmd_resolve(cases[i].args, cases[i].argc, &row), cases[i].verdict);
		if (cases[i].row < 0)
			assert_null(row);
		else
			assert_ptr_equal(row, resp_cmd_row((enum resp_cmd_id)cases[i].row));
	}
}

static void assert_refusal(const struct slice *args, uint32_t argc, const char *want)
{
	const struct resp_cmd *row;
	enum resp_cmd_verdict verdict = resp_cmd_resolve(args, argc, &row);
	char text[RESP_CMD_REFUSAL_MAX + 1];
	struct resp_writer w = resp_writer_make(text, RESP_CMD_REFUSAL_MAX);

	resp_cmd_put_refusal(&w, verdict, row, args, argc);
	assert_false(w.full);
	text[w.len] = '\0';
	assert_string_equal(text, want);
}

static void refusals_say_why(void **state)
{
	(void)state;
	const struct slice unknown[] = {SLICE_LIT("No\r\nSuch"), SLICE_LIT("a\0b"), SLICE_LIT("")};
	const struct slice sub[] = {SLICE_LIT("Object"), SLICE_LIT("x\ny")};
	const struct slice arity[] = {SLICE_LIT("OBJECT"), SLICE_LIT("FREQ")};

	assert_refusal(
		unknown, 1, "-ERR unknown command 'No  Such', with args beginning with: \r\n");
	assert_refusal(unknown, 3,
		"-ERR unknown command 'No  Such', with args beginning with: 'a' '' \r\n");
	assert_refusal(sub, 2, "-ERR unknown subcommand 'x y'. Try OBJECT HELP.\r\n");
	assert_refusal(arity, 2, "-ERR wrong number of arguments for 'object|freq' command\r\n");
}

// The promise that lets callers use a buffer of RESP_CMD_REFUSAL_MAX without asking.
static void no_refusal_is_too_long(void **state)
{
	(void)state;
	static char longer[1000];
	struct slice args[64];
	struct slice sub[] = {SLICE_LIT("command"), slice_make(longer, sizeof(longer))};
	const struct resp_cmd *row;

	memset(longer, 'x', sizeof(longer));
	for (size_t len = 0; len < 300; len++) {
		char text[RESP_CMD_REFUSAL_MAX];
		struct resp_writer w = resp_writer_make(text, sizeof(text));

		for (size_t i = 0; i < ARRAY_LEN(args); i++)
			args[i] = slice_make(longer, i == 0 ? sizeof(longer) : len);
		resp_cmd_put_refusal(&w, RESP_CMD_UNKNOWN, NULL, args, ARRAY_LEN(args));
		assert_false(w.full);
		assert_memory_equal(text + w.len - 2, "\r\n", 2);
		assert_int_equal(resp_cmd_resolve(sub, 2, &row), RESP_CMD_UNKNOWN_SUB);
		w = resp_writer_make(text, sizeof(text));
		resp_cmd_put_refusal(&w, RESP_CMD_UNKNOWN_SUB, row, sub, 2);
		assert_false(w.full);
	}
}

static void http_is_noticed(void **state)
{
	(void)state;
	assert_true(resp_cmd_is_http(SLICE_LIT("POST")));
	assert_true(resp_cmd_is_http(SLICE_LIT("host:")));
	assert_false(resp_cmd_is_http(SLICE_LIT("host")));
	assert_false(resp_cmd_is_http(SLICE_LIT("get")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdict_and_row),
		cmocka_unit_test(refusals_say_why),
		cmocka_unit_test(no_refusal_is_too_long),
		cmocka_unit_test(http_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
