// The words of refusal, of requests and of streams, against a real Redis 7.0.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/rng.h"
#include "common/proto/resp_cmd.h"
#include "tests/unit/common/proto/redis_server.h"

// The server refuses a request that we refuse, in the same words.
static void assert_same_refusal(int fd, const struct slice *args, uint32_t argc)
{
	const struct resp_cmd *row;
	enum resp_cmd_verdict verdict = resp_cmd_resolve(args, argc, &row);
	char text[RESP_CMD_REFUSAL_MAX];
	struct resp_writer w = resp_writer_make(text, sizeof(text));

	assert_int_not_equal(verdict, RESP_CMD_OK);
	resp_cmd_put_refusal(&w, verdict, row, args, argc);
	assert_false(w.full);
	ask(fd, args, argc);
	if (w.len != server.reply_len || memcmp(text, server.reply, w.len) != 0)
		fail_msg("\nours:   %.*stheirs: %s", (int)w.len, text, server.reply);
}

// Redis 7.0 does not know it: clients made for 7.2 send it when they connect, or it is our own.
static bool is_newer(const struct resp_cmd *row)
{
	return row->id == CMD_CLIENT_SETINFO || row->id == CMD_CLIENT_NO_TOUCH ||
		row->id == CMD_DYNO_CONSISTENCY;
}

static void wrong_arity_is_refused_in_the_same_words(void **state)
{
	(void)state;
	int fd = server_connect();
	uint32_t refusals = 0;

	for (enum resp_cmd_id id = 0; id < CMD_COUNT; id++) {
		const struct resp_cmd *row = resp_cmd_row(id);
		uint32_t min = (uint32_t)abs(row->arity);
		struct slice args[16];
		uint32_t named = 1;
		const char *bar = memchr(row->name.ptr, '|', row->name.len);

		for (size_t i = 0; i < ARRAY_LEN(args); i++)
			args[i] = SLICE_LIT("1");
		args[0] = row->name;
		if (bar) {
			args[0].len = (size_t)(bar - row->name.ptr);
			args[1] = slice_make(bar + 1, row->name.len - args[0].len - 1);
			named = 2;
		}
		if (is_newer(row))
			continue;
		if (min > named) {
			assert_same_refusal(fd, args, min - 1);
			refusals++;
		}
		if (row->arity > 0) {
			assert_same_refusal(fd, args, min + 1);
			refusals++;
		}
	}
	assert_true(refusals > 200);
	close(fd);
}

static void the_unknown_is_refused_in_the_same_words(void **state)
{
	(void)state;
	static char longer[300];
	int fd = server_connect();
	// No known name with a NUL behind it: the server hashes all of it with a seed of its own
	// and compares up to the NUL, so that it finds the command in some runs and not in others.
	struct slice plain[][4] = {{SLICE_LIT("nosuch")}, {SLICE_LIT("NoSuch"), SLICE_LIT("Arg")},
		{SLICE_LIT("")}, {SLICE_LIT("a\r\nb")}, {SLICE_LIT("a\r\n"), SLICE_LIT("b\r\n")},
		{SLICE_LIT("\r\n")}, {SLICE_LIT("foo\0bar"), SLICE_LIT("a\0b"), SLICE_LIT("\0")},
		{SLICE_LIT("\0get"), SLICE_LIT("k")}, {SLICE_LIT("%s%n"), SLICE_LIT("%d'\"")},
		{SLICE_LIT("\xff\x80"), SLICE_LIT("\x01")}, {slice_make(longer, 127)},
		{slice_make(longer, 128)}, {slice_make(longer, 129)},
		{slice_make(longer, 300), slice_make(longer, 300), slice_make(longer, 300)},
		{SLICE_LIT("a"), slice_make(longer, 120), slice_make(longer, 120)},
		{SLICE_LIT("a"), slice_make(longer, 125), SLICE_LIT("bcd"), SLICE_LIT("e")},
		{SLICE_LIT("a"), slice_make(longer, 126), SLICE_LIT("bcd")},
		{SLICE_LIT("client|id")}, {SLICE_LIT("object|"), SLICE_LIT("x")},
		{SLICE_LIT("object"), SLICE_LIT("nosuch")}, {SLICE_LIT("OBJECT"), SLICE_LIT("")},
		{SLICE_LIT("object"), SLICE_LIT("a\r\nb")}, {SLICE_LIT("object"), SLICE_LIT("\0")},
		{SLICE_LIT("config"), slice_make(longer, 127)},
		{SLICE_LIT("config"), slice_make(longer, 128)},
		{SLICE_LIT("config"), slice_make(longer, 300), SLICE_LIT("x")},
		{SLICE_LIT("memory"), SLICE_LIT("usage|x")}, {SLICE_LIT("command"), SLICE_LIT("x")},
		{SLICE_LIT("client"), SLICE_LIT("x")}};

	memset(longer, 'L', sizeof(longer));
	for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
		uint32_t argc = 1;

		while (argc < 4 && plain[i][argc].ptr)
			argc++;
		assert_same_refusal(fd, plain[i], argc);
	}
	close(fd);
}

