// Where the keys of a request live: none, together, apart, or nobody can say.
#include "tests/unit/dataplane/session/request_fixture.h"
#include "tests/unit/dataplane/session/ring_fixture.h"

#include "dataplane/session/keys.h"
#include "tests/support/eal.h"

// Two racks of two nodes; their borders differ, so that keys may share an owner in one rack only.
static const struct fix_node cluster[] = {
	{"a", "r1", 0x00000000},
	{"a", "r1", 0x80000000},
	{"a", "r2", 0x40000000},
	{"a", "r2", 0xc0000000},
};

struct fix {
	struct rte_mempool *pool;
	struct fix_ring r;
	struct session s;
	struct fix_bytes bytes;
	char together[2][16]; // other hashes, the same owners
	char half[16];        // the same owner as these in the first rack alone
};

static uint32_t owner(const struct fix *f, uint32_t rack, const char *key)
{
	return ring_owner(&f->r.ring->dc[0].rack[rack], ring_hash(f->r.ring, slice_str(key)));
}

// The next key from `from` on with these owners.
static int find_key(const struct fix *f, int from, uint32_t a, uint32_t b, char out[16])
{
	do
		snprintf(out, 16, "key%d", from++);
	while (owner(f, 0, out) != a || owner(f, 1, out) != b);
	return from;
}

static int setup(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));
	int at;

	assert_non_null(f);
	test_eal_start();
	f->pool = test_pool_create(4096);
	f->r = fix_ring_new(cluster, ARRAY_LEN(cluster), 0);
	f->r.snapshot->hash_tag[0] = '{';
	f->r.snapshot->hash_tag[1] = '}';
	f->s.ring = f->r.ring;
	f->s.gather = malloc(SESSION_GATHER);
	assert_non_null(f->s.gather);
	at = find_key(f, 0, 0, 2, f->together[0]);
	find_key(f, at, 0, 2, f->together[1]);
	find_key(f, 0, 0, 3, f->half);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fix *f = *state;

	assert_int_equal(test_pool_in_use(f->pool), 0);
	rte_mempool_free(f->pool);
	fix_ring_free(&f->r);
	free(f->s.gather);
	free(f);
	return 0;
}

// The same whatever the segments; leaves the keys in `out`.
static enum keys_kind kind_of_bytes(struct fix *f, const char *name, struct keys *out)
{
	static const size_t sizes[] = {1, 3, 2000};
	enum keys_kind kind[ARRAY_LEN(sizes)];

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		// Long ones in large segments only: the pool is small.
		size_t size = f->bytes.len > 1000 ? 2000 - i : sizes[i];
		struct request r = fix_request(f->pool, &f->bytes, size);

		r.cmd = resp_cmd_lookup_full(slice_str(name));
		assert_non_null(r.cmd);
		keys_find(&f->s, &r, out);
		kind[i] = out->kind;
		assert_int_equal(kind[i], kind[0]);
		fix_request_free(&r);
	}
	return kind[0];
}

// Words are separated by blanks; the command is the first one.
static enum keys_kind kind_of(struct fix *f, const char *line, struct keys *out)
{
	char text[512], *word[64], *rest = text, *p;
	uint32_t n = 0;

	assert_true(strlen(line) < sizeof(text));
	memcpy(text, line, strlen(line) + 1);
	while (n < ARRAY_LEN(word) && (p = strsep(&rest, " ")))
		word[n++] = p;
	fix_begin(&f->bytes, n);
	for (uint32_t i = 0; i < n; i++)
		fix_arg(&f->bytes, word[i], strlen(word[i]));
	return kind_of_bytes(f, word[0], out);
}

// With the keys that `%s` stand for.
#define KIND(f, keys, ...) (snprintf(line, sizeof(line), __VA_ARGS__), kind_of(f, line, keys))

static void test_no_key(void **state)
{
	struct fix *f = *state;
	struct keys keys;

	assert_int_equal(kind_of(f, "dbsize", &keys), KEYS_NONE);
	assert_int_equal(kind_of(f, "scan 0 match key1", &keys), KEYS_NONE);
}

static void test_one_key(void **state)
{
	static const char *const lines[][2] = {{"get ", ""}, {"set ", " value"},
		{"hset ", " field value"}, {"lmpop 1 ", " left"}, {"sort ", " by nosort"}};
	struct fix *f = *state;
	char line[512];

	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		struct keys keys;

		snprintf(line, sizeof(line), "%s%s%s", lines[i][0], f->half, lines[i][1]);
		assert_int_equal(kind_of(f, line, &keys), KEYS_ONE);
		assert_int_equal(keys.hash, ring_hash(f->r.ring, slice_str(f->half)));
		assert_int_equal(keys.owners.node[0][0], 0);
		assert_int_equal(keys.owners.node[0][1], 3);
	}
}

