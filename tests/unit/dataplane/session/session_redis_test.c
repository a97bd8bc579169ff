// Clients through the whole path to a real Redis and back.
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/proto/resp.h"
#include "tests/support/session_rig.h"
#include "tests/support/store_redis.h"

#define MB (1024u * 1024)

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

	*state = rig_new(&config);
	return 0;
}

static int teardown(void **state)
{
	assert_true(rig_free(*state));
	return 0;
}

static void test_set_get(void **state)
{
	struct rig *rig = *state;
	struct rig_client *c = rig_connect(rig);

	assert_true(RIG_ASK(rig, c, "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$5\r\nhello\r\n", "+OK\r\n"));
	assert_true(RIG_ASK(rig, c, "*2\r\n$3\r\nget\r\n$1\r\na\r\n", "$5\r\nhello\r\n"));
	assert_true(RIG_ASK(rig, c, "*2\r\n$3\r\nGET\r\n$2\r\nno\r\n", "$-1\r\n"));
	assert_true(RIG_ASK(rig, c, "get a\r\n", "$5\r\nhello\r\n"));
	assert_true(RIG_ASK(rig, c, "set a \"x\\r\\ny\"\r\nget a\r\n", "+OK\r\n$4\r\nx\r\ny\r\n"));
}

static void test_errors_keep_the_connection(void **state)
{
	struct rig *rig = *state;
	struct rig_client *c = rig_connect(rig);

	assert_true(RIG_ASK(rig, c,
		"*1\r\n$4\r\nPING\r\n*3\r\n$4\r\nNOPE\r\n$1\r\na\r\n$1\r\nb\r\n*1\r\n$"
		"4\r\nPING\r\n",
		"+PONG\r\n-ERR unknown command 'NOPE', with args beginning with: 'a' 'b' \r\n"
		"+PONG\r\n"));
	assert_true(RIG_ASK(rig, c, "*1\r\n$3\r\nGET\r\n",
		"-ERR wrong number of arguments for 'get' command\r\n"));
	assert_true(RIG_ASK(rig, c, "*2\r\n$6\r\nclient\r\n$4\r\nnope\r\n",
		"-ERR unknown subcommand 'nope'. Try CLIENT HELP.\r\n"));
	// An error of the store's own.
	assert_true(RIG_ASK(rig, c, "set s 1\r\nlpush s 1\r\nget s\r\n",
		"+OK\r\n-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"
		"$1\r\n1\r\n"));
	assert_int_equal(rig->server.stats->stat[STAT_forward_error], 1);
	assert_int_equal(rig->server.stats->stat[STAT_client_error_replies], 3);
}

static void test_nothing_needs_no_reply(void **state)
{
	struct rig *rig = *state;
	struct rig_client *c = rig_connect(rig);

	assert_true(RIG_ASK(rig, c, "\r\n*0\r\n*-1\r\n  \r\nping\r\n", "+PONG\r\n"));
}

static void protocol_error(struct rig *rig, const char *bytes, const char *reply)
{
	struct rig_client *c = rig_connect(rig);

	rig_send(rig, c, bytes, strlen(bytes));
	assert_true(rig_expect(rig, c, reply, strlen(reply)));
	assert_true(rig_closed(rig, c));
	// By FIN, so that the error is not lost.
	assert_true(c->eof);
	assert_int_equal(c->in_len, 0);
}

static void test_protocol_error(void **state)
{
	struct rig *rig = *state;

	protocol_error(rig, "set k 1\r\nget k\r\n*1\r\n:4\r\nping\r\nping\r\n",
		"+OK\r\n$1\r\n1\r\n-ERR Protocol error: expected '$', got ':'\r\n");
	protocol_error(rig, "*x\r\n", "-ERR Protocol error: invalid multibulk length\r\n");
	protocol_error(rig, "get \"k\r\nping\r\n",
		"-ERR Protocol error: unbalanced quotes in request\r\n");
	protocol_error(rig, "*2\r\n$3\r\nGET\r\n$1\r\nkk\r\n",
		"-ERR Protocol error: expected CRLF behind a bulk string\r\n");
	assert_int_equal(rig->server.stats->stat[STAT_client_protocol_errors], 4);
}

