// Replies of blocks of VALUE in segments of every size: put together, and compared without uniques.
#include "tests/unit/dataplane/session/request_fixture.h"

#include "common/proto/memcache.h"
#include "dataplane/session/merge_memcache.h"
#include "dataplane/session/words.h"
#include "tests/support/eal.h"

#define PARTS 3
#define KEYS 6
#define OUT_MAX 4096

static struct rte_mempool *pool;

static int setup(void **state)
{
	(void)state;
	test_eal_start();
	pool = test_pool_create(8192);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(test_pool_in_use(pool), 0);
	rte_mempool_free(pool);
	return 0;
}

// A reply as a chain of its own, in segments of `size`.
static struct request reply_of(const char *text, size_t size)
{
	struct request r = {0};
	size_t len = strlen(text);

	for (size_t at = 0; at < len; at += size)
		fix_segment(&r, pool, text + at, size < len - at ? size : len - at);
	r.reply = r.bytes;
	r.reply_len = (uint32_t)len;
	return r;
}

static struct request line_of(const char *text, enum memcache_cmd_id id, size_t size)
{
	static struct fix_bytes bytes;
	struct request r;

	bytes.len = strlen(text);
	memcpy(bytes.at, text, bytes.len);
	r = fix_request(pool, &bytes, size);
	r.cmd = &memcache_row(id)->row;
	return r;
}

static size_t text_of(const struct reply *reply, char out[OUT_MAX])
{
	size_t len = 0;

	for (const struct rte_mbuf *m = reply->head; m; m = m->next) {
		memcpy(out + len, rte_pktmbuf_mtod(m, const char *), m->data_len);
		len += m->data_len;
	}
	assert_int_equal(len, reply->len);
	out[len] = '\0';
	return len;
}

static void merged(const char *const replies[PARTS], size_t size, const char *want)
{
	static const uint16_t part_of_key[KEYS] = {0, 1, 0, 2, 1, 0};
	struct request line = line_of("gat 10 a b c d b nokey\r\n", MEMCACHE_GAT, size);
	struct reply out = {.pool = pool};
	struct request parts[PARTS];
	struct walk at[PARTS];
	struct merge_memcache m = {.keys = words_keys(&line),
		.key_n = KEYS,
		.part_of_key = part_of_key,
		.at = at,
		.part_n = PARTS};
	char got[OUT_MAX];

	for (unsigned i = 0; i < PARTS; i++) {
		parts[i] = reply_of(replies[i], size);
		at[i] = walk_reply(&parts[i]);
	}
	assert_true(merge_memcache(&m, &out));
	text_of(&out, got);
	assert_string_equal(got, want);
	reply_free(&out);
	for (unsigned i = 0; i < PARTS; i++)
		fix_request_free(&parts[i]);
	fix_request_free(&line);
}

#define A "VALUE a 0 9\r\nEND\r\nEND\n\r\n"
#define B "VALUE b 7 0 5\r\n\r\n"
#define C "VALUE c 0 1\r\nx\r\n"
#define BROKEN \
	"SERVER_ERROR Dynomite: An answer to a part of the request is not as it should be\r\n"

static void in_the_order_of_the_keys(void **state)
{
	static const char *const good[] = {A C "END\r\n", B B "END\r\n", "END\r\n"};
	static const char *const one_missing[] = {C "END\r\n", B B "END\r\n", "END\r\n"};
	static const char *const none[] = {"END\r\n", "END\r\n", "END\r\n"};
	static const char *const error[] = {A C "END\r\n", "SERVER_ERROR x\r\n", "ERROR\r\n"};
	static const char *const stranger[] = {A C "END\r\n", A "END\r\n", "END\r\n"};
	static const char *const too_many[] = {A C "END\r\n", B B B "END\r\n", "END\r\n"};

	(void)state;
	for (size_t size = 1; size < 60; size++) {
		merged(good, size, A B C B "END\r\n");
		merged(one_missing, size, B C B "END\r\n");
		merged(none, size, "END\r\n");
		merged(error, size, "SERVER_ERROR x\r\n");
		merged(stranger, size, BROKEN);
		merged(too_many, size, BROKEN);
	}
}

static bool same(const char *x, const char *y, size_t size)
{
	struct request a = reply_of(x, size);
	struct request b = reply_of(y, size % 5 + 1);
	bool out = merge_memcache_same(&a, &b);

	assert_int_equal(merge_memcache_same(&b, &a), out);
	fix_request_free(&a);
	fix_request_free(&b);
	return out;
}

static void compared_without_uniques(void **state)
{
	(void)state;
	for (size_t size = 1; size < 40; size++) {
		assert_true(same("END\r\n", "END\r\n", size));
		assert_true(same(
			"VALUE a 0 1 5\r\nx\r\nEND\r\n", "VALUE a 0 1 123\r\nx\r\nEND\r\n", size));
		assert_false(same(
			"VALUE a 0 1 5\r\nx\r\nEND\r\n", "VALUE a 0 1 5\r\ny\r\nEND\r\n", size));
		assert_false(same(
			"VALUE a 0 1 5\r\nx\r\nEND\r\n", "VALUE a 1 1 5\r\nx\r\nEND\r\n", size));
		assert_false(same("VALUE a 0 1 5\r\nx\r\nEND\r\n", "END\r\n", size));
		assert_false(same("VALUE a 0 1 5\r\nx\r\nEND\r\n",
			"VALUE a 0 1 5\r\nx\r\nVALUE a 0 1 5\r\nx\r\nEND\r\n", size));
		assert_false(same("SERVER_ERROR x\r\n", "SERVER_ERROR y\r\n", size));
	}
}

static void words_of_a_line(void **state)
{
	static const char *const want[] = {"b", "cc", "ddd"};

	(void)state;
	for (size_t size = 1; size < 30; size++) {
		struct request r = line_of("gets b cc ddd\r\n", MEMCACHE_GETS, size);
		struct walk w = words_keys(&r);
		struct walk_arg arg;
		char buf[8];

		for (unsigned i = 0; i < 3; i++) {
			assert_true(words_next(&w, &arg));
			assert_true(
				slice_eq(walk_text(&arg, buf, sizeof(buf)), slice_str(want[i])));
		}
		assert_false(words_next(&w, &arg));
		fix_request_free(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_the_order_of_the_keys),
		cmocka_unit_test(compared_without_uniques),
		cmocka_unit_test(words_of_a_line),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