// Names and arguments of random bytes; a name that we know is none that we would refuse.
static void random_requests_are_refused_in_the_same_words(void **state)
{
	(void)state;
	static char bytes[8 * 160];
	int fd = server_connect();
	struct rng rng;

	rng_seed(&rng, 7);
	for (unsigned round = 0; round < 3000; round++) {
		uint32_t argc = 1 + rng_below(&rng, 8);
		struct slice args[8];

		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = rng_below(&rng, 3) ? "\0\r\nab'%|"[rng_below(&rng, 8)]
						      : (char)rng_u64(&rng);
		for (uint32_t i = 0; i < argc; i++)
			args[i] = slice_make(bytes + i * 160,
				rng_below(&rng, 2) ? rng_below(&rng, 160) : rng_below(&rng, 9));
		if (rng_below(&rng, 4) == 0)
			args[0] = SLICE_LIT("Object");
		if (argc > 1 || args[0].ptr == bytes)
			assert_same_refusal(fd, args, argc);
	}
	close(fd);
}

// Feeds the stream; what we would answer to the requests up to the first error, then the error.
static size_t our_answer(const char *stream, size_t len, char *out, size_t cap)
{
	struct resp_writer w = resp_writer_make(out, cap);
	struct resp_request_parser p;
	static char array[RESP_INLINE_OUT(RESP_LINE_MAX)];
	size_t pos = 0;

	resp_request_init(&p, RESP_BULK_MAX);
	while (pos < len) {
		size_t used;
		enum resp_status status =
			resp_request_parse(&p, (const uint8_t *)stream + pos, len - pos, &used);

		assert_int_not_equal(status, RESP_MORE);
		if (status == RESP_ERROR) {
			resp_put_errorf(&w, "ERR %s", p.error);
			return w.len;
		}
		if (status == RESP_DONE && p.is_inline &&
			resp_inline_encode(stream + pos, used, array, sizeof(array)) < 0) {
			resp_put_error(&w, SLICE_LIT("ERR " RESP_ERROR_QUOTES));
			return w.len;
		}
		if (status == RESP_DONE)
			resp_put_simple(&w, SLICE_LIT("PONG"));
		pos += used;
	}
	fail_msg("no error in the stream");
	return 0;
}

static void assert_same_protocol_error(const char *stream, size_t len)
{
	char ours[256];
	size_t ours_len = our_answer(stream, len, ours, sizeof(ours));
	char theirs[256];
	size_t theirs_len = 0;
	int fd = server_connect();
	ssize_t n;

	send_all(fd, stream, len);
	do {
		struct pollfd pfd = {.fd = fd, .events = POLLIN};

		assert_int_equal(poll(&pfd, 1, WAIT_MS), 1);
		n = recv(fd, theirs + theirs_len, sizeof(theirs) - theirs_len, 0);
		theirs_len += n > 0 ? (size_t)n : 0;
	} while (n > 0);
	if (ours_len != theirs_len || memcmp(ours, theirs, ours_len) != 0)
		fail_msg("\nours:   %.*s\ntheirs: %.*s", (int)ours_len, ours, (int)theirs_len,
			theirs);
	close(fd);
}