static void test_http_is_cut_off(void **state)
{
	struct rig *rig = *state;
	struct rig_client *c = rig_connect(rig);

	rig_send(rig, c, "POST / HTTP/1.1\r\nset k hacked\r\n", 31);
	assert_true(rig_closed(rig, c));
	assert_int_equal(c->received, 0);
}

static void test_quit(void **state)
{
	struct rig *rig = *state;
	struct rig_client *c = rig_connect(rig);

	assert_true(RIG_ASK(
		rig, c, "set q 1\r\nget q\r\nquit\r\nset q 2\r\n", "+OK\r\n$1\r\n1\r\n+OK\r\n"));
	assert_true(rig_closed(rig, c));
	assert_true(c->eof);
	c = rig_connect(rig);
	assert_true(RIG_ASK(rig, c, "get q\r\n", "$1\r\n1\r\n"));
}

static void test_half_close(void **state)
{
	struct rig *rig = *state;
	struct rig_client *c = rig_connect(rig);

	rig_send(rig, c, "set h 1\r\nget h\r\nping\r\n*1\r\n$4\r\nPI", 32);
	tcp_shutdown(c->conn);
	assert_true(RIG_EXPECT(rig, c, "+OK\r\n$1\r\n1\r\n+PONG\r\n"));
	assert_true(rig_closed(rig, c));
	assert_true(c->eof);
	assert_int_equal(rig->server.stats->stat[STAT_client_eof], 1);
}

// A request list of every shape, and what is answered.
static const char mixed[] = "*3\r\n$3\r\nSET\r\n$3\r\nmix\r\n$10\r\n0123456789\r\n"
			    "*2\r\n$3\r\nGET\r\n$3\r\nmix\r\n"
			    "PING\r\n\r\n"
			    "*2\r\n$4\r\nECHO\r\n$2\r\nab\r\n"
			    "*2\r\n$4\r\nWHAT\r\n$2\r\nab\r\n"
			    "strlen mix\r\n"
			    "*2\r\n$6\r\nCLIENT\r\n$7\r\nGETNAME\r\n";
static const char mixed_replies[] =
	"+OK\r\n$10\r\n0123456789\r\n+PONG\r\n$2\r\nab\r\n"
	"-ERR unknown command 'WHAT', with args beginning with: 'ab' \r\n:10\r\n$-1\r\n";

static void test_one_byte_at_a_time(void **state)
{
	struct rig *rig = *state;
	struct rig_client *c = rig_connect(rig);

	c->out_step = 1;
	assert_true(RIG_ASK(rig, c, mixed, mixed_replies));
	assert_int_equal(session_usage(rig->session).parsers, 0);
}

static void test_cut_anywhere(void **state)
{
	struct rig *rig = *state;
	struct rig_client *c = rig_connect(rig);

	for (size_t cut = 1; cut < sizeof(mixed) - 1; cut++) {
		rig_send(rig, c, mixed, cut);
		rig_sleep(rig, NS_PER_MS);
		rig_send(rig, c, mixed + cut, sizeof(mixed) - 1 - cut);
		assert_true(RIG_EXPECT(rig, c, mixed_replies));
	}
}

static void test_deep_pipeline(void **state)
{
	enum { N = 20000 };
	struct rig *rig = *state;
	struct rig_client *c = rig_connect(rig);
	char *out = malloc(N * 64);
	char *in = malloc(N * 16);
	size_t out_len = 0;
	size_t in_len = 0;

	for (unsigned i = 1; i <= N; i++) {
		out_len += (size_t)sprintf(out + out_len, "*2\r\n$4\r\nINCR\r\n$4\r\ndeep\r\n%s",
			i % 7 ? "" : "ping\r\n");
		in_len += (size_t)sprintf(in + in_len, ":%u\r\n%s", i, i % 7 ? "" : "+PONG\r\n");
	}
	rig_send(rig, c, out, out_len);
	assert_true(rig_expect(rig, c, in, in_len));
	// Far fewer calls than requests.
	assert_true(rig->server.stats->stat[STAT_store_writes] < N / 4);
	free(out);
	free(in);
}

