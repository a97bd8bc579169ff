#include "dataplane/net/neigh.h"

#include <errno.h>
#include <stdlib.h>

// Known entries that are looked at for one that may give way.
#define EVICT_TRIES 8
#define TIMERS_PER_ADVANCE 256

int neigh_init(struct neigh_table *table, uint32_t max, uint64_t seed, struct stats *stats,
	struct mono now)
{
	uint32_t buckets = rte_align32pow2(max < 4 ? 4 : max);

	*table = (struct neigh_table){.max = max < 4 ? 4 : max,
		.bucket_mask = buckets - 1,
		.key = {.k = {seed, ~seed}},
		.stats = stats};
	wheel_init(&table->wheel, now);
	list_init(&table->free);
	list_init(&table->ask);
	for (unsigned i = 0; i < NEIGH_KINDS; i++)
		list_init(&table->order[i]);
	table->entry = calloc(table->max, sizeof(*table->entry));
	table->bucket = malloc(buckets * sizeof(*table->bucket));
	if (table->entry == NULL || table->bucket == NULL) {
		free(table->entry);
		free(table->bucket);
		*table = (struct neigh_table){0};
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < buckets; i++)
		table->bucket[i] = NEIGH_NONE;
	for (uint32_t i = 0; i < table->max; i++) {
		wheel_timer_init(&table->entry[i].timer);
		list_init(&table->entry[i].ask);
		list_push_back(&table->free, &table->entry[i].order);
	}
	return 0;
}

static void drop_held(struct neigh_table *table, struct neigh *n, enum drop reason)
{
	for (unsigned i = 0; i < n->held; i++) {
		stat_drop(table->stats, reason);
		rte_pktmbuf_free(n->hold[i]);
	}
	table->held -= n->held;
	n->held = 0;
}

void neigh_fini(struct neigh_table *table)
{
	for (uint32_t i = 0; i < table->max; i++)
		rte_pktmbuf_free_bulk(table->entry[i].hold, table->entry[i].held);
	free(table->entry);
	free(table->bucket);
	*table = (struct neigh_table){0};
}

static uint32_t *bucket_of(struct neigh_table *table, const struct ip_addr *addr)
{
	uint64_t h = siphash(&table->key, addr->b, sizeof(addr->b));

	return &table->bucket[(uint32_t)h & table->bucket_mask];
}

struct neigh *neigh_find(struct neigh_table *table, const struct ip_addr *addr)
{
	for (uint32_t i = *bucket_of(table, addr); i != NEIGH_NONE; i = table->entry[i].chain)
		if (ip_addr_eq(&table->entry[i].addr, addr))
			return &table->entry[i];
	return NULL;
}

static void set_kind(struct neigh_table *table, struct neigh *n, enum neigh_kind kind)
{
	list_remove(&n->order);
	table->count[n->kind]--;
	n->kind = (uint8_t)kind;
	table->count[kind]++;
	list_push_back(&table->order[kind], &n->order);
}

static void neigh_remove(struct neigh_table *table, struct neigh *n)
{
	uint32_t *link = bucket_of(table, &n->addr);

	while (*link != neigh_index(table, n))
		link = &table->entry[*link].chain;
	*link = n->chain;
	drop_held(table, n, DROP_NEIGH_FAILED);
	wheel_cancel(&table->wheel, &n->timer);
	list_remove(&n->ask);
	list_remove(&n->order);
	table->count[n->kind]--;
	n->state = NEIGH_FREE;
	list_push_back(&table->free, &n->order);
}

static bool evict_oldest(struct neigh_table *table, enum neigh_kind kind)
{
	if (list_empty(&table->order[kind]))
		return false;
	neigh_remove(table, list_entry(table->order[kind].next, struct neigh, order));
	return true;
}

static bool evict_unused(struct neigh_table *table, struct mono now)
{
	struct list *known = &table->order[NEIGH_KNOWN];

	for (unsigned i = 0; i < EVICT_TRIES && !list_empty(known); i++) {
		struct neigh *n = list_entry(known->next, struct neigh, order);
		struct mono last = mono_before(n->used, n->confirmed) ? n->confirmed : n->used;

		if (mono_since(now, last) >= NEIGH_LIVE_NS) {
			neigh_remove(table, n);
			return true;
		}
		list_remove(&n->order);
		list_push_back(known, &n->order);
	}
	return false;
}

