#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/base/compiler.h"
#include "common/base/rng.h"
#include "common/cluster/hash.h"

#define NAME(set, id, text, function) [HASH_##id] = text,
static const char *const names[] = {HASH_LIST(NAME)};

static const enum hash_kind column[] = {HASH_MURMUR, HASH_ONE_AT_A_TIME, HASH_MD5, HASH_CRC16,
	HASH_CRC32, HASH_CRC32A, HASH_FNV1_64, HASH_FNV1A_64, HASH_FNV1_32, HASH_FNV1A_32,
	HASH_HSIEH, HASH_JENKINS};

// What the original's own functions gave, a column each (dynomite.md §3.1).
static const struct {
	struct slice key;
	uint32_t want[ARRAY_LEN(column)];
} vectors[] = {
	{SLICE_LIT("a"),
		{1262581116u, 3392050242u, 3111502092u, 31879u, 26807u, 3904355907u, 2248259518u,
			2248273036u, 84696446u, 3826002220u, 2472816263u, 3768813200u}},
	{SLICE_LIT("b"),
		{1647211699u, 14385563u, 4267699090u, 19684u, 29118u, 1908338681u, 2248259517u,
			2248274341u, 84696445u, 3876335077u, 291415938u, 4120036887u}},
	{SLICE_LIT("foo"),
		{3303027599u, 596015325u, 3675831724u, 205303702u, 3187u, 2356372769u, 1805727027u,
			4275688823u, 1083137555u, 2851307223u, 1993659431u, 2583187353u}},
	{SLICE_LIT("bar"),
		{516654467u, 2151715081u, 421377335u, 1276220357u, 30463u, 1996459178u, 1806514304u,
			322520602u, 513390112u, 1991736602u, 2197238083u, 2006320315u}},
	{SLICE_LIT("foo1"),
		{2721045299u, 2156352462u, 3825965609u, 1018164343u, 20281u, 3476655244u,
			3807208856u, 203777522u, 3031504856u, 1884341266u, 964491416u,
			3482010068u}},
	{SLICE_LIT("key:1"),
		{3691594071u, 2729841284u, 1018217594u, 1880267265u, 2927u, 191839212u, 4257821445u,
			2519685833u, 2305095589u, 1477709737u, 2159826137u, 2193389018u}},
	{SLICE_LIT("user:1000"),
		{2384768711u, 3043211087u, 781738503u, 3781445233u, 8052u, 2675185635u, 3550362913u,
			2927313545u, 2796551329u, 1350311305u, 3723237737u, 76303748u}},
	{SLICE_LIT("hello world"),
		{1578702139u, 1045060183u, 3141252702u, 4060494820u, 3402u, 222957957u, 2979073647u,
			37540583u, 1418570095u, 3582672807u, 1333368947u, 355681275u}},
	{SLICE_LIT("0123456789abcdef"),
		{43138349u, 4028760775u, 2377069120u, 3596871845u, 26820u, 1757737011u, 998436033u,
			3853346685u, 2652598081u, 2277258045u, 3097489547u, 3760384329u}},
	{SLICE_LIT("dynomite"),
		{2238574922u, 3540839119u, 843804418u, 544347094u, 6446u, 2569968690u, 3381542102u,
			3682671960u, 4155229334u, 27136184u, 1510603185u, 1205424406u}},
	{SLICE_LIT("The quick brown fox jumps over the lazy dog"),
		{818385189u, 1369346549u, 2642219166u, 581169352u, 16719u, 1095738169u, 2112060110u,
			3890508048u, 3922226286u, 76545936u, 471461527u, 314054204u}},
	{SLICE_LIT("\xff\xfe\x80\x7a"),
		{656625659u, 205465113u, 2890430473u, 225343413u, 19272u, 3410528094u, 4117426100u,
			925580702u, 1792985204u, 4078810878u, 2099884028u, 2601589519u}},
	{SLICE_LIT(""),
		{0u, 0u, 3649838548u, 0u, 0u, 0u, 2216829733u, 2216829733u, 2166136261u,
			2166136261u, 0u, 0u}},
};

// Each key in a block of its own size, so that a sanitizer sees reading beyond it.
static uint32_t hash_exactly(enum hash_kind kind, struct slice key)
{
	char *copy = malloc(key.len + 1);
	uint32_t hash;

	assert_non_null(copy);
	memcpy(copy + 1, key.ptr, key.len); // and at an odd address
	hash = hash_key(kind, slice_make(copy + 1, key.len));
	free(copy);
	return hash;
}

static void every_vector_of_the_original(void **state)
{
	(void)state;
	for (size_t v = 0; v < ARRAY_LEN(vectors); v++) {
		for (size_t c = 0; c < ARRAY_LEN(column); c++) {
			uint32_t got = hash_exactly(column[c], vectors[v].key);

			if (got != vectors[v].want[c])
				fail_msg("%s of \"%.*s\": %u, not %u", names[column[c]],
					SLICE_ARG(vectors[v].key), got, vectors[v].want[c]);
		}
	}
	// All but murmur3, which has none there.
	assert_int_equal(ARRAY_LEN(column), HASH_N - 1);
}