static void test_many_arguments(void **state)
{
	enum { N = 2000 };
	struct rig *rig = *state;
	struct rig_client *c = rig_connect(rig);
	static char out[N * 64];
	size_t len = (size_t)sprintf(out, "*%u\r\n$4\r\nMSET\r\n", 2 * N + 1);

	for (unsigned i = 0; i < N; i++)
		len += (size_t)sprintf(out + len, "$5\r\nm%04u\r\n$6\r\nval%03u\r\n", i, i % 1000);
	rig_send(rig, c, out, len);
	assert_true(RIG_EXPECT(rig, c, "+OK\r\n"));
	assert_true(RIG_ASK(rig, c, "mget m0000 m0999 m1999\r\n",
		"*3\r\n$6\r\nval000\r\n$6\r\nval999\r\n$6\r\nval999\r\n"));
}

static void test_many_clients(void **state)
{
	enum { CLIENTS = 100, ROUNDS = 20 };
	struct rig *rig = *state;
	struct rig_client *c[CLIENTS];
	char out[CLIENTS][128];
	char in[128];

	for (unsigned i = 0; i < CLIENTS; i++)
		c[i] = rig_connect(rig);
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned i = 0; i < CLIENTS; i++) {
			int n = sprintf(out[i], "set c%u %u\r\nget c%u\r\nget c%u\r\n", i,
				round * 1000 + i, i, i);

			rig_send(rig, c[i], out[i], (size_t)n);
		}
		for (unsigned i = 0; i < CLIENTS; i++) {
			unsigned v = round * 1000 + i;
			int digits = snprintf(NULL, 0, "%u", v);
			int n = sprintf(
				in, "+OK\r\n$%d\r\n%u\r\n$%d\r\n%u\r\n", digits, v, digits, v);

			assert_true(rig_expect(rig, c[i], in, (size_t)n));
		}
	}
	assert_int_equal(rig->server.stats->stat[STAT_client_connections], CLIENTS);
	assert_int_equal(store_usage(rig->store).connected, 2);
}

// A request whose last argument has `value` bytes; the others are in `head`.
static char *make_request(const char *head, size_t value, size_t *len)
{
	char *out = malloc(value + 128);
	size_t n = (size_t)sprintf(out, "%s$%zu\r\n", head, value);

	for (size_t i = 0; i < value; i++)
		out[n + i] = (char)((i * 2654435761u) >> 13);
	memcpy(out + n + value, "\r\n", 2);
	*len = n + value + 2;
	return out;
}

static char *make_set(const char *key, size_t value, size_t *len)
{
	char head[64];

	sprintf(head, "*3\r\n$3\r\nSET\r\n$%zu\r\n%s\r\n", strlen(key), key);
	return make_request(head, value, len);
}

// What GET answers to what make_set wrote.
static void expect_bulk(
	struct rig *rig, struct rig_client *c, const char *set, size_t set_len, size_t value)
{
	char head[32];
	size_t n = (size_t)sprintf(head, "$%zu\r\n", value);

	assert_true(rig_receive(rig, c, n + value + 2));
	assert_int_equal(c->in_len, n + value + 2);
	assert_memory_equal(c->in, head, n);
	assert_int_equal(memcmp(c->in + n, set + set_len - value - 2, value + 2), 0);
	c->in_len = 0;
}

static void value_there_and_back(struct rig *rig, struct rig_client *c, size_t value)
{
	size_t len;
	char *set = make_set("big", value, &len);

	rig_send(rig, c, set, len);
	assert_true(RIG_EXPECT(rig, c, "+OK\r\n"));
	rig_send(rig, c, "get big\r\n", 9);
	expect_bulk(rig, c, set, len, value);
	free(set);
}

static void test_store_over_tcp(void **state)
{
	struct rig_config config = rig_config_default("127.0.0.1");

	config.store.port = store_redis_port();
	*state = rig_new(&config);
	test_set_get(state);
	value_there_and_back(*state, rig_connect(*state), 4 * MB);
	teardown(state);
}

