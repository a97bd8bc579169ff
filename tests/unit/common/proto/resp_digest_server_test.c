// How the table says answers are compared, against what two real Redis servers with the same data,
// written in different orders, answer.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/rng.h"
#include "common/proto/resp_digest.h"
#include "tests/unit/common/proto/redis_server.h"

enum {
	WORDS_MAX = 16,
	MEMBERS = 700, // more than fit a representation that keeps the order of writing
	ABOUT_MS = 60 * 1000,
};

static const struct siphash_key key = {{1, 2}};

struct question {
	const char *text;
	bool sees_change; // reads the member that the third server lacks
};

static const struct question questions[] = {
	{"smembers s", true},
	{"sinter s t", true},
	{"sunion s t", false},
	{"sdiff t s", true},
	{"sdiff s u", true},
	{"scard s", true},
	{"smismember s m1 m7 x", true},
	{"smembers none", false},
	{"smembers h", false}, // an error
	{"hkeys h", true},
	{"hvals h", true},
	{"hgetall h", true},
	{"hmget h m1 m7 x", true},
	{"hlen h", true},
	{"zrange z 0 -1 withscores", true},
	{"zrevrange z 0 -1", true},
	{"zrangebyscore z 3 20", true},
	{"zunion 2 z y withscores", true},
	{"zinter 2 z y", true},
	{"zdiff 2 y z", true},
	{"zrank z m8", true},
	{"sort s alpha", true},
	{"sort_ro s alpha desc", true},
	{"geosearch g fromlonlat 15 37 byradius 5000 km", true},
	{"georadius_ro g 15 37 5000 km withdist withcoord", true},
	{"geohash g m7", true},
	{"pfcount p", false},
	{"keys *", false},
	{"dbsize", false},
	{"ttl e", false},
	{"pttl e", false},
	{"expiretime e", false},
	{"pexpiretime e", false},
	{"ttl s", false},
	{"ttl none", false},
	{"srandmember s", false},
	{"srandmember s 5", false},
	{"hrandfield h 3 withvalues", false},
	{"zrandmember z", false},
	{"randomkey", false},
	{"scan 0", false},
	{"sscan s 0", false},
	{"hscan h 0", false},
	{"zscan z 0", false},
	{"time", false},
	{"object encoding s", false},
	{"object idletime s", false},
	{"object refcount s", false},
	{"memory usage s", false},
};

enum { QUESTIONS = ARRAY_LEN(questions) };

struct answers {
	struct resp_digest by_row[QUESTIONS];
	struct resp_digest exact[QUESTIONS];
};

static void ask_line(int fd, const char *text)
{
	struct slice args[WORDS_MAX];

	ask(fd, args, add_words(args, 0, WORDS_MAX, text));
}

static PRINTF_LIKE(2, 3) void write_line(int fd, const char *fmt, ...)
{
	char text[128];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	ask_line(fd, text);
	assert_int_not_equal(server.reply[0], '-');
}

static void fill(int fd, uint64_t seed, int without)
{
	int order[MEMBERS];
	struct rng rng;

	rng_seed(&rng, seed);
	for (int i = 0; i < MEMBERS; i++) {
		int k = (int)rng_below(&rng, (uint32_t)i + 1);

		order[i] = order[k];
		order[k] = i;
	}
	for (int i = 0; i < MEMBERS; i++) {
		int m = order[i];

		write_line(fd, "sadd t m%d", m);
		write_line(fd, "zadd y %d m%d", m % 9, m);
		write_line(fd, "pfadd p m%d", m);
		if (m == without)
			continue;
		write_line(fd, "sadd s m%d", m);
		write_line(fd, "hset h m%d v%d", m, m);
		write_line(fd, "zadd z %d m%d", m % 9, m);
		write_line(fd, "geoadd g %d %d m%d", m % 40, m % 30, m);
	}
	ask_line(fd, "set e value ex 1000");
}

static const struct resp_cmd *row_of(const char *text)
{
	struct slice args[WORDS_MAX];
	uint32_t argc = add_words(args, 0, WORDS_MAX, text);
	const struct resp_cmd *row;

	assert_int_equal(resp_cmd_resolve(args, argc, &row), RESP_CMD_OK);
	return row;
}

static struct resp_digest digest_reply(enum resp_cmd_compare compare)
{
	struct resp_digester d;

	resp_digest_start(&d, &key, compare);
	resp_digest_feed(&d, server.reply, server.reply_len);
	return resp_digest_end(&d);
}

static void ask_all(uint64_t seed, int without, struct answers *out)
{
	int fd;

	assert_int_equal(server_start(NULL), 0);
	fd = server_connect();
	assert_true(fd >= 0);
	fill(fd, seed, without);
	for (size_t i = 0; i < QUESTIONS; i++) {
		ask_line(fd, questions[i].text);
		out->by_row[i] = digest_reply(row_of(questions[i].text)->compare);
		out->exact[i] = digest_reply(RESP_CMD_COMPARE_EXACT);
	}
	close(fd);
	assert_int_equal(server_stop(NULL), 0);
	server.pid = 0;
}

static bool same(size_t i, const struct answers *a, const struct answers *b)
{
	return resp_digest_same(
		row_of(questions[i].text)->compare, &a->by_row[i], &b->by_row[i], ABOUT_MS);
}

static void same_data_is_the_same_answer_and_other_data_is_not(void **state)
{
	static struct answers one, two, less;
	int differ_in_bytes = 0;

	(void)state;
	ask_all(1, -1, &one);
	ask_all(2, -1, &two);
	ask_all(1, 7, &less);
	for (size_t i = 0; i < QUESTIONS; i++) {
		enum resp_cmd_compare compare = row_of(questions[i].text)->compare;

		if (!same(i, &one, &two))
			fail_msg("%s: should be the same", questions[i].text);
		if (same(i, &one, &less) == questions[i].sees_change)
			fail_msg("%s: a member less: %d", questions[i].text,
				questions[i].sees_change);
		if (compare == RESP_CMD_COMPARE_SET || compare == RESP_CMD_COMPARE_PAIRS)
			differ_in_bytes += !resp_digest_same(
				RESP_CMD_COMPARE_EXACT, &one.exact[i], &two.exact[i], ABOUT_MS);
	}
	// Else nothing was shown of comparing in any order.
	assert_true(differ_in_bytes >= 5);
}

// Only after a failure one is left.
static int stop_what_runs(void **state)
{
	return server.pid > 0 ? server_stop(state) : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_data_is_the_same_answer_and_other_data_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, stop_what_runs);
}
