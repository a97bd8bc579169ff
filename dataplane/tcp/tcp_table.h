// The table of everything that a segment can belong to: connections, half-open entries and
// TIME_WAIT entries, so that one look-up finds whichever it is.
//
// Buckets of one cache line with seven slots, at most half of all slots in use: a look-up touches
// one line of the table and compares its seven hashes at once. What finds its bucket full goes to
// the next one that is not, and every bucket that it passed by counts it; a look-up goes on only
// from buckets that were passed by. Removal takes the counts back, so that the table after any
// history is as good as a new one: there are no tombstones and nothing is ever moved.
//
// The hash is keyed (tcp_key.h): a stranger can't choose connections that share a bucket. Should
// hashes collide all the same, look-ups become slow by that much, and stay right.
//
// The table owns nothing; it knows objects by their kind and their index in the pool of that kind.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_prefetch.h>

#include "common/base/compiler.h"
#include "common/base/pool.h"
#include "dataplane/tcp/tcp_key.h"

enum tcp_kind {
	TCP_KIND_NONE,
	TCP_KIND_CONN, // begins with its struct tcp_key
	TCP_KIND_HALF_OPEN,
	TCP_KIND_TIME_WAIT,
	TCP_KIND_N,
};

#define TCP_BUCKET_SLOTS 7

struct tcp_bucket {
	uint32_t tag[TCP_BUCKET_SLOTS]; // hash | 1; 0: empty
	uint32_t passed;                // objects that lie further on because it was full
	uint32_t ref[TCP_BUCKET_SLOTS]; // kind and index in the pool of that kind
	uint32_t unused;
};

_Static_assert(sizeof(struct tcp_bucket) == CACHE_LINE, "a bucket is one cache line");

// Whether `object`, whose hash fits, is what `key` names.
typedef bool tcp_table_is(const void *ctx, const void *object, const struct tcp_key *key);

struct tcp_table {
	struct tcp_bucket *buckets;
	uint32_t n;
	uint32_t used;
	struct pool *pools[TCP_KIND_N];
	tcp_table_is *is[TCP_KIND_N]; // of all kinds but TCP_KIND_CONN
	const void *ctx;              // of `is`
};

struct tcp_found {
	enum tcp_kind kind;
	void *object;
};

// Room for `capacity` objects. 0 or -ENOMEM.
int tcp_table_init(struct tcp_table *table, uint32_t capacity) MUST_CHECK;
void tcp_table_fini(struct tcp_table *table);

// The bucket in which the search for a hash begins: by its high bits, so that there may be any
// number of buckets.
static inline uint32_t tcp_table_home(const struct tcp_table *table, uint32_t hash)
{
	return (uint32_t)((uint64_t)hash * table->n >> 32);
}

static inline void tcp_table_prefetch(const struct tcp_table *table, uint32_t hash)
{
	rte_prefetch0(&table->buckets[tcp_table_home(table, hash)]);
}

// The object that probably is it, by its hash alone and in the first bucket only, so that it can
// be prefetched. kind TCP_KIND_NONE when there is none.
struct tcp_found tcp_table_guess(const struct tcp_table *table, uint32_t hash);

struct tcp_found tcp_table_find(const struct tcp_table *table, const struct tcp_key *key);

// `object` lies in pools[kind] and is not in the table; `hash` is that of its key. No more than
// `capacity` objects.
void tcp_table_insert(
	struct tcp_table *table, uint32_t hash, enum tcp_kind kind, const void *object);

// Nothing happens when it is not there.
void tcp_table_remove(
	struct tcp_table *table, uint32_t hash, enum tcp_kind kind, const void *object);