static void test_nobody_listens_over_tcp(void **state)
{
	struct rig_config config = rig_config_default("127.0.0.1");
	struct rig_client *c;
	struct rig *rig;

	config.store.port = store_redis_free_port();
	rig = rig_new(&config);
	c = rig_connect(rig);
	assert_true(RIG_ASK(rig, c, "get a\r\n", "-ERR Storage: Datastore refused connection\r\n"));
	*state = rig;
	teardown(state);
}

static void test_values_of_all_sizes(void **state)
{
	static const size_t sizes[] = {0, 1, 440, 511, 512, 513, 1400, 1460, 4000, 16000, 16384,
		16400, 32768, 65000, 65536, 70000, 130000, 131072, 140000, 300000, MB};
	struct rig *rig = *state;
	struct rig_client *c = rig_connect(rig);

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		value_there_and_back(rig, c, sizes[i]);
}

static void test_huge_value(void **state)
{
	struct rig *rig = *state;
	struct rig_client *c = rig_connect(rig);
	struct rig_client *other = rig_connect(rig);

	value_there_and_back(rig, c, 64 * MB);
	// A few windows and buffers, not the value.
	assert_true(rig->pool_peak < 2500);
	assert_true(rig->big_peak < 100);
	assert_true(RIG_ASK(rig, other, "strlen big\r\ndel big\r\n", ":67108864\r\n:1\r\n"));
}

// What follows a large request waits for it.
static void test_large_in_a_pipeline(void **state)
{
	struct rig *rig = *state;
	struct rig_client *c = rig_connect(rig);
	size_t len;
	char *set = make_set("large", MB, &len);
	char *out = malloc(3 * len + 100);
	size_t n = 0;

	memcpy(out, "set large x\r\n", 13);
	n = 13;
	for (unsigned i = 0; i < 2; i++) {
		memcpy(out + n, set, len);
		n += len;
		n += (size_t)sprintf(out + n, "strlen large\r\nappend large x\r\n");
	}
	rig_send(rig, c, out, n);
	assert_true(RIG_EXPECT(
		rig, c, "+OK\r\n+OK\r\n:1048576\r\n:1048577\r\n+OK\r\n:1048576\r\n:1048577\r\n"));
	free(set);
	free(out);
}

static void test_large_and_refused(void **state)
{
	struct rig *rig = *state;
	struct rig_client *c = rig_connect(rig);
	size_t len;
	char *set = make_set("refused", MB, &len);

	memcpy(set + 8, "SOT", 3);
	rig_send(rig, c, set, len);
	assert_true(RIG_EXPECT(
		rig, c, "-ERR unknown command 'SOT', with args beginning with: 'refused' '"));
	assert_true(rig_receive(rig, c, 3));
	c->in_len = 0;
	rig_sleep(rig, 10 * NS_PER_MS);
	c->in_len = 0;
	assert_true(RIG_ASK(rig, c, "ping\r\n", "+PONG\r\n"));
	memcpy(set + 8, "GET", 3);
	rig_send(rig, c, set, len);
	assert_true(RIG_EXPECT(rig, c, "-ERR wrong number of arguments for 'get' command\r\n"));
	free(set);
}

static void test_large_echo(void **state)
{
	struct rig *rig = *state;
	struct rig_client *c = rig_connect(rig);
	size_t len;
	char *echo = make_request("*2\r\n$4\r\nECHO\r\n", MB, &len);

	rig_send(rig, c, echo, len);
	expect_bulk(rig, c, echo, len, MB);
	free(echo);
	echo = make_request("*3\r\n$6\r\nCLIENT\r\n$7\r\nSETNAME\r\n", MB, &len);
	rig_send(rig, c, echo, len);
	assert_true(RIG_EXPECT(rig, c, "-ERR Dynomite: request too large to be answered here\r\n"));
	free(echo);
}

