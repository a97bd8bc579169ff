#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/store/out.h"
#include "tests/support/eal.h"

struct fix {
	struct rte_mempool *pool;
	struct out out;
	int fd[2];
};

static int setup(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));

	f->pool = test_pool_create(32);
	f->out.pool = f->pool;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, f->fd), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fix *f = *state;

	out_free(&f->out);
	close(f->fd[0]);
	close(f->fd[1]);
	assert_int_equal(test_pool_in_use(f->pool), 0);
	rte_mempool_free(f->pool);
	free(f);
	return 0;
}

static void copy(struct fix *f, const char *bytes, size_t len)
{
	assert_true(out_reserve(&f->out, (uint32_t)len));
	out_copy(&f->out, bytes, (uint32_t)len);
}

static void expect_read(struct fix *f, const char *bytes, size_t len)
{
	char buf[16384];

	assert_int_equal(recv(f->fd[1], buf, sizeof(buf), 0), len);
	assert_memory_equal(buf, bytes, len);
}

static void test_small_things_share_a_buffer(void **state)
{
	struct fix *f = *state;

	copy(f, "one", 3);
	copy(f, "two", 3);
	copy(f, "three", 5);
	assert_int_equal(test_pool_in_use(f->pool), 1);
	assert_int_equal(out_write(&f->out, f->fd[0]), 11);
	expect_read(f, "onetwothree", 11);
	// The buffer is kept, and begun anew.
	copy(f, "four", 4);
	assert_int_equal(test_pool_in_use(f->pool), 1);
	assert_int_equal(out_write(&f->out, f->fd[0]), 4);
	expect_read(f, "four", 4);
}

static void test_large_things_take_several(void **state)
{
	struct fix *f = *state;
	char bytes[10000];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 31 >> 3);
	copy(f, "head", 4);
	copy(f, bytes, sizeof(bytes));
	assert_int_equal(f->out.bytes, 10004);
	assert_int_equal(out_write(&f->out, f->fd[0]), 10004);
	assert_int_equal(test_pool_in_use(f->pool), 1);
	memmove(bytes + 4, bytes, sizeof(bytes) - 4);
	memcpy(bytes, "head", 4);
	{
		char buf[16384];

		assert_int_equal(recv(f->fd[1], buf, sizeof(buf), 0), 10004);
		assert_memory_equal(buf, bytes, sizeof(bytes));
	}
}

static void test_no_buffers(void **state)
{
	struct fix *f = *state;

	// All or nothing: what was reserved in vain is not lost either.
	assert_false(out_reserve(&f->out, 32 * 2048 + 1));
	assert_int_equal(test_pool_in_use(f->pool), 32);
	assert_true(out_reserve(&f->out, 32 * 2048));
	assert_int_equal(f->out.bytes, 0);
}

static struct rte_mbuf *chunk(struct fix *f, const char *text)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(f->pool);

	memcpy(rte_pktmbuf_append(m, (uint16_t)strlen(text)), text, strlen(text));
	return m;
}

static void test_chains_are_taken(void **state)
{
	struct fix *f = *state;
	struct rte_mbuf *m = chunk(f, "abc");

	copy(f, "<", 1);
	m->next = chunk(f, "defg");
	out_take(&f->out, m, 7);
	copy(f, ">", 1);
	assert_int_equal(out_write(&f->out, f->fd[0]), 9);
	expect_read(f, "<abcdefg>", 9);
	// Only our own buffer stays.
	assert_int_equal(test_pool_in_use(f->pool), 1);
}

static void test_socket_is_full(void **state)
{
	struct fix *f = *state;
	static char bytes[32 * 2048];
	static char buf[sizeof(bytes)];
	size_t read = 0;
	size_t written = 0;
	int small = 4096;

	setsockopt(f->fd[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 31 >> 3);
	copy(f, bytes, sizeof(bytes));
	while (read < sizeof(bytes)) {
		ssize_t n = out_write(&f->out, f->fd[0]);

		assert_true(n >= 0);
		written += (size_t)n;
		assert_int_equal(f->out.bytes, sizeof(bytes) - written);
		n = recv(f->fd[1], buf + read, 1000, 0);
		assert_true(n > 0);
		read += (size_t)n;
	}
	assert_memory_equal(buf, bytes, sizeof(bytes));
}

static void test_peer_is_gone(void **state)
{
	struct fix *f = *state;

	close(f->fd[1]);
	copy(f, "x", 1);
	assert_int_equal(out_write(&f->out, f->fd[0]), -EPIPE);
	f->fd[1] = dup(f->fd[0]);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_small_things_share_a_buffer),
		TEST(test_large_things_take_several),
		TEST(test_no_buffers),
		TEST(test_chains_are_taken),
		TEST(test_socket_is_full),
		TEST(test_peer_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
