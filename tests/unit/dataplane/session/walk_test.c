// Arguments of requests whose bytes are cut anywhere, against the list that they were made from.
#include "tests/unit/dataplane/session/request_fixture.h"

#include "common/base/rng.h"
#include "dataplane/session/core.h"
#include "dataplane/session/walk.h"
#include "tests/support/eal.h"

#define ARGS_MAX 12
#define ARG_MAX 3000
#define MBUFS 8192

struct fix {
	struct rte_mempool *pool;
	struct fix_bytes bytes;
	uint32_t n;
	uint64_t begin[ARGS_MAX + 1]; // of each encoded argument; the end
	char text[ARGS_MAX][ARG_MAX];
	size_t len[ARGS_MAX];
};

static int setup(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	test_eal_start();
	f->pool = test_pool_create(MBUFS);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fix *f = *state;

	assert_int_equal(test_pool_in_use(f->pool), 0);
	rte_mempool_free(f->pool);
	free(f);
	return 0;
}

static void draw(struct fix *f, struct rng *rng)
{
	static const size_t edges[] = {0, 1, 9, 10, 99, 511, 512, 513, 2047, 2048, ARG_MAX};

	f->n = 1 + (uint32_t)rng_below(rng, ARGS_MAX);
	fix_begin(&f->bytes, f->n);
	for (uint32_t i = 0; i < f->n; i++) {
		f->len[i] = rng_below(rng, 2) ? edges[rng_below(rng, ARRAY_LEN(edges))]
					      : rng_below(rng, 40);
		for (size_t k = 0; k < f->len[i]; k++)
			f->text[i][k] = (char)rng_below(rng, 256);
		f->begin[i] = f->bytes.len;
		fix_arg(&f->bytes, f->text[i], f->len[i]);
	}
	f->begin[f->n] = f->bytes.len;
}

// No more segments than half of the pool.
static size_t draw_segment(const struct fix *f, struct rng *rng)
{
	static const size_t sizes[] = {1, 2, 3, 7, 64, 500, 1448, 2048};
	size_t size = sizes[rng_below(rng, ARRAY_LEN(sizes))];

	return f->bytes.len / size < MBUFS / 2 ? size : 64;
}

static bool is_in(const struct rte_mbuf *m, const char *p)
{
	for (; m; m = m->next)
		if (p >= rte_pktmbuf_mtod(m, const char *) &&
			p < rte_pktmbuf_mtod(m, const char *) + m->data_len)
			return true;
	return false;
}

static void check_arg(
	const struct fix *f, const struct request *r, const struct walk_arg *arg, uint32_t i)
{
	static char buf[ARG_MAX];
	struct slice text = walk_text(arg, buf, sizeof(buf));
	size_t half = f->len[i] / 2;

	assert_int_equal(arg->len, f->len[i]);
	assert_int_equal(arg->begin.at, f->begin[i]);
	assert_int_equal(walk_encoded_len(arg), f->begin[i + 1] - f->begin[i]);
	assert_int_equal(text.len, f->len[i]);
	assert_memory_equal(text.ptr, f->text[i], text.len);
	if (text.len == 0 || is_in(r->bytes, text.ptr))
		return;
	// It was gathered, so it may be cut.
	assert_ptr_equal(text.ptr, buf);
	text = walk_text(arg, buf, half);
	assert_int_equal(text.len, half);
	assert_memory_equal(text.ptr, f->text[i], half);
}

static void test_every_argument(void **state)
{
	struct fix *f = *state;
	struct rng rng;

	rng_seed(&rng, 1);
	for (unsigned round = 0; round < 500; round++) {
		struct request r;
		struct walk_arg arg;
		struct walk w;

		draw(f, &rng);
		r = fix_request(f->pool, &f->bytes, draw_segment(f, &rng));
		w = walk_begin(&r);
		assert_int_equal(w.args, f->n);
		for (uint32_t i = 0; i < f->n; i++) {
			assert_true(walk_next(&w, &arg));
			check_arg(f, &r, &arg, i);
		}
		assert_false(walk_next(&w, &arg));
		assert_int_equal(w.left, 0);
		fix_request_free(&r);
	}
}

// Bytes that lie in one piece are not copied.
static void test_text_in_place(void **state)
{
	struct fix *f = *state;
	struct walk_arg arg;
	struct request r;
	struct walk w;

	fix_begin(&f->bytes, 1);
	fix_arg(&f->bytes, "hello", 5);
	r = fix_request(f->pool, &f->bytes, 1000);
	w = walk_begin(&r);
	assert_true(walk_next(&w, &arg));
	assert_ptr_equal(walk_text(&arg, NULL, 0).ptr,
		rte_pktmbuf_mtod(r.bytes, const char *) + FIX_LEAD + strlen("*1\r\n$5\r\n"));
	fix_request_free(&r);
}

