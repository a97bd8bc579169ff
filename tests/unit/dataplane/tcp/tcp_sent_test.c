#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "dataplane/tcp/tcp_sent.h"

static struct pool pool;
static const struct mono t = {.ns = 5};

static void add(struct tcp_sent_list *list, unsigned n, uint32_t len)
{
	for (unsigned i = 0; i < n; i++)
		tcp_sent_add(list, &pool, 1000 + i * len, 1000 + (i + 1) * len, false,
			(struct mono){.ns = 10 + i});
}

static void test_acknowledged_in_parts(void **state)
{
	struct tcp_sent_list list;
	struct tcp_sent_acked acked;

	(void)state;
	tcp_sent_init(&list);
	add(&list, 4, 100);
	assert_int_equal(list.pipe, 400);
	acked = tcp_sent_ack(&list, &pool, 1250);
	assert_int_equal(acked.segs, 2);
	assert_int_equal(acked.at.ns, 11);
	assert_false(acked.again);
	assert_int_equal(list.pipe, 150);
	assert_int_equal(list.head->seq, 1250);
	acked = tcp_sent_ack(&list, &pool, 1400);
	assert_int_equal(acked.segs, 2);
	assert_int_equal(list.pipe, 0);
	assert_null(list.tail);
	assert_int_equal(pool.used, 0);
}

static void test_lost_and_sent_again(void **state)
{
	struct tcp_sent_list list;

	(void)state;
	tcp_sent_init(&list);
	add(&list, 3, 100);
	tcp_sent_mark_lost(&list, list.head);
	tcp_sent_mark_lost(&list, list.head);
	assert_int_equal(list.pipe, 200);
	assert_int_equal(list.lost, 1);
	tcp_sent_again(&list, list.head, t);
	assert_int_equal(list.pipe, 300);
	assert_int_equal(list.lost, 0);
	assert_true(tcp_sent_ack(&list, &pool, 1100).again);
	tcp_sent_mark_all_lost(&list);
	assert_int_equal(list.pipe, 0);
	assert_int_equal(list.lost, 2);
	tcp_sent_ack(&list, &pool, 1150);
	assert_int_equal(list.pipe, 0);
	tcp_sent_free(&list, &pool);
	assert_int_equal(pool.used, 0);
}

static void test_split(void **state)
{
	struct tcp_sent_list list;

	(void)state;
	tcp_sent_init(&list);
	tcp_sent_add(&list, &pool, 1000, 1101, true, t);
	tcp_sent_mark_all_lost(&list);
	assert_true(tcp_sent_split(&list, &pool, list.head, 1060));
	assert_int_equal(list.head->end, 1060);
	assert_false(list.head->flags & TCP_SENT_FIN);
	assert_int_equal(list.tail->seq, 1060);
	assert_true(list.tail->flags & TCP_SENT_FIN);
	assert_int_equal(list.lost, 2);
	assert_int_equal(list.n, 2);
	tcp_sent_free(&list, &pool);
}

// When the pool is empty a connection can still send, one segment at a time.
static void test_always_one_record(void **state)
{
	struct pool none;
	struct tcp_sent_list list;

	(void)state;
	assert_int_equal(pool_init(&none, sizeof(struct tcp_sent), 0), 0);
	tcp_sent_init(&list);
	for (uint32_t i = 0; i < 3; i++) {
		assert_true(tcp_sent_room(&list, &none));
		tcp_sent_add(&list, &none, i, i + 1, false, t);
		assert_false(tcp_sent_room(&list, &none));
		assert_false(tcp_sent_split(&list, &none, list.head, i));
		tcp_sent_ack(&list, &none, i + 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_acknowledged_in_parts),
		cmocka_unit_test(test_lost_and_sent_again),
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_always_one_record),
	};

	if (pool_init(&pool, sizeof(struct tcp_sent), 16) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