static void protocol_errors_have_the_same_words(void **state)
{
	(void)state;
	static const struct slice streams[] = {SLICE_LIT("*x\r\n"), SLICE_LIT("*\r\n"),
		SLICE_LIT("*1x\r\n"), SLICE_LIT("*01\r\n"), SLICE_LIT("*+1\r\n"),
		SLICE_LIT("* 1\r\n"), SLICE_LIT("*-0\r\n"), SLICE_LIT("*2147483648\r\n"),
		SLICE_LIT("*99999999999999999999999999\r\n"), SLICE_LIT("*1\r\n+OK\r\n"),
		SLICE_LIT("*1\r\n\r\n"), SLICE_LIT("*1\r\n\nx\r\n"), SLICE_LIT("*1\r\n\xffx\r\n"),
		SLICE_LIT("*1\r\nPING\r\n"), SLICE_LIT("*1\r\n*1\r\n"), SLICE_LIT("*1\r\n$\r\n"),
		SLICE_LIT("*1\r\n$-1\r\n"), SLICE_LIT("*1\r\n$x\r\n"), SLICE_LIT("*1\r\n$4x\r\n"),
		SLICE_LIT("*1\r\n$04\r\n"), SLICE_LIT("*1\r\n$536870913\r\n"),
		SLICE_LIT("*1\r\n$99999999999999999999999\r\n"),
		SLICE_LIT("*2\r\n$4\r\nPING\r\n:1\r\n"), SLICE_LIT("\"PING\r\n"),
		SLICE_LIT("PING '\n"), SLICE_LIT("PING \"a\"b\r\n"), SLICE_LIT("PING 'a'b\r\n"),
		SLICE_LIT("PING \"a\\\"\r\n"), SLICE_LIT("PING 'a\\'\r\n"),
		SLICE_LIT("PING\r\n\r\n*1\r\n$4\r\nPING\r\n*0\r\n*-7\r\n*x\r\n"),
		SLICE_LIT("PING\n  \t\r\nPING\r\n*1\r\n$4\r\nPING\r\n\"\r\n")};

	for (size_t i = 0; i < ARRAY_LEN(streams); i++)
		assert_same_protocol_error(streams[i].ptr, streams[i].len);
}

static void endless_lines_have_the_same_words(void **state)
{
	(void)state;
	static const char *const starts[] = {"", "*", "*2\r\n$4\r\nPING\r\n$", "PING\r\n*"};
	static char stream[RESP_LINE_MAX + 1000];

	for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
		memset(stream, '1', sizeof(stream));
		memcpy(stream, starts[i], strlen(starts[i]));
		assert_same_protocol_error(stream, sizeof(stream));
	}
}

// What the server made of the words of a line, by putting them into a list; false when it refused.
static bool server_splits(int fd, const char *line, size_t len)
{
	static const struct slice range[] = {
		SLICE_LIT("LRANGE"), SLICE_LIT("k"), SLICE_LIT("0"), SLICE_LIT("-1")};
	static const struct slice del[] = {SLICE_LIT("DEL"), SLICE_LIT("k")};

	ask(fd, del, ARRAY_LEN(del));
	send_all(fd, "RPUSH k ", 8);
	send_all(fd, line, len);
	receive_reply(fd);
	if (server.reply[0] != ':') {
		assert_string_equal(server.reply, "-ERR " RESP_ERROR_QUOTES "\r\n");
		assert_true(is_closed_by_server(fd));
		return false;
	}
	ask(fd, range, ARRAY_LEN(range));
	return true;
}

static void random_inline_requests_split_as_by_the_server(void **state)
{
	(void)state;
	static const char letters[] = "ab \t'\"\\x4fnr\v\f\x80\r";
	int fd = server_connect();
	unsigned refused = 0;
	struct rng rng;

	rng_seed(&rng, 11);
	for (unsigned round = 0; round < 4000; round++) {
		char line[64] = "x";
		char array[RESP_INLINE_OUT(sizeof(line))];
		size_t len = 1 + rng_below(&rng, 24);
		long n;

		for (size_t i = 1; i < len; i++)
			line[i] = letters[rng_below(&rng, rng_below(&rng, 3) ? 4 : 16)];
		if (rng_below(&rng, 2))
			line[len++] = '\r';
		line[len++] = '\n';
		n = resp_inline_encode(line, len, array, sizeof(array));
		if (server_splits(fd, line, len)) {
			assert_int_equal(n, server.reply_len);
			assert_memory_equal(array, server.reply, (size_t)n);
		} else {
			assert_int_equal(n, -EINVAL);
			close(fd);
			fd = server_connect();
			refused++;
		}
	}
	assert_in_range(refused, 500, 3500);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_arity_is_refused_in_the_same_words),
		cmocka_unit_test(the_unknown_is_refused_in_the_same_words),
		cmocka_unit_test(random_requests_are_refused_in_the_same_words),
		cmocka_unit_test(protocol_errors_have_the_same_words),
		cmocka_unit_test(endless_lines_have_the_same_words),
		cmocka_unit_test(random_inline_requests_split_as_by_the_server),
	};

	return cmocka_run_group_tests(tests, server_start, server_stop);
}
