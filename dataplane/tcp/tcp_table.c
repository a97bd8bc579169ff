#include "dataplane/tcp/tcp_table.h"

#include <errno.h>
#ifdef __AVX2__
#include <immintrin.h>
#endif

#include <sys/mman.h>

#define INDEX_BITS 30
#define INDEX_MASK ((UINT32_C(1) << INDEX_BITS) - 1)
#define SLOT_BITS ((1u << TCP_BUCKET_SLOTS) - 1)

static uint32_t ref_make(const struct tcp_table *table, enum tcp_kind kind, const void *object)
{
	return (uint32_t)kind << INDEX_BITS | pool_index(table->pools[kind], object);
}

static struct tcp_found found_at(const struct tcp_table *table, uint32_t ref)
{
	enum tcp_kind kind = (enum tcp_kind)(ref >> INDEX_BITS);

	return (struct tcp_found){kind, pool_at(table->pools[kind], ref & INDEX_MASK)};
}

static uint32_t tag_of(uint32_t hash)
{
	return hash | 1;
}

// The slots of a bucket with this tag, one bit each.
static inline unsigned slots_with(const struct tcp_bucket *bucket, uint32_t tag)
{
#ifdef __AVX2__
	__m256i tags = _mm256_load_si256((const __m256i *)(const void *)bucket);
	__m256i same = _mm256_cmpeq_epi32(tags, _mm256_set1_epi32((int)tag));

	return (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(same)) & SLOT_BITS;
#else
	unsigned slots = 0;

	for (unsigned i = 0; i < TCP_BUCKET_SLOTS; i++)
		slots |= (unsigned)(bucket->tag[i] == tag) << i;
	return slots;
#endif
}

static inline unsigned first_slot(unsigned slots)
{
	return (unsigned)__builtin_ctz(slots);
}

static inline uint32_t next_bucket(const struct tcp_table *table, uint32_t i)
{
	return i + 1 < table->n ? i + 1 : 0;
}

static size_t bytes_of(const struct tcp_table *table)
{
	return (size_t)table->n * sizeof(table->buckets[0]);
}

int tcp_table_init(struct tcp_table *table, uint32_t capacity)
{
	void *buckets;

	*table = (struct tcp_table){.n = capacity / TCP_BUCKET_SLOTS * 2 + 2};
	// Zeroed, aligned to a page, and free of cost until it is touched.
	buckets = mmap(NULL, bytes_of(table), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (buckets == MAP_FAILED)
		return -ENOMEM;
	// Looked up at random: a large one is worth large pages, where the system has them.
	(void)madvise(buckets, bytes_of(table), MADV_HUGEPAGE);
	table->buckets = buckets;
	return 0;
}

void tcp_table_fini(struct tcp_table *table)
{
	if (table->buckets != NULL)
		munmap(table->buckets, bytes_of(table));
	table->buckets = NULL;
}

struct tcp_found tcp_table_guess(const struct tcp_table *table, uint32_t hash)
{
	const struct tcp_bucket *bucket = &table->buckets[tcp_table_home(table, hash)];
	unsigned slots = slots_with(bucket, tag_of(hash));

	if (slots == 0)
		return (struct tcp_found){.kind = TCP_KIND_NONE};
	return found_at(table, bucket->ref[first_slot(slots)]);
}

static inline bool is(
	const struct tcp_table *table, const struct tcp_found *found, const struct tcp_key *key)
{
	if (likely(found->kind == TCP_KIND_CONN))
		return tcp_key_eq(found->object, key);
	return table->is[found->kind](table->ctx, found->object, key);
}

struct tcp_found tcp_table_find(const struct tcp_table *table, const struct tcp_key *key)
{
	uint32_t tag = tag_of(key->hash);
	uint32_t i = tcp_table_home(table, key->hash);

	// Counted, because buckets that were all passed by once would else send it round for ever.
	for (uint32_t n = 0; n < table->n; n++) {
		const struct tcp_bucket *bucket = &table->buckets[i];

		for (unsigned slots = slots_with(bucket, tag); slots != 0; slots &= slots - 1) {
			struct tcp_found found = found_at(table, bucket->ref[first_slot(slots)]);

			if (likely(is(table, &found, key)))
				return found;
		}
		if (likely(bucket->passed == 0))
			break;
		i = next_bucket(table, i);
	}
	return (struct tcp_found){.kind = TCP_KIND_NONE};
}

void tcp_table_insert(
	struct tcp_table *table, uint32_t hash, enum tcp_kind kind, const void *object)
{
	uint32_t i = tcp_table_home(table, hash);
	unsigned free_slots;
	unsigned slot;

	while ((free_slots = slots_with(&table->buckets[i], 0)) == 0) {
		table->buckets[i].passed++;
		i = next_bucket(table, i);
	}
	slot = first_slot(free_slots);
	table->buckets[i].tag[slot] = tag_of(hash);
	table->buckets[i].ref[slot] = ref_make(table, kind, object);
	table->used++;
}

// The bucket and slot of an object. False when it is not there.
static bool place_of(
	const struct tcp_table *table, uint32_t hash, uint32_t ref, uint32_t *at, unsigned *slot)
{
	uint32_t i = tcp_table_home(table, hash);

	for (uint32_t n = 0; n < table->n; n++) {
		const struct tcp_bucket *bucket = &table->buckets[i];

		for (unsigned slots = slots_with(bucket, tag_of(hash)); slots != 0;
			slots &= slots - 1) {
			*at = i;
			*slot = first_slot(slots);
			if (bucket->ref[*slot] == ref)
				return true;
		}
		if (bucket->passed == 0)
			break;
		i = next_bucket(table, i);
	}
	return false;
}

void tcp_table_remove(
	struct tcp_table *table, uint32_t hash, enum tcp_kind kind, const void *object)
{
	uint32_t at;
	unsigned slot;

	if (!place_of(table, hash, ref_make(table, kind, object), &at, &slot))
		return;
	table->buckets[at].tag[slot] = 0;
	for (uint32_t i = tcp_table_home(table, hash); i != at; i = next_bucket(table, i))
		table->buckets[i].passed--;
	table->used--;
}
