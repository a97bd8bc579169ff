// Bytes on their way to the store: small things are copied next to each other into large buffers,
// chains of a request that streams are taken as they are. One writev sends many of either.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <rte_mbuf.h>

#include "common/base/compiler.h"

struct out {
	struct rte_mempool *pool;
	struct rte_mbuf *head;
	struct rte_mbuf *tail;
	struct rte_mbuf *spare; // reserved, empty
	uint32_t off;           // bytes of the head that are written
	uint32_t bytes;         // not written yet
	bool open;              // the tail may be written behind
};

// Room for a copy of so many bytes; false when there are not enough buffers.
MUST_CHECK bool out_reserve(struct out *out, uint32_t len);
// Into room that was reserved.
void out_copy(struct out *out, const void *bytes, uint32_t len);
// Takes a chain of `len` bytes.
void out_take(struct out *out, struct rte_mbuf *chain, uint32_t len);
// One system call. Bytes written; 0 when the socket is full, -errno.
ssize_t out_write(struct out *out, int fd);
void out_free(struct out *out);
