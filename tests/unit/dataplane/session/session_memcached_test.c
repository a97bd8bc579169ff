// Clients through the whole path to a real memcached and back.
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/session_rig.h"
#include "tests/support/store_memcached.h"

#define BULK_MIN 4096
#define LARGE 50000 // streams

static const char *path;

static int start(void **state)
{
	(void)state;
	path = store_memcached_start();
	return path ? 0 : -1;
}

static int stop(void **state)
{
	(void)state;
	store_memcached_stop();
	return 0;
}

static int setup(void **state)
{
	struct rig_config config = rig_config_default(path);

	config.session.memcache = true;
	config.store.memcache = true;
	config.session.bulk_min = BULK_MIN;
	*state = rig_new(&config);
	return 0;
}

static int teardown(void **state)
{
	assert_true(rig_free(*state));
	return 0;
}

// Every kind of line, and what is answered.
static const char mixed[] = "delete mix\r\n"
			    "set mix 5 0 4\r\n\r\n\0\xff\r\n"
			    "get none mix none mix\r\n"
			    "set mix 0 0 1 noreply\r\n7\r\n"
			    "  incr  mix   3 \r\n"
			    "incr mix 1 noreply\r\n"
			    "get mix\n"
			    "nosuch\r\n"
			    "set mix 0 0 1\r\nxyz\r\n"
			    "flush_all\r\n"
			    "verbosity 1\r\n"
			    "touch mix x noreply\r\n"
			    "mg mix v\r\n"
			    "\x80\0\0\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0x"
			    "delete mix 0\r\n"
			    "gats 0 mix\r\n";
static const char mixed_replies[] =
	"STORED\r\n"
	"VALUE mix 5 4\r\n\r\n\0\xff\r\nVALUE mix 5 4\r\n\r\n\0\xff\r\nEND\r\n"
	"10\r\n"
	"VALUE mix 0 2\r\n11\r\nEND\r\n"
	"ERROR\r\n"
	"CLIENT_ERROR bad data chunk\r\nERROR\r\n"
	"SERVER_ERROR Dynomite: flush_all would empty the store of one node only; do it at each "
	"store\r\n"
	"OK\r\n"
	"SERVER_ERROR Dynomite: meta commands (mg) are not supported yet\r\n"
	"SERVER_ERROR Dynomite: the binary protocol is not supported yet; use the text protocol\r\n"
	"DELETED\r\n"
	"END\r\n";

// The first DELETE says one of two things.
static void forget_mix(struct rig *rig, struct rig_client *c)
{
	assert_true(RIG_ASK(rig, c, "set mix 0 0 0\r\n\r\n", "STORED\r\n"));
}

static void ask_mixed(struct rig *rig, struct rig_client *c)
{
	forget_mix(rig, c);
	rig_send(rig, c, mixed, sizeof(mixed) - 1);
	assert_true(RIG_EXPECT(rig, c, "DELETED\r\n"));
	assert_true(RIG_EXPECT(rig, c, mixed_replies));
}

static void in_one_piece(void **state)
{
	struct rig *rig = *state;

	ask_mixed(rig, rig_connect(rig));
}

static void one_byte_at_a_time(void **state)
{
	struct rig *rig = *state;
	struct rig_client *c = rig_connect(rig);

	c->out_step = 1;
	ask_mixed(rig, c);
	assert_int_equal(session_usage(rig->session).parsers, 0);
}

static void cut_anywhere(void **state)
{
	struct rig *rig = *state;
	struct rig_client *c = rig_connect(rig);

	for (size_t cut = 1; cut < sizeof(mixed) - 1; cut++) {
		forget_mix(rig, c);
		rig_send(rig, c, mixed, cut);
		rig_sleep(rig, NS_PER_MS);
		rig_send(rig, c, mixed + cut, sizeof(mixed) - 1 - cut);
		assert_true(RIG_EXPECT(rig, c, "DELETED\r\n"));
		assert_true(RIG_EXPECT(rig, c, mixed_replies));
	}
}

static void silent_ones_keep_their_order(void **state)
{
	enum { N = 5000 };
	struct rig *rig = *state;
	struct rig_client *c = rig_connect(rig);
	char *out = malloc(N * 24);
	char want[32];
	size_t len = 0;

	assert_true(RIG_ASK(
		rig, c, "set n 0 0 1 noreply\r\n0\r\nget n\r\n", "VALUE n 0 1\r\n0\r\nEND\r\n"));
	for (unsigned i = 0; i < N; i++)
		len += (size_t)sprintf(out + len, "incr n 1 noreply\r\n");
	len += (size_t)sprintf(out + len, "incr n 0\r\n");
	rig_send(rig, c, out, len);
	snprintf(want, sizeof(want), "%d\r\n", N);
	assert_true(rig_expect(rig, c, want, strlen(want)));
	free(out);
}