// Makes sure that an entry of this kind is free.
static bool make_room(struct neigh_table *table, enum neigh_kind kind, struct mono now)
{
	if (table->count[kind] >= table->max / 2)
		return evict_oldest(table, kind);
	if (!list_empty(&table->free) || evict_oldest(table, NEIGH_STRANGER))
		return true;
	if (kind == NEIGH_STRANGER)
		return false;
	return evict_unused(table, now) || evict_oldest(table, NEIGH_UNRESOLVED);
}

struct neigh *neigh_add(struct neigh_table *table, const struct ip_addr *addr, enum neigh_kind kind,
	struct mono now)
{
	struct neigh *n;
	uint32_t *bucket;

	if (!make_room(table, kind, now)) {
		stat_drop(table->stats, DROP_NEIGH_FULL);
		return NULL;
	}
	n = list_entry(list_pop_front(&table->free), struct neigh, order);
	bucket = bucket_of(table, addr);
	n->addr = *addr;
	n->used = now;
	n->confirmed = (struct mono){0};
	n->kind = (uint8_t)kind;
	n->state = NEIGH_INCOMPLETE;
	n->solicits = 0;
	n->held = 0;
	n->chain = *bucket;
	*bucket = neigh_index(table, n);
	table->count[kind]++;
	list_push_back(&table->order[kind], &n->order);
	return n;
}

static void set_state(struct neigh_table *table, struct neigh *n, enum neigh_state state,
	struct mono now, uint64_t for_ns)
{
	n->state = (uint8_t)state;
	n->solicits = 0;
	list_remove(&n->ask);
	wheel_arm(&table->wheel, &n->timer, mono_add(now, for_ns));
}

static void set_reachable(struct neigh_table *table, struct neigh *n, struct mono now)
{
	n->confirmed = now;
	set_state(table, n, NEIGH_REACHABLE, now, NEIGH_REACHABLE_NS);
}

static void start_asking(struct neigh_table *table, struct neigh *n, struct mono now)
{
	set_state(table, n, NEIGH_INCOMPLETE, now, NEIGH_RETRANS_NS);
	n->solicits = 1;
}

enum neigh_use neigh_use(struct neigh_table *table, struct neigh *n, struct mono now)
{
	n->used = now;
	switch ((enum neigh_state)n->state) {
	case NEIGH_REACHABLE:
	case NEIGH_DELAY:
	case NEIGH_PROBE:
		return NEIGH_SEND;
	case NEIGH_STALE:
		if (n->kind != NEIGH_KNOWN)
			set_kind(table, n, NEIGH_KNOWN);
		set_state(table, n, NEIGH_DELAY, now, NEIGH_DELAY_NS);
		return NEIGH_SEND;
	case NEIGH_INCOMPLETE:
		if (n->solicits > 0)
			return NEIGH_HOLD;
		start_asking(table, n, now);
		return NEIGH_ASK;
	case NEIGH_FREE:
	case NEIGH_FAILED:
		break;
	}
	return NEIGH_DROP;
}

void neigh_hold(struct neigh_table *table, struct neigh *n, struct rte_mbuf *m)
{
	if (n->held == NEIGH_HOLD_MAX || (table->held == NEIGH_HELD_MAX && n->held > 0)) {
		stat_drop(table->stats, DROP_NEIGH_HOLD);
		rte_pktmbuf_free(n->hold[0]);
		n->held--;
		table->held--;
		memmove(&n->hold[0], &n->hold[1], n->held * sizeof(n->hold[0]));
	}
	if (table->held == NEIGH_HELD_MAX) {
		stat_drop(table->stats, DROP_NEIGH_HOLD);
		rte_pktmbuf_free(m);
		return;
	}
	n->hold[n->held++] = m;
	table->held++;
}

