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

// Of another kind: it does not begin with a key.
struct small {
	uint16_t port;
	bool in;
};

struct fixture {
	struct pool pool;
	struct pool smalls;
	struct tcp_table table;
	struct object *objects[N];
};

static bool small_is(const void *ctx, const void *object, const struct tcp_key *key)
{
	const struct small *small = object;

	return *(const uint16_t *)ctx == 77 && small->port == key->local_port;
}

static void setup(struct fixture *f)
{
	static const uint16_t ctx = 77;

	assert_int_equal(pool_init(&f->pool, sizeof(struct object), N), 0);
	assert_int_equal(pool_init(&f->smalls, sizeof(struct small), N), 0);
	assert_int_equal(tcp_table_init(&f->table, N), 0);
	assert_int_equal((uintptr_t)f->table.buckets % CACHE_LINE, 0);
	f->table.pools[TCP_KIND_CONN] = &f->pool;
	f->table.pools[TCP_KIND_TIME_WAIT] = &f->smalls;
	f->table.is[TCP_KIND_TIME_WAIT] = small_is;
	f->table.ctx = &ctx;
	for (uint32_t i = 0; i < N; i++) {
		f->objects[i] = pool_get(&f->pool);
		*f->objects[i] = (struct object){.key.remote_port = (uint16_t)i};
	}
}

static void teardown(struct fixture *f)
{
	tcp_table_fini(&f->table);
	pool_fini(&f->smalls);
	pool_fini(&f->pool);
}

static void toggle(struct fixture *f, struct object *o)
{
	uint32_t used = f->table.used;

	if (o->in)
		tcp_table_remove(&f->table, o->key.hash, TCP_KIND_CONN, o);
	else
		tcp_table_insert(&f->table, o->key.hash, TCP_KIND_CONN, o);
	o->in = !o->in;
	assert_int_equal(f->table.used, o->in ? used + 1 : used - 1);
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

// Nothing remains of what was ever in it.
static void check_like_new(struct fixture *f)
{
	for (uint32_t i = 0; i < N; i++)
		if (f->objects[i]->in)
			toggle(f, f->objects[i]);
	for (uint32_t i = 0; i < f->table.n; i++) {
		assert_int_equal(f->table.buckets[i].passed, 0);
		for (unsigned k = 0; k < TCP_BUCKET_SLOTS; k++)
			assert_int_equal(f->table.buckets[i].tag[k], 0);
	}
}

// Whatever is put in and taken out, in any order, is found or not found. Few different hashes, or
// hashes that share their first bucket, make long runs that wrap around the end of the table.
static void churn(uint32_t hashes, uint32_t from, uint32_t apart)
{
	struct fixture f;
	struct rng rng;

	rng_seed(&rng, hashes + from);
	setup(&f);
	for (uint32_t i = 0; i < N; i++)
		f.objects[i]->key.hash =
			hashes == 0 ? (uint32_t)rng_u64(&rng) : from + i % hashes * apart;
	for (unsigned round = 0; round < 20; round++) {
		for (unsigned k = 0; k < 500; k++)
			toggle(&f, f.objects[rng_below(&rng, hashes == 0 ? N : 90)]);
		check(&f);
	}
	check_like_new(&f);
	teardown(&f);
}

static void test_random_hashes(void **state)
{
	(void)state;
	churn(0, 0, 0);
}

static void test_colliding_hashes(void **state)
{
	(void)state;
	churn(1, 0, 0);
	churn(1, UINT32_MAX, 0);
	churn(3, UINT32_MAX - 2, 1);
	// Each of a home of its own, from the last bucket on to the first ones.
	churn(11, 0u - 5 * (1u << 23), 1u << 23);
	churn(90, 0u - 4 * (1u << 23), 1u << 18);
}

// All that it was made for, and nothing but one bucket for nearly all of them.
static void test_full(void **state)
{
	struct fixture f;
	struct rng rng;
	uint32_t beyond = 0;

	(void)state;
	rng_seed(&rng, 5);
	setup(&f);
	for (uint32_t i = 0; i < N; i++) {
		f.objects[i]->key.hash = (uint32_t)rng_u64(&rng);
		toggle(&f, f.objects[i]);
	}
	check(&f);
	assert_true(f.table.used * 2 <= f.table.n * TCP_BUCKET_SLOTS);
	for (uint32_t i = 0; i < N; i++)
		if (tcp_table_guess(&f.table, f.objects[i]->key.hash).object != f.objects[i])
			beyond++;
	assert_in_range(beyond, 0, N / 50);
	check_like_new(&f);
	teardown(&f);
}

// A history after which every bucket was passed by at least once, though the table is nearly empty:
// to look for what is not there still ends.
static void test_every_bucket_passed_by(void **state)
{
	struct fixture f;
	uint32_t step;
	struct tcp_key absent = {.remote_port = 65535};

	(void)state;
	setup(&f);
	step = (uint32_t)((UINT64_C(1) << 32) / f.table.n) + 1;
	for (uint32_t home = 0; home < f.table.n; home++) {
		struct object *guest = f.objects[home + TCP_BUCKET_SLOTS];

		guest->key.hash = home * step;
		assert_int_equal(tcp_table_home(&f.table, guest->key.hash), home);
		for (uint32_t i = 0; i < TCP_BUCKET_SLOTS; i++) {
			f.objects[i]->key.hash = home * step;
			toggle(&f, f.objects[i]);
		}
		toggle(&f, guest);
		for (uint32_t i = 0; i < TCP_BUCKET_SLOTS; i++)
			toggle(&f, f.objects[i]);
		assert_int_not_equal(f.table.buckets[home].passed, 0);
	}
	check(&f);
	absent.hash = 12345;
	assert_int_equal(tcp_table_find(&f.table, &absent).kind, TCP_KIND_NONE);
	check_like_new(&f);
	teardown(&f);
}

// Objects of another kind are told apart by the function of that kind, under one hash.
static void test_kinds(void **state)
{
	struct fixture f;
	struct small *small;
	struct tcp_key key = {.local_port = 9, .hash = 4};

	(void)state;
	setup(&f);
	f.objects[0]->key.hash = 4;
	toggle(&f, f.objects[0]);
	small = pool_get(&f.smalls);
	small->port = 9;
	tcp_table_insert(&f.table, 4, TCP_KIND_TIME_WAIT, small);
	assert_int_equal(tcp_table_find(&f.table, &key).kind, TCP_KIND_TIME_WAIT);
	assert_ptr_equal(tcp_table_find(&f.table, &key).object, small);
	key.local_port = 10;
	assert_int_equal(tcp_table_find(&f.table, &key).kind, TCP_KIND_NONE);
	// The same place in another pool is another object.
	tcp_table_remove(&f.table, 4, TCP_KIND_TIME_WAIT, small);
	check(&f);
	assert_int_equal(f.table.used, 1);
	teardown(&f);
}

static void test_removing_what_is_not_there(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	tcp_table_remove(&f.table, 0, TCP_KIND_CONN, f.objects[0]);
	assert_int_equal(f.table.used, 0);
	toggle(&f, f.objects[0]);
	tcp_table_remove(&f.table, 0, TCP_KIND_CONN, f.objects[1]);
	check(&f);
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_hashes),
		cmocka_unit_test(test_colliding_hashes),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_every_bucket_passed_by),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_removing_what_is_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
