#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <rte_mempool.h>

#include "common/base/rng.h"
#include "dataplane/tcp/tcp_send_queue.h"
#include "tests/support/eal.h"

#define FIRST 0xfffff000u // the stream crosses the wrap

static struct rte_mempool *pool;
static uint64_t mem;

static int setup_pool(void **state)
{
	(void)state;
	test_eal_start();
	pool = test_pool_create(1024);
	return 0;
}

static int teardown_pool(void **state)
{
	(void)state;
	rte_mempool_free(pool);
	return 0;
}

static void fill(uint8_t *p, uint32_t from, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		p[i] = (uint8_t)((from + i) * 13 >> 3);
}

static struct rte_mbuf *make(uint32_t from, uint16_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

	fill((uint8_t *)rte_pktmbuf_append(m, len), from, len);
	return m;
}

// Any range can be had, whatever its boundaries.
static void check_range(
	struct tcp_send_queue *q, struct tcp_cursor *at, uint32_t from, uint32_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	uint8_t want[2000];
	uint8_t buf[2000];

	fill(want, from, len);
	assert_true(tcp_send_queue_get(q, at, FIRST + from, len, m));
	assert_int_equal(m->pkt_len, len);
	rte_mbuf_sanity_check(m, 1);
	assert_memory_equal(rte_pktmbuf_read(m, 0, len, buf), want, len);
	rte_pktmbuf_free(m);
}

static void test_any_range(void **state)
{
	struct tcp_send_queue q;
	struct rng rng;
	uint32_t total = 0;
	uint32_t acked = 0;
	struct tcp_cursor at[2] = {0};

	(void)state;
	rng_seed(&rng, 1);
	tcp_send_queue_init(&q, FIRST);
	while (total < 60000) {
		uint16_t len = (uint16_t)(1 + rng_below(&rng, total % 2 ? 1500 : 60));
		uint8_t bytes[100];

		if (len < 50) {
			fill(bytes, total, len);
			assert_true(tcp_send_queue_copy(&q, pool, bytes, len, &mem));
		} else {
			assert_true(tcp_send_queue_put(&q, make(total, len), &mem));
		}
		total += len;
		assert_int_equal(q.end, FIRST + total);
	}
	while (acked < total) {
		for (int i = 0; i < 4; i++) {
			uint32_t from = acked + rng_below(&rng, total - acked);
			uint32_t len = 1 + rng_below(&rng, 1460);

			check_range(&q, &at[i & 1], from, RTE_MIN(len, total - from));
		}
		acked += 1 + rng_below(&rng, RTE_MIN(700u, total - acked));
		tcp_send_queue_ack(&q, FIRST + acked, &mem);
		tcp_cursor_ack(&at[0], &q);
		tcp_cursor_ack(&at[1], &q);
	}
	assert_null(q.head);
	assert_int_equal(mem, 0);
	assert_int_equal(test_pool_in_use(pool), 0);
}

// One mbuf in two queues at once: neither may write to it, or to its `next`.
static void test_shared_between_two_queues(void **state)
{
	struct tcp_send_queue a;
	struct tcp_send_queue b;
	struct rte_mbuf *m = make(0, 1000);

	(void)state;
	tcp_send_queue_init(&a, FIRST);
	tcp_send_queue_init(&b, FIRST);
	rte_mbuf_refcnt_update(m, 2);
	assert_true(tcp_send_queue_put(&a, m, &mem));
	assert_true(tcp_send_queue_put(&b, m, &mem));
	assert_true(tcp_send_queue_put(&a, make(1000, 500), &mem));
	assert_true(tcp_send_queue_copy(&b, pool, "tail", 4, &mem));
	assert_int_equal(m->data_len, 1000);
	assert_null(m->next);
	check_range(&a, &(struct tcp_cursor){0}, 300, 1200);
	check_range(&b, &(struct tcp_cursor){0}, 0, 1000);
	tcp_send_queue_ack(&a, FIRST + 1500, &mem);
	check_range(&b, &(struct tcp_cursor){0}, 100, 900);
	tcp_send_queue_free(&b, &mem);
	assert_int_equal(rte_mbuf_refcnt_read(m), 1);
	rte_pktmbuf_free(m);
	assert_int_equal(mem, 0);
	assert_int_equal(test_pool_in_use(pool), 0);
}

static void test_indirect_is_sent_as_it_is(void **state)
{
	struct tcp_send_queue q;
	struct rte_mbuf *big = make(0, 2000);
	struct rte_mbuf *view = rte_pktmbuf_alloc(pool);

	(void)state;
	rte_pktmbuf_attach(view, big);
	rte_pktmbuf_adj(view, 500);
	rte_pktmbuf_free(big);
	tcp_send_queue_init(&q, FIRST + 500);
	assert_true(tcp_send_queue_put(&q, view, &mem));
	check_range(&q, &(struct tcp_cursor){0}, 500, 1460);
	check_range(&q, &(struct tcp_cursor){0}, 1960, 40);
	tcp_send_queue_free(&q, &mem);
	assert_int_equal(test_pool_in_use(pool), 0);
}

// A frame that is still on its way keeps what it refers to, though it is acknowledged.
static void test_frames_outlive_the_queue(void **state)
{
	struct tcp_send_queue q;
	struct rte_mbuf *frame = rte_pktmbuf_alloc(pool);
	uint8_t want[1000];
	uint8_t buf[1000];

	(void)state;
	tcp_send_queue_init(&q, FIRST);
	assert_true(tcp_send_queue_put(&q, make(0, 1000), &mem));
	assert_true(tcp_send_queue_get(&q, &(struct tcp_cursor){0}, FIRST, 1000, frame));
	tcp_send_queue_ack(&q, FIRST + 1000, &mem);
	fill(want, 0, 1000);
	assert_memory_equal(rte_pktmbuf_read(frame, 0, 1000, buf), want, 1000);
	rte_pktmbuf_free(frame);
	assert_int_equal(test_pool_in_use(pool), 0);
}

static void test_small_copies_share_an_mbuf(void **state)
{
	struct tcp_send_queue q;

	(void)state;
	tcp_send_queue_init(&q, FIRST);
	for (int i = 0; i < 40; i++)
		assert_true(tcp_send_queue_copy(&q, pool, "+OK\r\n", 5, &mem));
	assert_int_equal(test_pool_in_use(pool), 1);
	tcp_send_queue_free(&q, &mem);
	assert_int_equal(test_pool_in_use(pool), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_range),
		cmocka_unit_test(test_shared_between_two_queues),
		cmocka_unit_test(test_indirect_is_sent_as_it_is),
		cmocka_unit_test(test_frames_outlive_the_queue),
		cmocka_unit_test(test_small_copies_share_an_mbuf),
	};

	return cmocka_run_group_tests(tests, setup_pool, teardown_pool);
}
