#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <openssl/evp.h>
#include <openssl/params.h>

#include "common/base/rng.h"
#include "common/base/siphash.h"

// The authors' test vectors of SipHash-2-4: key 00..0f, message of n bytes 00..n-1.
static const uint8_t vectors[][8] = {
	{0x31, 0x0e, 0x0e, 0xdd, 0x47, 0xdb, 0x6f, 0x72},
	{0xfd, 0x67, 0xdc, 0x93, 0xc5, 0x39, 0xf8, 0x74},
	{0x5a, 0x4f, 0xa9, 0xd9, 0x09, 0x80, 0x6c, 0x0d},
	{0x2d, 0x7e, 0xfb, 0xd7, 0x96, 0x66, 0x67, 0x85},
	{0xb7, 0x87, 0x71, 0x27, 0xe0, 0x94, 0x27, 0xcf},
	{0x8d, 0xa6, 0x99, 0xcd, 0x64, 0x55, 0x76, 0x18},
	{0xce, 0xe3, 0xfe, 0x58, 0x6e, 0x46, 0xc9, 0xcb},
	{0x37, 0xd1, 0x01, 0x8b, 0xf5, 0x00, 0x02, 0xab},
	{0x62, 0x24, 0x93, 0x9a, 0x79, 0xf5, 0xf5, 0x93},
	{0xb0, 0xe4, 0xa9, 0x0b, 0xdf, 0x82, 0x00, 0x9e},
	{0xf3, 0xb9, 0xdd, 0x94, 0xc5, 0xbb, 0x5d, 0x7a},
	{0xa7, 0xad, 0x6b, 0x22, 0x46, 0x2f, 0xb3, 0xf4},
	{0xfb, 0xe5, 0x0e, 0x86, 0xbc, 0x8f, 0x1e, 0x75},
	{0x90, 0x3d, 0x84, 0xc0, 0x27, 0x56, 0xea, 0x14},
	{0xee, 0xf2, 0x7a, 0x8e, 0x90, 0xca, 0x23, 0xf7},
	{0xe5, 0x45, 0xbe, 0x49, 0x61, 0xca, 0x29, 0xa1},
};

static void gives_the_published_vectors(void **state)
{
	uint8_t message[17];
	uint8_t raw[16];
	struct siphash_key key;

	(void)state;
	for (unsigned i = 0; i < sizeof(raw); i++)
		raw[i] = (uint8_t)i;
	memcpy(&key, raw, sizeof(key));
	for (unsigned align = 0; align < 2; align++) {
		for (unsigned n = 0; n < 16; n++) {
			uint64_t want;

			for (unsigned i = 0; i < n; i++)
				message[align + i] = (uint8_t)i;
			memcpy(&want, vectors[n], sizeof(want));
			assert_int_equal(siphash(&key, message + align, n), want);
		}
	}
}

static void of_registers_is_that_of_their_bytes(void **state)
{
	struct siphash_key key = {{3, 5}};
	uint64_t low = 7;
	uint8_t bytes[12];

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		uint32_t high = (uint32_t)(low >> 17);

		memcpy(bytes, &low, 8);
		memcpy(bytes + 8, &high, 4);
		assert_int_equal(siphash12(&key, low, high), siphash(&key, bytes, 12));
		low = low * 6364136223846793005u + 1;
	}
}

static void hash_by_openssl(
	const struct siphash_key *key, const uint8_t *data, size_t len, uint8_t out[16])
{
	unsigned size = 16;
	size_t written;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_uint("size", &size), OSSL_PARAM_construct_end()};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);

	assert_int_equal(EVP_MAC_init(ctx, (const uint8_t *)key, sizeof(*key), params), 1);
	assert_int_equal(EVP_MAC_update(ctx, data, len), 1);
	assert_int_equal(EVP_MAC_final(ctx, out, &written, 16), 1);
	assert_int_equal(written, 16);
	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(mac);
}

static void a_stream_gives_128_bits_as_openssl_does_however_it_is_cut(void **state)
{
	uint8_t data[300];
	struct rng rng;

	(void)state;
	rng_seed(&rng, 1);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)rng_u64(&rng);
	for (size_t len = 0; len <= sizeof(data); len++) {
		struct siphash_key key = {{rng_u64(&rng), rng_u64(&rng)}};
		struct siphash_stream s;
		uint64_t got[2];
		uint8_t want[16];

		siphash_stream_start(&s, &key);
		for (size_t at = 0; at < len;) {
			size_t n = 1 + rng_below(&rng, 20);

			n = n < len - at ? n : len - at;
			siphash_stream_feed(&s, data + at, n);
			siphash_stream_feed(&s, data, 0);
			siphash_stream_get(&s, got);
			at += n;
		}
		siphash_stream_get(&s, got);
		hash_by_openssl(&key, data, len, want);
		assert_memory_equal(got, want, sizeof(want));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_the_published_vectors),
		cmocka_unit_test(of_registers_is_that_of_their_bytes),
		cmocka_unit_test(a_stream_gives_128_bits_as_openssl_does_however_it_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
