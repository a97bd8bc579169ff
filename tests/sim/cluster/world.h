// A cluster in one process and in virtual time: the hosts of a plan, the network between them, what
// breaks, and the judgement.
//
// What must hold, beside what history.h says:
//   - each request is answered once, in order, by something that answers it, in time, unless its
//     node crashed;
//   - when all faults are over and some time has passed, everything works again;
//   - when the clients are gone, no node holds a request, a copy, a transaction or a packet;
//   - in a quiet run, all replicas of a key are equal at the end.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/cluster/plan.h"

struct world_totals {
	uint64_t requests;
	uint64_t good;
	uint64_t errors;
	uint64_t abandoned;
	uint64_t checked;
	uint64_t turns;
};

// False when something did not hold; it is said on stderr.
bool world_run(const struct plan *plan, struct world_totals *totals);
