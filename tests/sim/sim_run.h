// Runs one plan and judges it.
//
// What must hold: every byte read is the one that was sent; FIN comes after all of them; events
// come once; each connection ends within the plan's bound, and with an error only where the plan or
// the link excuses it; then every connection, buffer and TIME_WAIT entry is given back; and
// tcp_check holds after each turn. On a clean link nothing is sent twice.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/sim_plan.h"

struct sim_totals {
	uint64_t conns;
	uint64_t bytes;
	uint64_t turns;
	uint64_t resets;    // that the plan excuses
	uint64_t time_outs; // likewise
};

// False when something did not hold; it is said on stderr. `pcap`: where to write what host 0 sees
// (and, with ".peer" behind it, host 1), or NULL. What tcp_check finds aborts the program.
bool sim_run(const struct sim_plan *plan, const char *pcap, struct sim_totals *totals);
