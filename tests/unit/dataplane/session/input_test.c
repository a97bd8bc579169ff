// The bytes of one client between TCP and its requests: where they are cut, joined, shared,
// dropped.
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "dataplane/session/input.h"
#include "tests/support/eal.h"

struct fix {
	struct rte_mempool *pool;
	struct client c;
};

static int setup(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));

	f->pool = test_pool_create(64);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fix *f = *state;

	input_clear(&f->c);
	assert_int_equal(test_pool_in_use(f->pool), 0);
	rte_mempool_free(f->pool);
	free(f);
	return 0;
}

static void add(struct fix *f, const char *bytes, size_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(f->pool);

	memcpy(rte_pktmbuf_append(m, (uint16_t)len), bytes, len);
	input_append(&f->c, m);
}

static void add_fill(struct fix *f, char fill, size_t len)
{
	char bytes[2048];

	memset(bytes, fill, len);
	add(f, bytes, len);
}

// Moves the cursor on by so many bytes, over as many segments as it takes.
static void parse(struct fix *f, size_t len)
{
	while (len > 0) {
		const uint8_t *data;
		size_t n = input_chunk(&f->c, &data);

		assert_true(n > 0);
		n = n < len ? n : len;
		input_advance(&f->c, n);
		len -= n;
	}
}

// The bytes of a request, and drops them.
static void expect_bytes(struct request *r, const char *text)
{
	const struct rte_mbuf *m = r->bytes;
	uint32_t off = r->bytes_off;
	size_t got = 0;

	assert_int_equal(r->len, strlen(text));
	for (; got < r->len; m = m->next, off = 0) {
		size_t n = m->data_len - off;

		n = n < r->len - got ? n : r->len - got;
		assert_memory_equal(rte_pktmbuf_mtod_offset(m, char *, off), text + got, n);
		got += n;
	}
	request_drop_bytes(r);
}

static struct request take(struct fix *f, size_t len)
{
	struct request r = {0};

	parse(f, len);
	input_take(&f->c, &r);
	return r;
}

static void test_requests_in_one_segment(void **state)
{
	struct fix *f = *state;
	struct request a;
	struct request b;
	struct request c;

	add(f, "oneTWOthree", 11);
	a = take(f, 3);
	b = take(f, 3);
	c = take(f, 5);
	assert_null(f->c.in_head);
	expect_bytes(&b, "TWO");
	expect_bytes(&a, "one");
	assert_int_equal(test_pool_in_use(f->pool), 1);
	expect_bytes(&c, "three");
	assert_int_equal(test_pool_in_use(f->pool), 0);
}

static void test_request_over_segments(void **state)
{
	struct fix *f = *state;
	struct request a;
	struct request b;

	add_fill(f, 'a', 300);
	add_fill(f, 'b', 300);
	add_fill(f, 'c', 300);
	a = take(f, 299);
	b = take(f, 1 + 300 + 1);
	// The next one begins in the last segment, which all of them keep.
	request_drop_bytes(&a);
	assert_int_equal(f->c.in_off, 1);
	assert_int_equal(test_pool_in_use(f->pool), 3);
	assert_int_equal(b.bytes_off, 299);
	request_drop_bytes(&b);
	assert_int_equal(test_pool_in_use(f->pool), 1);
	assert_int_equal(input_clear(&f->c), 299);
}

static void test_small_segments_join(void **state)
{
	struct fix *f = *state;
	struct request r;

	for (unsigned i = 0; i < 1000; i++) {
		add(f, "x", 1);
		parse(f, 1);
	}
	assert_int_equal(test_pool_in_use(f->pool), 1);
	parse(f, 0);
	r = take(f, 0);
	assert_int_equal(r.len, 1000);
	// What a request holds is not written behind: somebody may look at it.
	add(f, "y", 1);
	assert_int_equal(test_pool_in_use(f->pool), 2);
	request_drop_bytes(&r);
	r = take(f, 1);
	expect_bytes(&r, "y");
}

static void test_slice(void **state)
{
	struct fix *f = *state;
	struct slice s;
	char buf[8];

	add(f, "skip", 4);
	parse(f, 4);
	assert_int_equal(input_drop(&f->c), 4);
	add_fill(f, 'a', 300);
	add_fill(f, 'b', 300);
	parse(f, 600);
	s = input_slice(&f->c, 10, 20, buf, sizeof(buf));
	assert_int_equal(s.len, 20); // in place, so as long as it is
	assert_ptr_not_equal(s.ptr, buf);
	s = input_slice(&f->c, 298, 4, buf, sizeof(buf));
	assert_true(slice_eq(s, SLICE_LIT("aabb")));
	s = input_slice(&f->c, 298, 100, buf, sizeof(buf));
	assert_true(slice_eq(s, SLICE_LIT("aabbbbbb")));
	s = input_slice(&f->c, 300, 3, buf, sizeof(buf));
	assert_true(slice_eq(s, SLICE_LIT("bbb")));
	s = input_slice(&f->c, 600, 3, buf, sizeof(buf));
	assert_int_equal(s.len, 0);
}

static void test_move(void **state)
{
	struct fix *f = *state;
	struct request r = {.flags = REQUEST_BULK | REQUEST_OWN};
	struct request before;

	add_fill(f, 'a', 300);
	add_fill(f, 'b', 300);
	add_fill(f, 'c', 300);
	before = take(f, 100);
	parse(f, 450);
	assert_true(input_move(&f->c, &r, f->pool));
	assert_int_equal(r.len, 450);
	assert_int_equal(r.bytes->data_len, 200);
	assert_int_equal(r.bytes_tail->data_len, 250);
	parse(f, 50);
	assert_true(input_move(&f->c, &r, f->pool));
	assert_int_equal(r.len, 500);
	request_drop_bytes(&before);
	assert_memory_equal(rte_pktmbuf_mtod(r.bytes, char *), "aaaa", 4);
	parse(f, 300);
	assert_true(input_move(&f->c, &r, f->pool));
	assert_int_equal(r.len, 800);
	assert_null(f->c.in_head);
	request_drop_bytes(&r);
}

static void test_move_without_buffers(void **state)
{
	struct fix *f = *state;
	struct request r = {.flags = REQUEST_BULK | REQUEST_OWN};
	struct rte_mbuf *taken[64];
	unsigned n = 0;

	add_fill(f, 'a', 300);
	add_fill(f, 'b', 300);
	parse(f, 400);
	while (n < 64 && (taken[n] = rte_pktmbuf_alloc(f->pool)))
		n++;
	// The first segment moves as it is, part of the second one can't.
	assert_false(input_move(&f->c, &r, f->pool));
	assert_int_equal(r.len, 300);
	assert_int_equal(f->c.parsed, 100);
	rte_pktmbuf_free_bulk(taken, n);
	assert_true(input_move(&f->c, &r, f->pool));
	assert_int_equal(r.len, 400);
	assert_int_equal(input_clear(&f->c), 200);
	request_drop_bytes(&r);
}

static void test_drop(void **state)
{
	struct fix *f = *state;

	add_fill(f, 'a', 300);
	add_fill(f, 'b', 300);
	parse(f, 301);
	assert_int_equal(input_drop(&f->c), 301);
	assert_int_equal(test_pool_in_use(f->pool), 1);
	parse(f, 299);
	assert_int_equal(input_drop(&f->c), 299);
	assert_null(f->c.in_tail);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_requests_in_one_segment),
		TEST(test_request_over_segments),
		TEST(test_small_segments_join),
		TEST(test_slice),
		TEST(test_move),
		TEST(test_move_without_buffers),
		TEST(test_drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
