// The neighbours of one core: who is behind an address on the link, for ARP and neighbour
// discovery alike. The states and their timers are those of RFC 4861 §7.3; IPv4 follows them too.
//
// Pure bookkeeping: it sends nothing. Whoever wants a neighbour asked finds it by neigh_due, or is
// told by neigh_use. Packets wait in their neighbour's hold queue and are the table's meanwhile. It
// holds NEIGH_HOLD_MAX, since a gateway is asked for when all clients behind it come at once, and a
// SYN-ACK that is lost costs a second; the oldest gives way. All queues together hold
// NEIGH_HELD_MAX, so that addresses that nobody has cost few buffers.
//
// Bounds. The table never grows. Entries are of three kinds, and none of the first two may fill
// more than half of it, so that nobody pushes out neighbours that are in use:
//   strangers   asked us something; we never sent them anything but the answer
//   unresolved  we want to send there, and there is no answer (yet)
//   known       answered, or a stranger that we send to
// A known neighbour gives way only when it was not used for NEIGH_LIVE_NS.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_ether.h>
#include <rte_mbuf.h>

#include "common/base/list.h"

#include "common/base/compiler.h"
#include "common/base/ip_addr.h"
#include "common/base/mono.h"
#include "common/base/siphash.h"
#include "common/base/wheel.h"
#include "common/stats/stats.h"

#define NEIGH_HOLD_MAX 64
#define NEIGH_HELD_MAX 1024
#define NEIGH_NONE UINT32_MAX

// RFC 4861 §10
#define NEIGH_RETRANS_NS NS_PER_SEC
#define NEIGH_SOLICITS 3
#define NEIGH_REACHABLE_NS (30 * NS_PER_SEC)
#define NEIGH_DELAY_NS (5 * NS_PER_SEC)

// How long an address that did not answer is not asked for again.
#define NEIGH_FAILED_NS NS_PER_SEC
// How long an unused entry is kept.
#define NEIGH_STALE_NS (600 * NS_PER_SEC)
#define NEIGH_LIVE_NS (60 * NS_PER_SEC)

enum neigh_state {
	NEIGH_FREE,
	NEIGH_INCOMPLETE,
	NEIGH_REACHABLE,
	NEIGH_STALE,
	NEIGH_DELAY,
	NEIGH_PROBE,
	NEIGH_FAILED,
};

enum neigh_kind {
	NEIGH_STRANGER,
	NEIGH_UNRESOLVED,
	NEIGH_KNOWN,
	NEIGH_KINDS,
};

struct neigh {
	struct ip_addr addr;
	struct mono used;      // last packet sent to it, but for those on the shortest way
	struct mono confirmed; // it was reachable then
	struct rte_ether_addr mac;
	uint8_t state;
	uint8_t kind;
	uint8_t solicits; // sent in this state
	uint8_t held;
	uint32_t chain; // next entry of the hash bucket
	struct wheel_timer timer;
	struct list order; // of its kind, oldest first
	struct list ask;
	struct rte_mbuf *hold[NEIGH_HOLD_MAX];
};

struct neigh_table {
	struct neigh *entry;
	uint32_t *bucket; // index of the first entry, or NEIGH_NONE
	uint32_t max;
	uint32_t bucket_mask;
	uint32_t held; // packets in all hold queues
	uint32_t count[NEIGH_KINDS];
	struct list order[NEIGH_KINDS];
	struct list free;
	struct list ask; // to be solicited now
	struct mono now; // of the advance that is running
	struct siphash_key key;
	struct stats *stats;
	struct wheel wheel;
};

// 0 or -ENOMEM.
int neigh_init(struct neigh_table *table, uint32_t max, uint64_t seed, struct stats *stats,
	struct mono now) MUST_CHECK;
void neigh_fini(struct neigh_table *table);

struct neigh *neigh_find(struct neigh_table *table, const struct ip_addr *addr);

static inline uint32_t neigh_index(const struct neigh_table *table, const struct neigh *n)
{
	return (uint32_t)(n - table->entry);
}

// The entry that the hint names, if it is still the address's; else NULL. Any hint will do.
static inline struct neigh *neigh_at(
	struct neigh_table *table, uint32_t hint, const struct ip_addr *addr)
{
	struct neigh *n;

	if (unlikely(hint >= table->max))
		return NULL;
	n = &table->entry[hint];
	return likely(n->state != NEIGH_FREE && ip_addr_eq(&n->addr, addr)) ? n : NULL;
}

// A new entry for an address that has none: to send to it (NEIGH_UNRESOLVED, state INCOMPLETE),
// or because it sent us something (NEIGH_STRANGER; neigh_learn must follow). NULL, and counted,
// when no entry may give way.
struct neigh *neigh_add(struct neigh_table *table, const struct ip_addr *addr, enum neigh_kind kind,
	struct mono now);

// What to do with a packet for this neighbour.
enum neigh_use {
	NEIGH_SEND,
	NEIGH_HOLD, // neigh_hold it
	NEIGH_ASK,  // neigh_hold it, and solicit the neighbour now
	NEIGH_DROP,
};

enum neigh_use neigh_use(struct neigh_table *table, struct neigh *n, struct mono now);

// Takes the packet.
void neigh_hold(struct neigh_table *table, struct neigh *n, struct rte_mbuf *m);

// Gives the held packets back, oldest first.
unsigned neigh_release(
	struct neigh_table *table, struct neigh *n, struct rte_mbuf *held[NEIGH_HOLD_MAX]);

#define NEIGH_SOLICITED 1 // answers what we asked: it is reachable
#define NEIGH_OVERRIDE 2  // may replace an address that we have

// The neighbour said that `mac` is its address. True when held packets may be released now.
bool neigh_learn(struct neigh_table *table, struct neigh *n, const struct rte_ether_addr *mac,
	unsigned flags, struct mono now);

// A transport made progress with it.
void neigh_confirm_slow(struct neigh_table *table, struct neigh *n, struct mono now);

static inline void neigh_confirm(struct neigh_table *table, struct neigh *n, struct mono now)
{
	n->used = now;
	if (likely(n->state == NEIGH_REACHABLE))
		n->confirmed = now;
	else
		neigh_confirm_slow(table, n, now);
}

// Runs timers that are due.
void neigh_advance(struct neigh_table *table, struct mono now);

// The next neighbour to be solicited now, or NULL: by unicast to its MAC when its state is PROBE.
struct neigh *neigh_due(struct neigh_table *table);
