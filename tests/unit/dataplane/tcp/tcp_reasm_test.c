#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <rte_mempool.h>

#include "common/base/rng.h"
#include "dataplane/tcp/tcp_mem.h"
#include "dataplane/tcp/tcp_reasm.h"
#include "tests/support/eal.h"

#define STREAM 3000
#define NO_LIMIT UINT64_MAX

static struct rte_mempool *pool;

static int setup_pool(void **state)
{
	(void)state;
	test_eal_start();
	pool = test_pool_create(4096);
	return 0;
}

static int teardown_pool(void **state)
{
	(void)state;
	rte_mempool_free(pool);
	return 0;
}

static uint8_t byte_at(uint32_t seq)
{
	return (uint8_t)(seq * 7 + (seq >> 8));
}

static struct rte_mbuf *piece(uint32_t seq, uint32_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	uint8_t *p = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)len);

	for (uint32_t i = 0; i < len; i++)
		p[i] = byte_at(seq + i);
	return m;
}

static void check_bytes(const struct tcp_recv_queue *q, uint32_t seq)
{
	for (const struct rte_mbuf *m = q->head; m != NULL; m = m->next)
		for (uint32_t i = 0; i < m->data_len; i++)
			assert_int_equal(
				*rte_pktmbuf_mtod_offset(m, const uint8_t *, i), byte_at(seq++));
}

// Random pieces with any overlap, any order, around the wrap, until the stream is whole.
static void run_random(uint64_t seed, uint32_t len_max)
{
	uint32_t first = (uint32_t)(0u - STREAM / 2);
	uint32_t nxt = first;
	struct tcp_reasm reasm;
	struct tcp_recv_queue q = {0};
	uint64_t mem = 0;
	struct rng rng;

	rng_seed(&rng, seed);
	tcp_reasm_init(&reasm);
	for (unsigned n = 0; nxt != first + STREAM; n++) {
		uint32_t at = rng_below(&rng, STREAM);
		uint32_t len = 1 + rng_below(&rng, len_max);
		uint32_t seq = first + at;

		if (n % 50 == 49)
			seq = nxt; // the retransmission that fills the hole
		len = RTE_MIN(len, first + STREAM - seq);
		if ((int32_t)(seq - nxt) < 0 || len == 0)
			continue;
		tcp_reasm_put(&reasm, seq, piece(seq, len), NO_LIMIT, &mem);
		nxt = tcp_reasm_take(&reasm, nxt, &q, &mem);
		assert_int_equal(q.bytes, nxt - first);
		assert_in_range(reasm.n, 0, TCP_REASM_RUNS);
	}
	assert_int_equal(reasm.n, 0);
	assert_int_equal(reasm.pinned, 0);
	check_bytes(&q, first);
	tcp_recv_queue_free(&q, &mem);
	assert_int_equal(mem, 0);
	assert_int_equal(test_pool_in_use(pool), 0);
}

static void test_random_pieces(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 60; seed++)
		run_random(seed, seed % 3 == 0 ? 5 : seed % 3 == 1 ? 100 : 1400);
}

static bool lies_below(const struct tcp_reasm *reasm, uint32_t end)
{
	for (uint32_t i = 0; i < reasm->n; i++)
		if ((int32_t)(reasm->runs[i].end - end) > 0)
			return false;
	return true;
}

