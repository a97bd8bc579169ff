// A model of an original node (dynomite.md §3.5, §4), as far as others notice: it takes requests of
// peers, carries out type 3 on its own store, passes type 4 on to the owners in every rack of its
// datacentre under ids of its own, and answers each connection in the order of its requests. It
// does not look at how long a payload is said to be, knows nothing of extensions, and takes an
// answer whose id is not that of its oldest request as the original does. It has no clients.
#pragma once

#include "tests/sim/cluster/host.h"

struct original;

struct original *original_new(
	const struct plan *plan, struct host *host, struct dict *dict, struct mono now);
// Connections go with the host's TCP. NULL does nothing.
void original_free(struct original *o);

// Between input and output of its host.
void original_turn(struct original *o, struct mono now, struct mono real);
struct mono original_next(const struct original *o);
