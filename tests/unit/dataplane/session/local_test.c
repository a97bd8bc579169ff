// Commands that are answered here. Where Redis answers the same, a real one says what it is.
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "dataplane/session/local.h"
#include "tests/support/session_rig.h"
#include "tests/support/store_redis.h"

static const char *redis_path;

static int start(void **state)
{
	(void)state;
	redis_path = store_redis_start();
	return redis_path ? 0 : -1;
}

static int stop(void **state)
{
	(void)state;
	store_redis_stop();
	return 0;
}

static int setup(void **state)
{
	struct rig_config config = rig_config_default(redis_path);

	config.session.pid = 4711;
	*state = rig_new(&config);
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	// The store was never asked.
	assert_int_equal(rig->server.stats->stat[STAT_store_writes], 0);
	assert_true(rig_free(rig));
	return 0;
}

static void test_each_local_row_has_a_handler(void **state)
{
	(void)state;
	for (enum resp_cmd_id id = 0; id < CMD_COUNT; id++) {
		const struct resp_cmd *row = resp_cmd_row(id);

		if ((row->route == RESP_CMD_ROUTE_LOCAL) != (local_handler(id) != NULL))
			fail_msg("%.*s", SLICE_ARG(row->name));
	}
}

static void test_match(void **state)
{
	(void)state;
	assert_true(local_match(SLICE_LIT("*"), SLICE_LIT("")));
	assert_true(local_match(SLICE_LIT("max*"), SLICE_LIT("maxmemory")));
	assert_true(local_match(SLICE_LIT("*MEM*y"), SLICE_LIT("maxmemory")));
	assert_true(local_match(SLICE_LIT("s?ve"), SLICE_LIT("save")));
	assert_true(local_match(SLICE_LIT("a*b*c"), SLICE_LIT("aXbXbXc")));
	assert_false(local_match(SLICE_LIT("a*b*c"), SLICE_LIT("aXbXbX")));
	assert_false(local_match(SLICE_LIT("save"), SLICE_LIT("saves")));
	assert_false(local_match(SLICE_LIT("saves"), SLICE_LIT("save")));
	assert_false(local_match(SLICE_LIT(""), SLICE_LIT("x")));
}

static size_t ask_redis(const char *request, char *reply, size_t cap)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	ssize_t n;

	memcpy(addr.sun_path, redis_path, strlen(redis_path) + 1);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(send(fd, request, strlen(request), 0), strlen(request));
	assert_int_equal(poll(&pfd, 1, 5000), 1);
	n = recv(fd, reply, cap, 0);
	assert_true(n > 0);
	close(fd);
	return (size_t)n;
}

#define TEN_WORDS "a b c d e f g h i j "
#define TWO_ARGS "$0\r\n\r\n$1\r\nb\r\n"
#define TEN_ARGS TWO_ARGS TWO_ARGS TWO_ARGS TWO_ARGS TWO_ARGS

static const char *const same_requests[] = {
	"PING\r\n",
	"PING hello\r\n",
	"PING a b\r\n",
	"ECHO hello\r\n",
	"ECHO\r\n",
	"SELECT 0\r\n",
	"SELECT 16\r\n",
	"SELECT -1\r\n",
	"SELECT x\r\n",
	"RESET\r\n",
	"AUTH secret\r\n",
	"AUTH user secret\r\n",
	"AUTH a b c\r\n",
	"CLIENT\r\n",
	"CLIENT GETNAME\r\n",
	"CLIENT SETNAME joe\r\n",
	"CLIENT SETNAME \"a b\"\r\n",
	"CLIENT NO-EVICT on\r\n",
	"CLIENT NO-EVICT maybe\r\n",
	"CONFIG GET save\r\n",
	"CONFIG GET appendonly\r\n",
	"CONFIG GET nothing-of-that-name\r\n",
	"COMMAND GETKEYS MSET a b c d\r\n",
	"COMMAND GETKEYS PING x\r\n",
	"COMMAND LIST FILTERBY MODULE json\r\n",
	"COMMAND LIST FILTERBY\r\n",
	"COMMAND INFO nosuch\r\n",
	"COMMAND INFO object|nosuch\r\n",
	"COMMAND DOCS nosuch\r\n",
	"COMMAND GETKEYS get a b\r\n",
	"COMMAND GETKEYS nosuch a\r\n",
	"COMMAND GETKEYS zunionstore d 5 a\r\n",
	"COMMAND COUNT x\r\n",
	"AUTH default x\r\n",
	"SELECT 00\r\n",
	"SELECT 99999999999\r\n",
	"HELLO 1\r\n",
	"HELLO 4\r\n",
	"HELLO abc\r\n",
	"HELLO 2 NOPE\r\n",
	"HELLO 2 SETNAME\r\n",
	"HELLO 2 SETNAME \"a b\"\r\n",
	"HELLO 2 AUTH default\r\n",
	"HELLO 2 AUTH bob x\r\n",
	"CLIENT REPLY ON\r\n",
	"CLIENT REPLY maybe\r\n",
	"CLIENT TRACKING OFF\r\n",
	"CLIENT TRACKING maybe\r\n",
	"CLIENT TRACKINGINFO\r\n",
	"CLIENT GETREDIR\r\n",
	"CLIENT LIST NOPE\r\n",
	"CLIENT LIST TYPE nope\r\n",
	"CLIENT LIST TYPE pubsub\r\n",
	"CLIENT LIST ID x\r\n",
	"CLIENT LIST ID 999999\r\n",
	// An unknown command with more arguments than the parser remembers.
	"nosuch " TEN_WORDS TEN_WORDS TEN_WORDS TEN_WORDS TEN_WORDS "\r\n",
	"*61\r\n$6\r\nnosuch\r\n" TEN_ARGS TEN_ARGS TEN_ARGS TEN_ARGS TEN_ARGS TEN_ARGS,
	"QUIT\r\n",
};

