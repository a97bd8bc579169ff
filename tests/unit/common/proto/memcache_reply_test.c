// Replies of Memcached's text protocol: where they end, whole and cut at every place.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/proto/memcache.h"

#define VALUE_MAX 100

struct one {
	const char *bytes;
	enum memcache_want want;
	char type; // 0: broken
};

static const struct one ones[] = {
	{"STORED\r\n", MEMCACHE_WANT_LINE, '+'},
	{"12\r\n", MEMCACHE_WANT_LINE, '+'},
	{"VERSION 1.6.18\r\n", MEMCACHE_WANT_ANY, '+'},
	{"END\r\n", MEMCACHE_WANT_VALUES, '*'},
	{"VALUE a 0 0\r\n\r\nEND\r\n", MEMCACHE_WANT_VALUES, '*'},
	{"VALUE a 4294967295 5 18446744073709551615\r\nEND\r\n\r\nVALUE b 0 1\r\nx\r\nEND\r\n",
		MEMCACHE_WANT_ANY, '*'},
	{"ERROR\r\n", MEMCACHE_WANT_VALUES, '-'},
	{"ERROR: shutdown not enabled\r\n", MEMCACHE_WANT_LINE, '-'},
	{"CLIENT_ERROR bad data chunk\r\n", MEMCACHE_WANT_LINE, '-'},
	{"SERVER_ERROR Storage: Datastore refused connection\r\n", MEMCACHE_WANT_ANY, '-'},
	{"VALUE a 0 1\r\nx\r\nSERVER_ERROR out of memory\r\n", MEMCACHE_WANT_VALUES, '-'},
};

static const struct one broken[] = {
	{"STORED\r\n", MEMCACHE_WANT_VALUES, 0},
	{"END\r\n", MEMCACHE_WANT_LINE, 0},
	{"VALUE a 0 1\r\n", MEMCACHE_WANT_LINE, 0},
	{"VALUE a 0 1\r\nx\r\nSTORED\r\n", MEMCACHE_WANT_ANY, 0},
	{"VALUE a 0 1\r\nxx\r\n", MEMCACHE_WANT_VALUES, 0},
	{"VALUE a 0 101\r\n", MEMCACHE_WANT_VALUES, 0},
	{"VALUE a 0 -1\r\n", MEMCACHE_WANT_VALUES, 0},
	{"VALUE a 0 1 \r\n", MEMCACHE_WANT_VALUES, 0},
	{"VALUE a 0 1 2 3\r\n", MEMCACHE_WANT_VALUES, 0},
	{"VALUE a 0\r\n", MEMCACHE_WANT_VALUES, 0},
	{"VALUE  0 1\r\n", MEMCACHE_WANT_VALUES, 0},
	{"\r\n", MEMCACHE_WANT_LINE, 0},
	{"STORED\n", MEMCACHE_WANT_LINE, 0},
};

static enum resp_status feed(struct memcache_reply_parser *p, enum memcache_want want,
	const char *bytes, size_t len, size_t *used)
{
	uint8_t *own = malloc(len ? len : 1);
	enum resp_status status;

	memcpy(own, bytes, len);
	status = memcache_reply_parse(p, want, own, len, used);
	free(own);
	return status;
}

static void each_reply_at_every_cut(void **state)
{
	struct memcache_reply_parser p;

	(void)state;
	memcache_reply_init(&p, VALUE_MAX);
	for (size_t i = 0; i < sizeof(ones) / sizeof(ones[0]); i++) {
		const struct one *one = &ones[i];
		size_t len = strlen(one->bytes);

		for (size_t cut = 0; cut < len; cut++) {
			size_t used;

			assert_int_equal(feed(&p, one->want, one->bytes, cut, &used), RESP_MORE);
			assert_int_equal(used, cut);
			assert_int_equal(
				feed(&p, one->want, one->bytes + cut, len - cut, &used), RESP_DONE);
			assert_int_equal(used, len - cut);
			assert_int_equal(p.at, len);
			assert_int_equal(p.type, one->type);
		}
	}
}

static void broken_ones_at_every_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		size_t len = strlen(broken[i].bytes);

		for (size_t cut = 0; cut < len; cut++) {
			struct memcache_reply_parser p;
			size_t used;

			memcache_reply_init(&p, VALUE_MAX);
			if (feed(&p, broken[i].want, broken[i].bytes, cut, &used) != RESP_ERROR)
				assert_int_equal(feed(&p, broken[i].want, broken[i].bytes + cut,
							 len - cut, &used),
					RESP_ERROR);
			assert_int_equal(feed(&p, broken[i].want, "END\r\n", 5, &used), RESP_ERROR);
		}
	}
}

static void a_line_has_an_end(void **state)
{
	struct memcache_reply_parser p;
	char line[MEMCACHE_REPLY_LINE_MAX + 1];
	size_t used;

	(void)state;
	memset(line, 'x', sizeof(line));
	memcache_reply_init(&p, VALUE_MAX);
	assert_int_equal(feed(&p, MEMCACHE_WANT_ANY, line, 600, &used), RESP_MORE);
	assert_int_equal(feed(&p, MEMCACHE_WANT_ANY, line, 600, &used), RESP_ERROR);
}

// What others look at in a union of both parsers.
static void begins_as_the_other_parser(void **state)
{
	(void)state;
	assert_int_equal(
		offsetof(struct memcache_reply_parser, at), offsetof(struct resp_reply_parser, at));
	assert_int_equal(offsetof(struct memcache_reply_parser, payload_left),
		offsetof(struct resp_reply_parser, payload_left));
	assert_int_equal(offsetof(struct memcache_reply_parser, type),
		offsetof(struct resp_reply_parser, type));
	assert_int_equal(offsetof(struct memcache_reply_parser, state),
		offsetof(struct resp_reply_parser, state));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_reply_at_every_cut),
		cmocka_unit_test(broken_ones_at_every_cut),
		cmocka_unit_test(a_line_has_an_end),
		cmocka_unit_test(begins_as_the_other_parser),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