static void test_client_dies_in_a_large_request(void **state)
{
	struct rig *rig = *state;
	struct rig_client *other = rig_connect(rig);
	size_t len;
	char *set = make_set("half", 8 * MB, &len);

	assert_true(RIG_ASK(rig, other, "del half\r\nset t 1\r\n", ":0\r\n+OK\r\n"));
	for (unsigned i = 0; i < 6; i++) {
		struct rig_client *c = rig_connect(rig);

		rig_send(rig, c, set, len / 2);
		rig_sleep(rig, 20 * NS_PER_MS);
		tcp_abort(c->conn);
		c->conn = NULL;
		assert_true(RIG_ASK(rig, other, "exists half\r\nget t\r\n", ":0\r\n$1\r\n1\r\n"));
	}
	rig_sleep(rig, 10 * NS_PER_MS);
	assert_int_equal(session_usage(rig->session).requests, 0);
	free(set);
}

static void test_half_close_in_a_large_request(void **state)
{
	struct rig *rig = *state;
	struct rig_client *c = rig_connect(rig);
	size_t len;
	char *set = make_set("half", MB, &len);

	rig_send(rig, c, set, 200 * 1024);
	rig_sleep(rig, 10 * NS_PER_MS);
	tcp_shutdown(c->conn);
	assert_true(rig_closed(rig, c));
	rig_sleep(rig, 10 * NS_PER_MS);
	assert_int_equal(session_usage(rig->session).requests, 0);
	free(set);
}

static void test_state(void **state)
{
	static const char refused[] =
		"-ERR Dynomite: Dynomite's current state does not allow this request\r\n";
	struct rig *rig = *state;
	struct rig_client *c = rig_connect(rig);
	struct ring *ring = rig->ring;

	rig->ring = NULL;
	assert_true(RIG_ASK(rig, c, "get a\r\n", refused));
	assert_true(RIG_ASK(rig, c, "ping\r\n", refused));
	assert_true(RIG_ASK(rig, c, "select 0\r\n", "+OK\r\n"));
	rig->ring = ring;
	rig->snapshot->state = NODE_STANDBY;
	assert_true(RIG_ASK(rig, c, "set a 1\r\n", refused));
	rig->snapshot->state = NODE_WRITES_ONLY;
	assert_true(RIG_ASK(rig, c, "set a 1\r\n", "+OK\r\n"));
	assert_true(RIG_ASK(rig, c, "get a\r\n", refused));
	rig->snapshot->state = NODE_NORMAL;
	assert_true(RIG_ASK(rig, c, "get a\r\n", "$1\r\n1\r\n"));
}

static void test_drain(void **state)
{
	struct rig *rig = *state;
	struct rig_client *busy = rig_connect(rig);
	struct rig_client *idle = rig_connect(rig);

	rig_send(rig, busy, "set d 1\r\nget d\r\n", 16);
	// Two turns: it was read, and may not be answered yet.
	rig_turn(rig);
	rig_turn(rig);
	session_drain(rig->session, rig->now);
	assert_true(RIG_EXPECT(rig, busy, "+OK\r\n$1\r\n1\r\n"));
	assert_true(rig_closed(rig, busy));
	assert_true(rig_closed(rig, idle));
	tcp_close(busy->conn);
	tcp_close(idle->conn);
	busy->conn = NULL;
	idle->conn = NULL;
	rig_sleep(rig, 100 * NS_PER_MS);
	assert_int_equal(session_clients(rig->session), 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_set_get),
		cmocka_unit_test(test_store_over_tcp),
		cmocka_unit_test(test_nobody_listens_over_tcp),
		TEST(test_errors_keep_the_connection),
		TEST(test_nothing_needs_no_reply),
		TEST(test_protocol_error),
		TEST(test_http_is_cut_off),
		TEST(test_quit),
		TEST(test_half_close),
		TEST(test_one_byte_at_a_time),
		TEST(test_cut_anywhere),
		TEST(test_deep_pipeline),
		TEST(test_many_arguments),
		TEST(test_many_clients),
		TEST(test_values_of_all_sizes),
		TEST(test_huge_value),
		TEST(test_large_in_a_pipeline),
		TEST(test_large_and_refused),
		TEST(test_large_echo),
		TEST(test_client_dies_in_a_large_request),
		TEST(test_half_close_in_a_large_request),
		TEST(test_state),
		TEST(test_drain),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