static void test_same_as_redis(void **state)
{
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(same_requests) / sizeof(same_requests[0]); i++) {
		struct rig_client *c = rig_connect(rig);
		char reply[4096];
		size_t n = ask_redis(same_requests[i], reply, sizeof(reply));

		rig_send(rig, c, same_requests[i], strlen(same_requests[i]));
		if (!rig_expect(rig, c, reply, n))
			fail_msg("%s", same_requests[i]);
		assert_int_equal(c->in_len, 0);
	}
}

#define HELLO_REPLY(id)                                                                            \
	"*14\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.0.0\r\n$5\r\nproto\r\n:"   \
	"2\r\n"                                                                                    \
	"$2\r\nid\r\n:" id "\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n" \
	"$7\r\nmodules\r\n*0\r\n"

static void test_hello(void **state)
{
	struct rig *rig = *state;
	struct rig_client *c = rig_connect(rig);

	assert_true(RIG_ASK(rig, c, "hello\r\n", HELLO_REPLY("1")));
	assert_true(RIG_ASK(rig, c, "hello 2 auth default x setname joe\r\nclient getname\r\n",
		HELLO_REPLY("1") "$3\r\njoe\r\n"));
	// By these words, and by no others, all clients go on in RESP2.
	assert_true(RIG_ASK(rig, c, "HELLO 3 SETNAME eve\r\nclient getname\r\n",
		"-ERR unknown command 'HELLO', with args beginning with: '3' 'SETNAME' 'eve' \r\n"
		"$3\r\njoe\r\n"));
}

static void test_counts(void **state)
{
	struct rig *rig = *state;
	struct rig_client *c = rig_connect(rig);
	const uint64_t *stat = rig->server.stats->stat;

	assert_true(RIG_ASK(rig, c, "ping\r\nPING\r\necho x\r\nnope\r\nget\r\n",
		"+PONG\r\n+PONG\r\n$1\r\nx\r\n-ERR unknown command 'nope', with args beginning "
		"with: \r\n-ERR wrong number of arguments for 'get' command\r\n"));
	assert_int_equal(stat[STAT_redis_req_ping], 2);
	assert_int_equal(stat[STAT_redis_req_other], 1);
	assert_int_equal(stat[STAT_redis_req_get], 0);
}

static void test_client(void **state)
{
	struct rig *rig = *state;
	struct rig_client *a = rig_connect(rig);
	struct rig_client *b = rig_connect(rig);

	assert_true(RIG_ASK(rig, a, "client id\r\n", ":1\r\n"));
	assert_true(RIG_ASK(rig, b, "client id\r\n", ":2\r\n"));
	assert_true(RIG_ASK(
		rig, a, "client setname joe\r\nclient getname\r\n", "+OK\r\n$3\r\njoe\r\n"));
	assert_true(RIG_ASK(rig, b, "client getname\r\n", "$-1\r\n"));
	assert_true(RIG_ASK(rig, a, "client setinfo lib-name redis-py\r\n", "+OK\r\n"));
	assert_true(RIG_ASK(
		rig, a, "client setinfo colour red\r\n", "-ERR Unrecognized option 'colour'\r\n"));
	rig_send(rig, a, "client info\r\n", 13);
	assert_true(rig_receive(rig, a, 200));
	a->in[a->in_len - 1] = '\0';
	assert_non_null(strstr(a->in, "id=1 addr=198.18.0.2:"));
	assert_non_null(strstr(a->in, " laddr=198.18.0.11:8102 "));
	assert_non_null(strstr(a->in, " name=joe "));
	a->in_len = 0;
	assert_true(RIG_ASK(rig, a, "reset\r\nclient getname\r\n", "+RESET\r\n$-1\r\n"));
	assert_true(
		RIG_ASK(rig, a, "client setname joe\r\nclient setname \"\"\r\nclient getname\r\n",
			"+OK\r\n+OK\r\n$-1\r\n"));
	assert_int_equal(session_usage(rig->session).names, 0);
	// A name that goes with its connection.
	assert_true(RIG_ASK(rig, a, "client setname joe\r\n", "+OK\r\n"));
	assert_true(RIG_ASK(rig, a,
		"client setname "
		"0123456789012345678901234567890123456789012345678901234567890123\r\n",
		"-ERR Client names cannot be longer than 63 bytes.\r\n"));
}