// Whatever is there is cut at any place; what is below it stays, and goes on to grow.
static void run_cut(uint64_t seed)
{
	uint32_t first = (uint32_t)(0u - STREAM / 2);
	struct tcp_recv_queue q = {0};
	struct tcp_reasm reasm;
	uint64_t mem = 0;
	struct rng rng;
	uint32_t end;

	rng_seed(&rng, seed);
	tcp_reasm_init(&reasm);
	for (unsigned n = 1 + rng_below(&rng, 40); n > 0; n--) {
		uint32_t seq = first + 1 + rng_below(&rng, STREAM);

		tcp_reasm_put(&reasm, seq, piece(seq, 1 + rng_below(&rng, 300)), NO_LIMIT, &mem);
	}
	end = first + 1 + rng_below(&rng, STREAM);
	tcp_reasm_cut(&reasm, end, &mem);
	assert_true(lies_below(&reasm, end));
	assert_int_equal(reasm.pinned, mem);
	for (uint32_t seq = first; seq != end;) {
		uint32_t len = RTE_MIN(1 + rng_below(&rng, 300), end - seq);

		tcp_reasm_put(&reasm, seq, piece(seq, len), NO_LIMIT, &mem);
		seq += len;
	}
	assert_int_equal(tcp_reasm_take(&reasm, first, &q, &mem), end);
	assert_int_equal(reasm.n, 0);
	assert_int_equal(reasm.pinned, 0);
	assert_int_equal(q.bytes, end - first);
	check_bytes(&q, first);
	tcp_recv_queue_free(&q, &mem);
	assert_int_equal(mem, 0);
	assert_int_equal(test_pool_in_use(pool), 0);
}

static void test_cut(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 300; seed++)
		run_cut(seed);
}

static void test_too_many_holes(void **state)
{
	struct tcp_reasm reasm;
	uint64_t mem = 0;

	(void)state;
	tcp_reasm_init(&reasm);
	for (uint32_t i = 0; i < TCP_REASM_RUNS; i++)
		assert_int_equal(
			tcp_reasm_put(&reasm, 10 + i * 10, piece(10 + i * 10, 5), NO_LIMIT, &mem),
			TCP_REASM_TAKEN);
	assert_int_equal(
		tcp_reasm_put(&reasm, 5000, piece(5000, 5), NO_LIMIT, &mem), TCP_REASM_FULL);
	// What touches a run still finds its place.
	assert_int_equal(tcp_reasm_put(&reasm, 15, piece(15, 5), NO_LIMIT, &mem), TCP_REASM_TAKEN);
	assert_int_equal(reasm.n, TCP_REASM_RUNS - 1);
	tcp_reasm_free(&reasm, &mem);
	assert_int_equal(mem, 0);
	assert_int_equal(test_pool_in_use(pool), 0);
}

// A known bug of another stack: single bytes exhausted its pool.
static void test_single_bytes_pin_little(void **state)
{
	struct tcp_reasm reasm;
	uint64_t mem = 0;

	(void)state;
	for (int forward = 0; forward < 2; forward++) {
		tcp_reasm_init(&reasm);
		for (uint32_t i = 0; i < 1000; i++) {
			uint32_t seq = forward ? 100 + i : 1100 - i;

			assert_int_equal(tcp_reasm_put(&reasm, seq, piece(seq, 1), NO_LIMIT, &mem),
				TCP_REASM_TAKEN);
		}
		assert_int_equal(reasm.n, 1);
		assert_in_range(test_pool_in_use(pool), 1, 12);
		tcp_reasm_free(&reasm, &mem);
		assert_int_equal(mem, 0);
	}
}

static void test_limit(void **state)
{
	struct tcp_reasm reasm;
	uint64_t mem = 0;
	struct rte_mbuf *m = piece(10, 1000);
	uint64_t limit = 2 * (uint64_t)tcp_mem_of(m);

	(void)state;
	tcp_reasm_init(&reasm);
	assert_int_equal(tcp_reasm_put(&reasm, 10, m, limit, &mem), TCP_REASM_TAKEN);
	assert_int_equal(
		tcp_reasm_put(&reasm, 1010, piece(1010, 1000), limit, &mem), TCP_REASM_TAKEN);
	assert_int_equal(
		tcp_reasm_put(&reasm, 2010, piece(2010, 1000), limit, &mem), TCP_REASM_FULL);
	assert_int_equal(mem, limit);
	tcp_reasm_free(&reasm, &mem);
	assert_int_equal(test_pool_in_use(pool), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_pieces),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_too_many_holes),
		cmocka_unit_test(test_single_bytes_pin_little),
		cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, setup_pool, teardown_pool);
}
