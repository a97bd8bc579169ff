// Mempool handler "poison": free mbufs can't be touched unnoticed.
//
// Built with AddressSanitizer, header and data of a free mbuf are poisoned: any access by
// instrumented code is reported where it happens. Without it, the data is filled with a pattern,
// and the program is aborted at the next allocation of an mbuf whose pattern was written to.
//
// Objects come back in the order in which they were freed, so that a stale pointer stays stale for
// as long as possible. The handler takes a lock; it is for tests only.
#pragma once

#include <rte_mempool.h>

#define POISON_POOL_OPS "poison"

// Poisons what is free now and whatever is freed from now on. Called once the pool is complete:
// the library still writes to the objects until then.
void poison_pool_arm(struct rte_mempool *pool);