// A whole reply, and nothing behind it.
static void expect_reply(struct rig *rig, struct rig_client *c, char type)
{
	struct resp_reply_parser p;
	size_t at = 0;

	resp_reply_init(&p, RESP_BULK_MAX);
	for (;;) {
		size_t used;
		enum resp_status status;

		assert_true(rig_receive(rig, c, at + 1));
		status = resp_reply_parse(&p, (uint8_t *)c->in + at, c->in_len - at, &used);
		at += used;
		if (status == RESP_DONE)
			break;
		assert_int_equal(status, RESP_MORE);
	}
	assert_int_equal(at, c->in_len);
	assert_int_equal(p.type, type);
	c->in_len = 0;
}

static void test_command(void **state)
{
	static const char *const requests[] = {
		"command\r\n",
		"command docs\r\n",
		"command docs get nope client\r\n",
		"command info\r\n",
		"command info get nope client|id\r\n",
		"command list\r\n",
		"command list filterby aclcat write\r\n",
		"command list filterby pattern *range*\r\n",
		"command help\r\n",
		"client help\r\n",
		"config help\r\n",
		"memory help\r\n",
		"config get *\r\n",
	};
	struct rig *rig = *state;
	struct rig_client *c = rig_connect(rig);

	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		rig_send(rig, c, requests[i], strlen(requests[i]));
		expect_reply(rig, c, '*');
	}
	assert_true(RIG_ASK(rig, c, "command docs nope\r\n", "*0\r\n"));
	assert_true(
		RIG_ASK(rig, c, "command list filterby pattern get\r\n", "*1\r\n$3\r\nget\r\n"));
	assert_true(RIG_ASK(rig, c, "command getkeys get k\r\n", "*1\r\n$1\r\nk\r\n"));
}

// More arguments than are remembered by the parser.
static void test_many_arguments(void **state)
{
	enum { N = 900 };
	struct rig *rig = *state;
	struct rig_client *c = rig_connect(rig);
	static char out[N * 16];
	static char in[N * 16];
	size_t out_len = (size_t)sprintf(
		out, "*%u\r\n$7\r\nCOMMAND\r\n$7\r\nGETKEYS\r\n$3\r\nDEL\r\n", N + 3);
	size_t in_len = (size_t)sprintf(in, "*%u\r\n", N);

	for (unsigned i = 0; i < N; i++) {
		out_len += (size_t)sprintf(out + out_len, "$4\r\n%04u\r\n", i);
		in_len += (size_t)sprintf(in + in_len, "$4\r\n%04u\r\n", i);
	}
	rig_send(rig, c, out, out_len);
	assert_true(rig_expect(rig, c, in, in_len));
}

static void test_info(void **state)
{
	struct rig *rig = *state;
	struct rig_client *c = rig_connect(rig);

	rig_send(rig, c, "info\r\n", 6);
	assert_true(rig_receive(rig, c, 300));
	c->in[c->in_len - 1] = '\0';
	assert_non_null(strstr(c->in, "# Server\r\nredis_version:7"));
	assert_non_null(strstr(c->in, "\r\nprocess_id:4711\r\n"));
	assert_non_null(strstr(c->in, "\r\nconnected_clients:1\r\n"));
	assert_non_null(strstr(c->in, "\r\n\r\n# Replication\r\nrole:master\r\n"));
	c->in_len = 0;
	assert_true(RIG_ASK(rig, c, "info replication nope\r\n",
		"$48\r\n# Replication\r\nrole:master\r\nconnected_slaves:0\r\n\r\n"));
	assert_true(RIG_ASK(rig, c, "info nope\r\n", "$0\r\n\r\n"));
}

// Answers of our own keep their place among those of the store that come later.
static void test_no_reset_of_order(void **state)
{
	struct rig *rig = *state;
	struct rig_client *c = rig_connect(rig);

	assert_true(RIG_ASK(rig, c,
		"client setname a\r\nclient getname\r\nnope\r\nclient setname b\r\nclient "
		"getname\r\n",
		"+OK\r\n$1\r\na\r\n-ERR unknown command 'nope', with args beginning with: \r\n"
		"+OK\r\n$1\r\nb\r\n"));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_local_row_has_a_handler),
		cmocka_unit_test(test_match),
		TEST(test_same_as_redis),
		TEST(test_client),
		TEST(test_hello),
		TEST(test_counts),
		TEST(test_command),
		TEST(test_many_arguments),
		TEST(test_info),
		TEST(test_no_reset_of_order),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
