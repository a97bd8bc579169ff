#include "tests/sim/cluster/original.h"
struct original *original_new(const struct plan *plan, struct host *host, struct dict *dict, struct mono now)
{ (void)plan; (void)host; (void)dict; (void)now; return NULL; }
void original_free(struct original *o) { (void)o; }
void original_turn(struct original *o, struct mono now, struct mono real) { (void)o; (void)now; (void)real; }
struct mono original_next(const struct original *o) { (void)o; return MONO_NEVER; }
