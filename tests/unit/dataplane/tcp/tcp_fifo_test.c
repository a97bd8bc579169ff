#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/rng.h"
#include "dataplane/tcp/tcp_fifo.h"

#define N 50

struct object {
	struct tcp_fifo_link link;
	uint64_t order; // 0: not in the list
};

static void check(const struct tcp_fifo *fifo, const struct pool *pool, struct object **objects)
{
	const struct object *at = tcp_fifo_first(fifo, pool);
	uint64_t before = 0;
	uint32_t n = 0;

	for (uint32_t i = 0; i < N; i++)
		n += objects[i]->order != 0;
	while (at != NULL) {
		assert_true(at->order > before);
		before = at->order;
		n--;
		at = at->link.next != 0 ? (const struct object *)pool_at(pool, at->link.next - 1)
					: NULL;
	}
	assert_int_equal(n, 0);
}

// Pushed and removed at random places, it holds what it should, in the order of pushing.
static void test_against_order(void **state)
{
	struct object *objects[N];
	struct tcp_fifo fifo = {0};
	struct pool pool;
	struct rng rng;

	(void)state;
	rng_seed(&rng, 1);
	assert_int_equal(pool_init(&pool, sizeof(struct object), N), 0);
	assert_null(tcp_fifo_first(&fifo, &pool));
	for (uint32_t i = 0; i < N; i++) {
		objects[i] = pool_get(&pool);
		objects[i]->order = 0;
	}
	for (uint64_t round = 1; round < 5000; round++) {
		// Short lists too: nearly empty every now and then.
		struct object *o = objects[rng_below(&rng, round % 1000 < 500 ? N : 3)];

		if (o->order == 0) {
			tcp_fifo_push(&fifo, &pool, &o->link);
			o->order = round;
		} else {
			tcp_fifo_remove(&fifo, &pool, &o->link);
			o->order = 0;
		}
		check(&fifo, &pool, objects);
	}
	for (uint32_t i = 0; i < N; i++)
		if (objects[i]->order != 0)
			tcp_fifo_remove(&fifo, &pool, &objects[i]->link);
	assert_null(tcp_fifo_first(&fifo, &pool));
	assert_int_equal(fifo.last, 0);
	pool_fini(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
