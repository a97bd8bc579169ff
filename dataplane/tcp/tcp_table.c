#include "dataplane/tcp/tcp_table.h"

#include <errno.h>
#include <stdlib.h>

#define INDEX_BITS 30
#define INDEX_MASK ((UINT32_C(1) << INDEX_BITS) - 1)

static uint32_t ref_make(const struct tcp_table *table, enum tcp_kind kind, const void *object)
{
	return (uint32_t)kind << INDEX_BITS | pool_index(table->pools[kind], object);
}

static enum tcp_kind ref_kind(uint32_t ref)
{
	return (enum tcp_kind)(ref >> INDEX_BITS);
}

static void *ref_object(const struct tcp_table *table, uint32_t ref)
{
	return pool_at(table->pools[ref_kind(ref)], ref & INDEX_MASK);
}

int tcp_table_init(struct tcp_table *table, uint32_t capacity)
{
	uint32_t size = 64;

	while (size < capacity * UINT64_C(2))
		size *= 2;
	*table = (struct tcp_table){
		.slots = calloc(size, sizeof(table->slots[0])),
		.mask = size - 1,
	};
	return table->slots == NULL ? -ENOMEM : 0;
}

void tcp_table_fini(struct tcp_table *table)
{
	free(table->slots);
	table->slots = NULL;
}

void *tcp_table_guess(const struct tcp_table *table, uint32_t hash)
{
	for (uint32_t i = hash & table->mask;; i = (i + 1) & table->mask) {
		const struct tcp_table_slot *slot = &table->slots[i];

		if (slot->ref == 0)
			return NULL;
		if (slot->hash == hash)
			return ref_object(table, slot->ref);
	}
}

struct tcp_found tcp_table_find(const struct tcp_table *table, const struct tcp_key *key)
{
	for (uint32_t i = key->hash & table->mask;; i = (i + 1) & table->mask) {
		const struct tcp_table_slot *slot = &table->slots[i];
		void *object;

		if (slot->ref == 0)
			return (struct tcp_found){.kind = TCP_KIND_NONE};
		if (slot->hash != key->hash)
			continue;
		object = ref_object(table, slot->ref);
		if (tcp_key_eq(object, key))
			return (struct tcp_found){.kind = ref_kind(slot->ref), .object = object};
	}
}

void tcp_table_insert(struct tcp_table *table, enum tcp_kind kind, void *object)
{
	const struct tcp_key *key = object;
	uint32_t i = key->hash & table->mask;

	while (table->slots[i].ref != 0)
		i = (i + 1) & table->mask;
	table->slots[i].hash = key->hash;
	table->slots[i].ref = ref_make(table, kind, object);
	table->used++;
	table->changes++;
}

// Closes the gap at `hole`: a later slot of the same run moves into it unless its home lies
// behind the gap.
static void close_gap(struct tcp_table *table, uint32_t hole)
{
	for (uint32_t i = (hole + 1) & table->mask; table->slots[i].ref != 0;
		i = (i + 1) & table->mask) {
		uint32_t home = table->slots[i].hash & table->mask;

		if (((i - home) & table->mask) < ((i - hole) & table->mask))
			continue;
		table->slots[hole] = table->slots[i];
		hole = i;
	}
	table->slots[hole].ref = 0;
}

void tcp_table_remove(struct tcp_table *table, enum tcp_kind kind, const void *object)
{
	const struct tcp_key *key = object;
	uint32_t ref = ref_make(table, kind, object);
	uint32_t i = key->hash & table->mask;

	while (table->slots[i].ref != ref) {
		if (table->slots[i].ref == 0)
			return;
		i = (i + 1) & table->mask;
	}
	close_gap(table, i);
	table->used--;
	table->changes++;
}