// A request with `n` bytes of data that do or do not end as they should.
static char *large(const char *line, size_t n, const char *more, const char *end, size_t *len)
{
	char *out = malloc(n + 256);
	size_t at = (size_t)sprintf(out, "%s %zu%s\r\n", line, n, more);

	memset(out + at, 'x', n);
	*len = at + n + (size_t)sprintf(out + at + n, "%s", end);
	return out;
}

static void ask_large(struct rig *rig, const char *line, size_t n, const char *more,
	const char *end, const char *reply)
{
	size_t len;
	char *out = large(line, n, more, end, &len);

	rig_send(rig, &rig->clients[0], out, len);
	assert_true(rig_expect(rig, &rig->clients[0], reply, strlen(reply)));
	free(out);
}

static void large_ones_stream(void **state)
{
	struct rig *rig = *state;
	struct rig_client *c = rig_connect(rig);

	ask_large(rig, "set l 0 0", LARGE, "", "\r\n", "STORED\r\n");
	ask_large(rig, "append l 0 0", LARGE, " noreply", "\r\nget none\r\n", "END\r\n");
	rig_send(rig, c, "get l\r\n", 7);
	assert_true(rig_receive(rig, c, 2 * LARGE + 25));
	assert_memory_equal(c->in, "VALUE l 0 100000\r\nxxx", 21);
	c->in_len = 0;
	ask_large(rig, "set l 0 0", LARGE, "", "yy", "CLIENT_ERROR bad data chunk\r\n");
	ask_large(rig, "set l 0 0", LARGE, " noreply", "yyget none\r\n", "END\r\n");
	ask_large(rig, "set l 0 0", 2000000, "", "\r\nget none\r\n",
		"SERVER_ERROR object too large for cache\r\nEND\r\n");
	ask_large(rig, "ms l", LARGE, "", "\r\nget none\r\n",
		"SERVER_ERROR Dynomite: meta commands (ms) are not supported yet\r\nEND\r\n");
	assert_int_equal(session_usage(rig->session).parsers, 0);
}

static void a_client_dies_in_a_large_one(void **state)
{
	struct rig *rig = *state;
	struct rig_client *c = rig_connect(rig);
	size_t len;
	char *out = large("set l 0 0", LARGE, " noreply", "\r\n", &len);

	rig_send(rig, c, out, len / 2);
	rig_sleep(rig, 10 * NS_PER_MS);
	tcp_abort(c->conn);
	c->conn = NULL;
	rig_sleep(rig, 10 * NS_PER_MS);
	free(out);
	c = rig_connect(rig);
	assert_true(RIG_ASK(rig, c, "get none\r\n", "END\r\n"));
	assert_int_equal(session_usage(rig->session).parsers, 0);
}

static void what_ends_a_connection(void **state)
{
	struct rig *rig = *state;
	struct rig_client *c = rig_connect(rig);
	static char endless[70000];

	assert_true(RIG_ASK(rig, c, "get none\r\nquit\r\nget none\r\n", "END\r\n"));
	assert_true(rig_closed(rig, c));
	assert_true(c->eof);

	c = rig_connect(rig);
	rig_send(rig, c, "POST / HTTP/1.1\r\nset k 0 0 1\r\n", 30);
	assert_true(rig_closed(rig, c));
	assert_int_equal(c->received, 0);

	c = rig_connect(rig);
	memset(endless, 'x', sizeof(endless));
	rig_send(rig, c, endless, sizeof(endless));
	assert_true(RIG_EXPECT(rig, c, "CLIENT_ERROR line too long\r\n"));
	assert_true(rig_closed(rig, c));
	assert_int_equal(rig->server.stats->stat[STAT_client_protocol_errors], 2);
}

static void errors_are_in_its_words(void **state)
{
	struct rig *rig = *state;
	struct rig_client *c = rig_connect(rig);

	rig->snapshot->state = NODE_RESUMING;
	assert_true(RIG_ASK(rig, c, "get a\r\nset a 0 0 1\r\nx\r\nget a\r\n",
		"SERVER_ERROR Dynomite: Dynomite's current state does not allow this request\r\n"
		"STORED\r\n"
		"SERVER_ERROR Dynomite: Dynomite's current state does not allow this request\r\n"));
	rig->snapshot->state = NODE_STANDBY;
	assert_true(RIG_ASK(rig, c, "set a 0 0 1 noreply\r\nx\r\nversion\r\n",
		"SERVER_ERROR Dynomite: Dynomite's current state does not allow this request\r\n"));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(in_one_piece),
		TEST(one_byte_at_a_time),
		TEST(cut_anywhere),
		TEST(silent_ones_keep_their_order),
		TEST(large_ones_stream),
		TEST(a_client_dies_in_a_large_one),
		TEST(what_ends_a_connection),
		TEST(errors_are_in_its_words),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
