#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "common/base/rng.h"
#include "dataplane/tcp/tcp_table.h"

#define N 2000

struct object {
	struct tcp_key key;
	bool in;
};

struct fixture {
	struct pool pool;
	struct tcp_table table;
	struct object *objects[N];
};

static void setup(struct fixture *f)
{
	assert_int_equal(pool_init(&f->pool, sizeof(struct object), N), 0);
	assert_int_equal(tcp_table_init(&f->table, N), 0);
	f->table.pools[TCP_KIND_CONN] = &f->pool;
	for (uint32_t i = 0; i < N; i++) {
		f->objects[i] = pool_get(&f->pool);
		*f->objects[i] = (struct object){.key.remote_port = (uint16_t)i};
	}
}

static void teardown(struct fixture *f)
{
	tcp_table_fini(&f->table);
	pool_fini(&f->pool);
}

static void check(struct fixture *f)
{
	for (uint32_t i = 0; i < N; i++) {
		struct tcp_found found = tcp_table_find(&f->table, &f->objects[i]->key);

		if (f->objects[i]->in)
			assert_ptr_equal(found.object, f->objects[i]);
		else
			assert_int_equal(found.kind, TCP_KIND_NONE);
	}
}

// Whatever is put in and taken out, in any order, is found or not found. Few different hashes make
// long runs that wrap around the end of the table.
static void churn(uint32_t hashes)
{
	struct fixture f;
	struct rng rng;

	rng_seed(&rng, hashes);
	setup(&f);
	for (uint32_t i = 0; i < N; i++)
		f.objects[i]->key.hash =
			hashes == 0 ? (uint32_t)rng_u64(&rng) : f.table.mask - 5 + i % hashes;
	for (unsigned round = 0; round < 20; round++) {
		for (unsigned k = 0; k < 500; k++) {
			struct object *o = f.objects[rng_below(&rng, hashes == 0 ? N : 60)];

			if (o->in)
				tcp_table_remove(&f.table, TCP_KIND_CONN, o);
			else
				tcp_table_insert(&f.table, TCP_KIND_CONN, o);
			o->in = !o->in;
		}
		check(&f);
	}
	teardown(&f);
}

static void test_random_hashes(void **state)
{
	(void)state;
	churn(0);
}

static void test_colliding_hashes(void **state)
{
	(void)state;
	churn(1);
	churn(3);
	churn(11);
}

static void test_removing_what_is_not_there(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	tcp_table_remove(&f.table, TCP_KIND_CONN, f.objects[0]);
	assert_int_equal(f.table.used, 0);
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_hashes),
		cmocka_unit_test(test_colliding_hashes),
		cmocka_unit_test(test_removing_what_is_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
