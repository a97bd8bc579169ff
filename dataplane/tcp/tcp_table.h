// The table of everything that a segment can belong to: connections, half-open entries and
// TIME_WAIT entries, so that one look-up finds whichever it is. Open addressing with 8-byte slots,
// at most half full, no tombstones: removal moves later slots back.
//
// Each object begins with its struct tcp_key. The table owns nothing.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_prefetch.h>

#include "common/base/compiler.h"
#include "common/base/pool.h"
#include "dataplane/tcp/tcp_key.h"

enum tcp_kind {
	TCP_KIND_NONE,
	TCP_KIND_CONN,
	TCP_KIND_HALF_OPEN,
	TCP_KIND_TIME_WAIT,
	TCP_KIND_N,
};

struct tcp_table_slot {
	uint32_t hash;
	uint32_t ref; // kind and index in the pool of that kind; 0: empty
};

struct tcp_table {
	struct tcp_table_slot *slots;
	struct pool *pools[TCP_KIND_N];
	uint32_t mask;
	uint32_t used;
	uint32_t changes; // tells whether an earlier look-up still holds
};

struct tcp_found {
	enum tcp_kind kind;
	void *object;
};

// Room for `capacity` objects. 0 or -ENOMEM.
int tcp_table_init(struct tcp_table *table, uint32_t capacity) MUST_CHECK;
void tcp_table_fini(struct tcp_table *table);

static inline void tcp_table_prefetch(const struct tcp_table *table, uint32_t hash)
{
	rte_prefetch0(&table->slots[hash & table->mask]);
}

// The object that probably is it, by its hash alone, so that it can be prefetched; or NULL.
void *tcp_table_guess(const struct tcp_table *table, uint32_t hash);

struct tcp_found tcp_table_find(const struct tcp_table *table, const struct tcp_key *key);

// `object` lies in pools[kind], begins with its key, and is not in the table.
void tcp_table_insert(struct tcp_table *table, enum tcp_kind kind, void *object);
void tcp_table_remove(struct tcp_table *table, enum tcp_kind kind, const void *object);
