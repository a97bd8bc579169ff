// What a client asks next.
#pragma once

#include "tests/sim/cluster/client.h"

// The next request of a client, drawn by its generator; its bytes are appended to `out`. A probe
// is one that nobody else has to do with.
struct op *request_next(struct clients *cs, struct sim_client *c, struct dict_reply *out);