// Published with SMHasher's MurmurHash3_x86_32, seed 0.
static void murmur3_is_the_published_one(void **state)
{
	(void)state;
	assert_int_equal(hash_exactly(HASH_MURMUR3, SLICE_LIT("")), 0);
	assert_int_equal(hash_exactly(HASH_MURMUR3, SLICE_LIT("test")), 0xba6bd213);
	assert_int_equal(hash_exactly(HASH_MURMUR3, SLICE_LIT("Hello, world!")), 0xc0363e43);
	assert_int_equal(hash_exactly(HASH_MURMUR3,
				 SLICE_LIT("The quick brown fox jumps over the lazy dog")),
		0x2e4ff723);
	assert_int_equal(hash_exactly(HASH_MURMUR3, SLICE_LIT("\xff\xff\xff\xff")), 0x76293b50);
	assert_int_equal(hash_exactly(HASH_MURMUR3, SLICE_LIT("\x21\x43\x65\x87")), 0xf55b516b);
	assert_int_equal(hash_exactly(HASH_MURMUR3, SLICE_LIT("\x21\x43\x65")), 0x7e4a8634);
	assert_int_equal(hash_exactly(HASH_MURMUR3, SLICE_LIT("\x21\x43")), 0xa0f7b07a);
	assert_int_equal(hash_exactly(HASH_MURMUR3, SLICE_LIT("\x21")), 0x72661cf4);
}

static void quirk_one_at_a_time_takes_bytes_as_signed(void **state)
{
	uint32_t h = 0xffffff80; // -128, not 128

	(void)state;
	h += h << 10;
	h ^= h >> 6;
	h += h << 3;
	h ^= h >> 11;
	h += h << 15;
	assert_int_equal(hash_key(HASH_ONE_AT_A_TIME, SLICE_LIT("\x80")), h);
}

static void quirk_crc16_is_a_number_of_32_bits(void **state)
{
	(void)state;
	// The check value of CRC-16/XMODEM is 0x31c3: only the lower half of ours.
	assert_int_equal(hash_key(HASH_CRC16, SLICE_LIT("123456789")) & 0xffff, 0x31c3);
	assert_true(hash_key(HASH_CRC16, SLICE_LIT("123456789")) > UINT16_MAX);
}

static void quirk_crc32_has_15_bits_of_crc32a(void **state)
{
	(void)state;
	assert_int_equal(hash_key(HASH_CRC32A, SLICE_LIT("123456789")), 0xcbf43926);
	assert_int_equal(hash_key(HASH_CRC32, SLICE_LIT("123456789")), 0x4bf4);
}

// The published values of 64 bits are af63bd4c8601b7be and af63dc4c8601ec8c, 85944171f73967e8 for
// the longer one.
static void quirk_fnv_64_is_the_lower_half(void **state)
{
	(void)state;
	assert_int_equal(hash_key(HASH_FNV1_64, SLICE_LIT("a")), 0x8601b7be);
	assert_int_equal(hash_key(HASH_FNV1A_64, SLICE_LIT("a")), 0x8601ec8c);
	assert_int_equal(hash_key(HASH_FNV1A_64, SLICE_LIT("foobar")), 0xf73967e8);
}

static void quirk_an_empty_key_gives_jenkins_and_hsieh_nothing(void **state)
{
	(void)state;
	assert_int_equal(hash_key(HASH_JENKINS, slice_make(NULL, 0)), 0);
	assert_int_equal(hash_key(HASH_HSIEH, slice_make(NULL, 0)), 0);
}

// Every block and tail length reads its bytes, and nothing but them.
static void every_byte_counts_at_every_length(void **state)
{
	struct rng rng;

	(void)state;
	rng_seed(&rng, 1);
	for (int kind = 0; kind < HASH_N; kind++) {
		for (size_t len = 1; len <= 40; len++) {
			char key[40];
			uint32_t before;
			size_t at;

			for (size_t i = 0; i < len; i++)
				key[i] = (char)rng_u64(&rng);
			before = hash_exactly((enum hash_kind)kind, slice_make(key, len));
			at = rng_below(&rng, (uint32_t)len);
			if (kind == HASH_CRC16 || kind == HASH_CRC32)
				at = len - 1; // what is further ahead may shift out, or be cut off
			key[at] ^= (char)0x55;
			if (hash_exactly((enum hash_kind)kind, slice_make(key, len)) == before)
				fail_msg(
					"%s: byte %zu of %zu does not count", names[kind], at, len);
		}
	}
}

#define TAGGED(key, tag, want) \
	assert_true(slice_eq(hash_tagged(SLICE_LIT(key), tag), SLICE_LIT(want)))

static void the_tag_is_what_is_between_both_characters(void **state)
{
	const char none[2] = {0, 0};

	(void)state;
	TAGGED("a{b}c", "{}", "b");
	TAGGED("{b}", "{}", "b");
	TAGGED("a{b}c{d}", "{}", "b");
	TAGGED("a{b{c}d}", "{}", "b{c");
	TAGGED("a}b{c}", "{}", "c");
	TAGGED("a{}c", "{}", "");
	TAGGED("a{bc", "{}", "a{bc");
	TAGGED("a}b{c", "{}", "a}b{c");
	TAGGED("a{", "{}", "a{");
	TAGGED("abc", "{}", "abc");
	TAGGED("", "{}", "");
	TAGGED("a|b|c", "||", "b");
	TAGGED("a|b", "||", "a|b");
	TAGGED("a{b}c", none, "a{b}c");
	assert_int_equal(hash_tagged(slice_make(NULL, 0), "{}").len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_vector_of_the_original),
		cmocka_unit_test(murmur3_is_the_published_one),
		cmocka_unit_test(quirk_one_at_a_time_takes_bytes_as_signed),
		cmocka_unit_test(quirk_crc16_is_a_number_of_32_bits),
		cmocka_unit_test(quirk_crc32_has_15_bits_of_crc32a),
		cmocka_unit_test(quirk_fnv_64_is_the_lower_half),
		cmocka_unit_test(quirk_an_empty_key_gives_jenkins_and_hsieh_nothing),
		cmocka_unit_test(every_byte_counts_at_every_length),
		cmocka_unit_test(the_tag_is_what_is_between_both_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
