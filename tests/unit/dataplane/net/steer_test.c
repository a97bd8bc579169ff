// The hash agrees with DPDK's, and buckets are shared out evenly and to the queues' own workers.
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <rte_thash.h>

#include "common/base/rng.h"
#include "dataplane/net/steer.h"
#include "tests/support/eal.h"

// Of Microsoft's document on verifying RSS, which has these results too.
static const uint8_t known_key[STEER_KEY_LEN] = {0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2,
	0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30,
	0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac,
	0x01, 0xfa};

static struct ip_addr ip(const char *text)
{
	struct ip_addr a;

	assert_true(ip_addr_parse(text, &a));
	return a;
}

static uint32_t hash_of(const struct steer *s, const char *remote, uint16_t remote_port,
	const char *local, uint16_t local_port)
{
	struct ip_addr r = ip(remote);
	struct ip_addr l = ip(local);

	return steer_hash_to(s, &r, remote_port, &l) ^
		steer_hash_port(s, ip_addr_is_v4(&r), local_port);
}

static void published_results_come_out(void **state)
{
	struct steer *s = calloc(1, sizeof(*s));

	(void)state;
	steer_key(s, known_key);
	assert_int_equal(hash_of(s, "66.9.149.187", 2794, "161.142.100.80", 1766), 0x51ccc178);
	assert_int_equal(hash_of(s, "199.92.111.2", 14230, "65.69.140.83", 4739), 0xc626b0ea);
	assert_int_equal(
		hash_of(s, "3ffe:2501:200:1fff::7", 2794, "3ffe:2501:200:3::1", 1766), 0x40207d3d);
	free(s);
}

static void random_bytes(struct rng *rng, uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)rng_u64(rng);
}

// A packet with the tuple, whose TCP header stands behind options or extension headers.
static struct rte_mbuf *packet(struct rte_mempool *pool, const uint8_t *tuple, bool v4)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	unsigned addrs = v4 ? 8 : 32;
	uint8_t *p;

	assert_non_null(m);
	m->l3_len = v4 ? 24 : 48;
	p = (uint8_t *)rte_pktmbuf_append(m, 100);
	memset(p, 0xee, 100);
	p[0] = v4 ? 0x46 : 0x60;
	memcpy(p + (v4 ? 12 : 8), tuple, addrs);
	memcpy(p + m->l3_len, tuple + addrs, 4);
	return m;
}

static void any_tuple_hashes_as_in_dpdks_library(void **state)
{
	struct rte_mempool *pool = test_pool_create(16);
	struct steer *s = calloc(1, sizeof(*s));
	struct rng rng;

	(void)state;
	rng_seed(&rng, 5);
	for (unsigned round = 0; round < 2000; round++) {
		bool v4 = round % 2;
		unsigned len = v4 ? 12 : 36;
		uint8_t key[STEER_KEY_LEN];
		uint8_t tuple[STEER_TUPLE_MAX];
		uint32_t words[STEER_TUPLE_MAX / 4];
		struct rte_mbuf *m;

		random_bytes(&rng, key, sizeof(key));
		random_bytes(&rng, tuple, sizeof(tuple));
		steer_key(s, key);
		for (unsigned i = 0; i < len / 4; i++)
			words[i] = (uint32_t)tuple[4 * i] << 24 | (uint32_t)tuple[4 * i + 1] << 16 |
				(uint32_t)tuple[4 * i + 2] << 8 | tuple[4 * i + 3];
		m = packet(pool, tuple, v4);
		assert_int_equal(steer_hash(s, m), rte_softrss(words, len / 4, key));
		rte_pktmbuf_free(m);
	}
	free(s);
	rte_mempool_free(pool);
}

static void count_owners(const struct steer *s, unsigned *count, unsigned worker_n)
{
	memset(count, 0, STEER_WORKERS_MAX * sizeof(*count));
	for (uint32_t i = 0; i < STEER_BUCKETS; i++) {
		assert_true(steer_owner(s, i) < worker_n);
		count[steer_owner(s, i)]++;
		// Bits of the hash beyond those of the buckets do not matter.
		assert_int_equal(steer_owner(s, i), steer_owner(s, i | 0xfff00000));
	}
}

static void without_a_device_all_have_the_same_share(void **state)
{
	struct steer *s = calloc(1, sizeof(*s));
	unsigned count[STEER_WORKERS_MAX];

	(void)state;
	for (unsigned worker_n = 2; worker_n <= STEER_WORKERS_MAX; worker_n++) {
		steer_spread(s, NULL, 0, 1, worker_n);
		count_owners(s, count, worker_n);
		for (unsigned w = 0; w < worker_n; w++)
			assert_in_range(
				count[w], STEER_BUCKETS / worker_n, STEER_BUCKETS / worker_n + 1);
	}
	free(s);
}

// For any table of the device: an owner is served by the queue that the packet comes by, and those
// of a queue share evenly.
static void owners_sit_at_the_queue_that_the_table_names(void **state)
{
	struct steer *s = calloc(1, sizeof(*s));
	unsigned count[STEER_WORKERS_MAX];
	uint16_t table[STEER_BUCKETS];
	struct rng rng;

	(void)state;
	rng_seed(&rng, 9);
	for (unsigned round = 0; round < 500; round++) {
		unsigned worker_n = 1 + rng_below(&rng, STEER_WORKERS_MAX);
		unsigned queue_n = 1 + rng_below(&rng, worker_n);
		unsigned table_n = 1u << rng_below(&rng, 12);
		unsigned buckets[STEER_WORKERS_MAX] = {0};

		for (unsigned i = 0; i < table_n; i++)
			table[i] = (uint16_t)rng_below(&rng, queue_n);
		steer_spread(s, table, table_n, queue_n, worker_n);
		count_owners(s, count, worker_n);
		for (uint32_t i = 0; i < STEER_BUCKETS; i++) {
			assert_int_equal(steer_owner(s, i) % queue_n, table[i % table_n]);
			buckets[table[i % table_n]]++;
		}
		for (unsigned w = 0; w < worker_n; w++) {
			unsigned q = w % queue_n;
			unsigned served = (worker_n - q + queue_n - 1) / queue_n;

			assert_in_range(
				count[w], buckets[q] / served, (buckets[q] + served - 1) / served);
		}
	}
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_results_come_out),
		cmocka_unit_test(any_tuple_hashes_as_in_dpdks_library),
		cmocka_unit_test(without_a_device_all_have_the_same_share),
		cmocka_unit_test(owners_sit_at_the_queue_that_the_table_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
