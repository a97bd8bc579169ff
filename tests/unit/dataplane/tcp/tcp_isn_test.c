#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "dataplane/tcp/tcp_isn.h"

static const struct siphash_key secret = {{1, 2}};

static struct tcp_key key_of(uint16_t local_port, uint16_t remote_port)
{
	struct tcp_key key;

	memset(&key, 0, sizeof(key));
	key.local_port = local_port;
	key.remote_port = remote_port;
	return key;
}

// RFC 6528 §3: for one name it grows by one each 4 µs, for another it begins elsewhere.
static void test_isn(void **state)
{
	struct tcp_key a = key_of(1, 2);
	struct tcp_key b = key_of(1, 3);
	struct mono t = {.ns = NS_PER_SEC};
	uint32_t isn = tcp_isn(&secret, &a, t);

	(void)state;
	assert_int_equal(tcp_isn(&secret, &a, mono_add(t, 4000)) - isn, 1);
	assert_int_equal(tcp_isn(&secret, &a, mono_add(t, NS_PER_SEC)) - isn, 250000);
	assert_int_not_equal(tcp_isn(&secret, &b, t), isn);
	assert_int_not_equal(tcp_isn(&(struct siphash_key){{1, 3}}, &a, t), isn);
}

static void test_uses_are_separate(void **state)
{
	struct tcp_key a = key_of(1, 2);
	struct tcp_key moved = key_of(9, 2);
	struct mono zero = {0};

	(void)state;
	assert_int_not_equal(tcp_isn(&secret, &a, zero), tcp_ts_offset(&secret, &a));
	assert_int_not_equal(tcp_ts_offset(&secret, &a), tcp_port_random(&secret, &a, 0));
	assert_int_equal(tcp_port_random(&secret, &a, 3), tcp_port_random(&secret, &moved, 3));
	assert_int_not_equal(tcp_port_random(&secret, &a, 3), tcp_port_random(&secret, &a, 4));
	assert_int_not_equal(
		tcp_port_random(&secret, &a, 3), tcp_port_random(&secret, &a, 3 + 65536));
	assert_int_not_equal(tcp_ts_offset(&secret, &a), tcp_ts_offset(&secret, &moved));
}

// RFC 9293 §3.4.3: above what the old connection of the same name reached, also across the wrap.
static void test_above(void **state)
{
	(void)state;
	assert_int_equal(tcp_isn_above(10, 9), 10);
	assert_int_equal(tcp_isn_above(10, UINT32_MAX - 5), 10);
	assert_true(seq_gt(tcp_isn_above(10, 10), 10));
	assert_true(seq_gt(tcp_isn_above(10, 1000), 1000));
	assert_true(seq_gt(tcp_isn_above(UINT32_MAX - 5, 10), 10));
}

// All of a name counts: either address, either port, and both families.
static void test_key_hash(void **state)
{
	struct tcp_key base = key_of(1, 2);
	struct tcp_key other;
	uint64_t name;

	(void)state;
	for (unsigned v4 = 0; v4 < 2; v4++) {
		unsigned at = v4 ? 12 : 0;

		if (v4) {
			base.remote = ip_addr_from_v4(1);
			base.local = ip_addr_from_v4(2);
		}
		name = tcp_key_name(&base, &secret);
		tcp_key_hash(&base, &secret);
		assert_int_equal(base.hash, (uint32_t)name);
		for (unsigned bit = at * 8; bit < 128; bit++) {
			other = base;
			other.remote.b[bit / 8] ^= (uint8_t)(1u << bit % 8);
			assert_int_not_equal(tcp_key_name(&other, &secret), name);
			other = base;
			other.local.b[bit / 8] ^= (uint8_t)(1u << bit % 8);
			assert_int_not_equal(tcp_key_name(&other, &secret), name);
		}
		for (unsigned bit = 0; bit < 16; bit++) {
			other = base;
			other.remote_port ^= (uint16_t)(1u << bit);
			assert_int_not_equal(tcp_key_name(&other, &secret), name);
			other = base;
			other.local_port ^= (uint16_t)(1u << bit);
			assert_int_not_equal(tcp_key_name(&other, &secret), name);
		}
		assert_int_not_equal(tcp_key_name(&base, &(struct siphash_key){{1, 3}}), name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_isn),
		cmocka_unit_test(test_uses_are_separate),
		cmocka_unit_test(test_above),
		cmocka_unit_test(test_key_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