// A parser lets none of these pass; what is left must not be read all the same.
static void test_cut_off(void **state)
{
	struct fix *f = *state;
	uint32_t whole;

	fix_begin(&f->bytes, 2);
	fix_arg(&f->bytes, "hello", 5);
	fix_arg(&f->bytes, "world", 5);
	whole = (uint32_t)f->bytes.len;
	for (uint32_t len = 0; len < whole; len++) {
		struct request r;
		struct walk_arg arg;
		struct walk w;
		unsigned n = 0;

		r = fix_request(f->pool, &f->bytes, 3);
		r.len = len;
		w = walk_begin(&r);
		while (walk_next(&w, &arg))
			n++;
		assert_int_equal(n, len >= whole - strlen("$5\r\nworld\r\n"));
		fix_request_free(&r);
	}
}

// --- copies

static void check_chain(const struct reply *out, const char *expected, size_t len)
{
	size_t at = 0;

	assert_int_equal(out->len, len);
	for (const struct rte_mbuf *m = out->head; m; m = m->next) {
		assert_true(at + m->data_len <= len);
		assert_memory_equal(rte_pktmbuf_mtod(m, const char *), expected + at, m->data_len);
		at += m->data_len;
	}
	assert_int_equal(at, len);
}

static void test_copies_of_any_range(void **state)
{
	struct fix *f = *state;
	struct rng rng;

	rng_seed(&rng, 2);
	for (unsigned round = 0; round < 500; round++) {
		struct reply out = {.pool = f->pool};
		struct request r;
		struct walk w;
		size_t at, len;

		draw(f, &rng);
		at = rng_below(&rng, (uint32_t)f->bytes.len);
		len = rng_below(&rng, (uint32_t)(f->bytes.len - at) + 1);
		r = fix_request(f->pool, &f->bytes, draw_segment(f, &rng));
		w = walk_bytes(&r);
		walk_skip(&w, at);
		assert_int_equal(w.at, at);
		assert_true(walk_copy(w, len, &out));
		check_chain(&out, f->bytes.at + at, len);
		// It stands alone: who refers to the request's segments holds them.
		fix_request_free(&r);
		check_chain(&out, f->bytes.at + at, len);
		reply_free(&out);
	}
}

static void test_long_pieces_are_referred_to(void **state)
{
	static const char value[SESSION_REPLY_COPY_MAX] = {1};
	struct fix *f = *state;

	for (uint32_t cut = 0; cut < 2; cut++) {
		struct reply out = {.pool = f->pool};
		struct request r;
		struct walk_arg arg;
		struct walk w;

		fix_begin(&f->bytes, 1);
		fix_arg(&f->bytes, value, sizeof(value));
		r = fix_request(f->pool, &f->bytes, 2000);
		w = walk_begin(&r);
		assert_true(walk_next(&w, &arg));
		assert_true(walk_copy(arg.text, sizeof(value) - cut, &out));
		assert_int_equal(
			is_in(r.bytes, rte_pktmbuf_mtod(out.head, const char *)), cut == 0);
		reply_free(&out);
		fix_request_free(&r);
	}
}

static void test_skip_beyond_the_end(void **state)
{
	struct fix *f = *state;
	struct request r;
	struct walk w;

	fix_begin(&f->bytes, 1);
	fix_arg(&f->bytes, "x", 1);
	r = fix_request(f->pool, &f->bytes, 2);
	w = walk_bytes(&r);
	walk_skip(&w, UINT64_MAX);
	assert_int_equal(w.left, 0);
	assert_int_equal(w.at, f->bytes.len);
	walk_skip(&w, 1);
	assert_int_equal(w.at, f->bytes.len);
	fix_request_free(&r);
}

static void test_no_buffer(void **state)
{
	struct fix *f = *state;
	struct rte_mempool *none = test_pool_create(1);
	struct rte_mbuf *last = rte_pktmbuf_alloc(none);
	struct reply out = {.pool = none};
	struct request r;

	fix_begin(&f->bytes, 1);
	fix_arg(&f->bytes, "x", 1);
	r = fix_request(f->pool, &f->bytes, 2);
	assert_non_null(last);
	assert_false(walk_copy(walk_bytes(&r), 4, &out));
	assert_null(out.head);
	rte_pktmbuf_free(last);
	assert_true(walk_copy(walk_bytes(&r), 4, &out));
	reply_free(&out);
	assert_int_equal(test_pool_in_use(none), 0);
	rte_mempool_free(none);
	fix_request_free(&r);
}

// Of a reply that shares its segments with others', where it begins.
static void test_replies(void **state)
{
	struct fix *f = *state;
	struct request r;
	struct walk w;

	fix_begin(&f->bytes, 1);
	fix_arg(&f->bytes, "x", 1);
	r = fix_request(f->pool, &f->bytes, 2000);
	r.reply = r.bytes;
	r.reply_off = FIX_LEAD;
	r.reply_len = r.len;
	w = walk_reply(&r);
	assert_int_equal(*walk_piece(&w).ptr, '$');
	r.flags = REQUEST_SLICE;
	w = walk_reply(&r);
	assert_int_equal(walk_piece(&w).len, f->bytes.len);
	assert_memory_equal(walk_piece(&w).ptr, f->bytes.at, f->bytes.len);
	fix_request_free(&r);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_every_argument),
		TEST(test_text_in_place),
		TEST(test_cut_off),
		TEST(test_copies_of_any_range),
		TEST(test_long_pieces_are_referred_to),
		TEST(test_skip_beyond_the_end),
		TEST(test_no_buffer),
		TEST(test_replies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
