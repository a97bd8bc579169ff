// Reassembly of fragments (RFC 791 §3.2, RFC 8200 §4.5), by DPDK's rte_ip_frag.
//
// The library puts a packet together only from fragments that meet exactly; with any overlap or
// duplicate the bytes never add up and all are dropped, as RFC 5722 wants. Bounds: `max` packets at
// once, of at most RTE_LIBRTE_IP_FRAG_MAX_FRAG (8) fragments each, for FRAG_TIMEOUT_NS. Its
// time-stamps are whatever it is given: here nanoseconds of `now`.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_ip_frag.h>

#include "common/base/compiler.h"
#include "common/base/mono.h"
#include "common/stats/stats.h"

#define FRAG_TIMEOUT_NS (15 * NS_PER_SEC)

struct frag {
	struct rte_ip_frag_tbl *table;
	struct stats *stats;
	struct mono last;  // fragment stored
	struct mono sweep; // next look for those that timed out; MONO_NEVER when there is none
	struct rte_ip_frag_death_row dead;
};

// 0 or -ENOMEM.
int frag_init(struct frag *frag, uint32_t max, struct stats *stats) MUST_CHECK;
void frag_fini(struct frag *frag);

// Take a fragment, whose mtod is its IP header of m->l3_len bytes, padding trimmed. They return the
// whole packet, or NULL while it is not. For IPv6 the fragment header must follow the fixed header
// directly, and l3_len ends behind it; the packet that comes back has none.
struct rte_mbuf *frag_input4(struct frag *frag, struct rte_mbuf *m, struct mono now);
struct rte_mbuf *frag_input6(struct frag *frag, struct rte_mbuf *m, struct mono now);

void frag_advance(struct frag *frag, struct mono now);