static void test_together(void **state)
{
	struct fix *f = *state;
	struct keys keys;
	char line[512];

	assert_int_equal(KIND(f, &keys, "mget %s %s", f->together[0], f->together[1]), KEYS_ONE);
	assert_int_equal(keys.hash, ring_hash(f->r.ring, slice_str(f->together[0])));
	assert_int_equal(KIND(f, &keys, "mget %s %s", f->half, f->half), KEYS_ONE);
	// Values are no keys.
	assert_int_equal(KIND(f, &keys, "mset %s %s %s %s", f->together[0], f->half, f->together[1],
				 f->half),
		KEYS_ONE);
	assert_int_equal(kind_of(f, "mget x{tag} y{tag} {tag}z", &keys), KEYS_ONE);
}

// The same owner in one rack is not enough.
static void test_apart(void **state)
{
	struct fix *f = *state;
	struct keys keys;
	char line[512];

	assert_int_equal(KIND(f, &keys, "mget %s %s", f->together[0], f->half), KEYS_MANY);
	assert_int_equal(KIND(f, &keys, "mget %s %s %s", f->together[0], f->together[1], f->half),
		KEYS_MANY);
	assert_int_equal(KIND(f, &keys, "mset %s v %s v", f->together[0], f->half), KEYS_MANY);
	assert_int_equal(KIND(f, &keys, "rename %s %s", f->together[0], f->half), KEYS_MANY);
}

// What stands outside of the run of keys: a destination, before or behind it.
static void test_destinations(void **state)
{
	struct fix *f = *state;
	struct keys keys;
	char line[512];

	assert_int_equal(KIND(f, &keys, "sort %s store %s", f->together[0], f->half), KEYS_MANY);
	assert_int_equal(
		KIND(f, &keys, "sort %s store %s", f->together[0], f->together[1]), KEYS_ONE);
	assert_int_equal(KIND(f, &keys, "zunionstore %s 1 %s weights 2", f->together[0], f->half),
		KEYS_MANY);
	assert_int_equal(
		KIND(f, &keys, "zunionstore %s 1 %s weights 2", f->half, f->half), KEYS_ONE);
	assert_int_equal(keys.owners.node[0][1], 3);
}

static void test_the_store_will_refuse(void **state)
{
	struct fix *f = *state;
	struct keys keys;

	assert_int_equal(kind_of(f, "sintercard many key", &keys), KEYS_BROKEN);
	assert_int_equal(kind_of(f, "sintercard 3 key", &keys), KEYS_BROKEN);
}

// A destination may be where no one looks: it is as if it were another's.
static void test_more_than_is_looked_at(void **state)
{
	struct fix *f = *state;
	struct keys keys;
	uint32_t n = SESSION_WORDS_MAX + 2;

	fix_begin(&f->bytes, n);
	fix_arg(&f->bytes, "sort", 4);
	for (uint32_t i = 1; i < n; i++)
		fix_arg(&f->bytes, "alpha", 5);
	assert_int_equal(kind_of_bytes(f, "sort", &keys), KEYS_MANY);
}

static void test_how_long_a_key_may_be(void **state)
{
	struct fix *f = *state;
	static char key[SESSION_KEY_MAX + 1];
	struct keys keys;

	memset(key, 'k', sizeof(key));
	fix_begin(&f->bytes, 2);
	fix_arg(&f->bytes, "get", 3);
	fix_arg(&f->bytes, key, SESSION_KEY_MAX);
	assert_int_equal(kind_of_bytes(f, "get", &keys), KEYS_ONE);
	assert_int_equal(keys.hash, ring_hash(f->r.ring, slice_make(key, SESSION_KEY_MAX)));
	fix_begin(&f->bytes, 2);
	fix_arg(&f->bytes, "get", 3);
	fix_arg(&f->bytes, key, SESSION_KEY_MAX + 1);
	assert_int_equal(kind_of_bytes(f, "get", &keys), KEYS_TOO_BIG);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_no_key),
		TEST(test_one_key),
		TEST(test_together),
		TEST(test_apart),
		TEST(test_destinations),
		TEST(test_the_store_will_refuse),
		TEST(test_more_than_is_looked_at),
		TEST(test_how_long_a_key_may_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