unsigned neigh_release(
	struct neigh_table *table, struct neigh *n, struct rte_mbuf *held[NEIGH_HOLD_MAX])
{
	unsigned count = n->held;

	memcpy(held, n->hold, count * sizeof(held[0]));
	table->held -= count;
	n->held = 0;
	return count;
}

bool neigh_learn(struct neigh_table *table, struct neigh *n, const struct rte_ether_addr *mac,
	unsigned flags, struct mono now)
{
	bool resolved = n->state != NEIGH_INCOMPLETE && n->state != NEIGH_FAILED;
	bool same = resolved && rte_is_same_ether_addr(&n->mac, mac);

	if (resolved && !same && !(flags & NEIGH_OVERRIDE)) {
		if (n->state == NEIGH_REACHABLE)
			set_state(table, n, NEIGH_STALE, now, NEIGH_STALE_NS);
		return false;
	}
	n->mac = *mac;
	if (n->kind == NEIGH_UNRESOLVED)
		set_kind(table, n, NEIGH_KNOWN);
	if (flags & NEIGH_SOLICITED)
		set_reachable(table, n, now);
	else if (!same)
		set_state(table, n, NEIGH_STALE, now, NEIGH_STALE_NS);
	return n->held > 0;
}

void neigh_confirm_slow(struct neigh_table *table, struct neigh *n, struct mono now)
{
	if (n->state == NEIGH_FREE || n->state == NEIGH_INCOMPLETE || n->state == NEIGH_FAILED)
		return;
	if (n->kind != NEIGH_KNOWN)
		set_kind(table, n, NEIGH_KNOWN);
	set_reachable(table, n, now);
}

// Asks again, or gives up.
static void ask_again(struct neigh_table *table, struct neigh *n)
{
	if (n->solicits < NEIGH_SOLICITS) {
		n->solicits++;
		if (!list_linked(&n->ask))
			list_push_back(&table->ask, &n->ask);
		wheel_arm(&table->wheel, &n->timer, mono_add(table->now, NEIGH_RETRANS_NS));
	} else if (n->state == NEIGH_PROBE) {
		// Its MAC may have changed: the next packet asks everybody.
		neigh_remove(table, n);
	} else {
		drop_held(table, n, DROP_NEIGH_FAILED);
		set_state(table, n, NEIGH_FAILED, table->now, NEIGH_FAILED_NS);
	}
}

// Moves a timer that only bounds a state, when the state was renewed meanwhile.
static bool renewed(struct neigh_table *table, struct neigh *n, struct mono since, uint64_t for_ns)
{
	struct mono until = mono_add(since, for_ns);

	if (mono_due(table->now, until))
		return false;
	wheel_arm(&table->wheel, &n->timer, until);
	return true;
}

static void neigh_fire(void *ctx, struct wheel_timer *timer)
{
	struct neigh_table *table = ctx;
	struct neigh *n = list_entry(timer, struct neigh, timer);

	switch ((enum neigh_state)n->state) {
	case NEIGH_INCOMPLETE:
	case NEIGH_PROBE:
		ask_again(table, n);
		break;
	case NEIGH_REACHABLE:
		if (!renewed(table, n, n->confirmed, NEIGH_REACHABLE_NS))
			set_state(table, n, NEIGH_STALE, table->now, NEIGH_STALE_NS);
		break;
	case NEIGH_STALE:
		if (!renewed(table, n, n->used, NEIGH_STALE_NS))
			neigh_remove(table, n);
		break;
	case NEIGH_DELAY:
		set_state(table, n, NEIGH_PROBE, table->now, NEIGH_RETRANS_NS);
		ask_again(table, n);
		break;
	case NEIGH_FAILED:
		neigh_remove(table, n);
		break;
	case NEIGH_FREE:
		break;
	}
}

void neigh_advance(struct neigh_table *table, struct mono now)
{
	table->now = now;
	wheel_advance(&table->wheel, now, TIMERS_PER_ADVANCE, neigh_fire, table);
}

struct neigh *neigh_due(struct neigh_table *table)
{
	struct list *link = list_pop_front(&table->ask);

	return link != NULL ? list_entry(link, struct neigh, ask) : NULL;
}
