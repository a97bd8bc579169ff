// The EAL for tests: no huge pages, no PCI, no files; mbufs come from a pool that notices misuse.
//
// Sanitizers see neither a read of a freed mbuf nor a write to it, since its memory belongs to the
// pool. tests/support/poison_pool.h says what the pool does about that.
#pragma once

#include <stdint.h>

#include <rte_mempool.h>

// Starts the EAL; later calls do nothing. Aborts the test program when it can't. The main thread
// may still run on every CPU that it could run on before.
void test_eal_start(void);

// The same with further EAL arguments (a vdev, say), which count in the first call only.
void test_eal_start_with(char *const *args, unsigned n);

// The same with this much memory, where the usual 128 MB are too few.
void test_eal_start_sized(unsigned megabytes);

// A pool of packets with the usual room: 2048 bytes beside the headroom. No cache, so that a freed
// mbuf is poisoned at once. Free it by rte_mempool_free. Never NULL.
struct rte_mempool *test_pool_create(unsigned mbufs);

// The same with `room` bytes beside the headroom.
struct rte_mempool *test_pool_create_room(unsigned mbufs, uint16_t room);

// Mbufs that are out: 0 at the end of a test that leaks nothing.
unsigned test_pool_in_use(struct rte_mempool *pool);
