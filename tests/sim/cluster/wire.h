// The network: one way between each two hosts, with the link that the plan and its faults make of
// it at the time.
#pragma once

#include "tests/sim/cluster/host.h"

#define WIRE_HOSTS (PLAN_NODES_MAX + 1)

struct wire {
	const struct plan *plan;
	unsigned host_n;                             // the last one is the clients'
	struct link_way way[WIRE_HOSTS][WIRE_HOSTS]; // from, to
	struct link_model link[WIRE_HOSTS][WIRE_HOSTS];
};

void wire_init(struct wire *w, const struct plan *plan);
void wire_fini(struct wire *w);
// Links as they are at this time.
void wire_set(struct wire *w, struct mono now);
// All that the host sends leaves. Returns how many frames.
unsigned wire_collect(struct wire *w, struct host *h, struct mono now);
// Frames that arrived. A host that is off gets none, and they are gone.
unsigned wire_arrive(struct wire *w, const struct host *h, struct rte_mbuf **frames, unsigned max,
	struct mono now);
struct mono wire_next(const struct wire *w, unsigned to);

// Faults are counted from here.
#define WORLD_BEGIN ((struct mono){NS_PER_SEC})

static inline bool fault_is_on(const struct plan_fault *f, struct mono now)
{
	return mono_due(now, mono_add(WORLD_BEGIN, f->from)) &&
		mono_before(now, mono_add(WORLD_BEGIN, f->until));
}
