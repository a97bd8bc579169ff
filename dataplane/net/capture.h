// Copies of the packets of a chosen flow, as they came from the port or go to it, in the format of
// a pcap file. A few captures may run at once; each has a buffer of fixed size, and ends by itself
// when that, its number of packets or its time is used up. What was captured stays until it is
// stopped, or until a new capture needs the place and this one, having ended, is the oldest.
//
// While none runs, it costs one branch a burst. One core's, for that core alone. Memory is mapped
// at start and touched when used.
//
// Source: pcap format, draft-ietf-opsawg-pcap (nanosecond variant).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "common/base/compiler.h"
#include "common/base/mono.h"
#include "common/base/pool.h"
#include "common/ipc/ipc_ask.h"

#define CAPTURE_BYTES_MAX (4u << 20) // of one capture
#define CAPTURE_SNAP_MIN 64u
#define CAPTURE_MS_MAX 600000u

struct capture_slot {
	uint64_t id; // 0: free
	struct ipc_capture_limits limits;
	uint64_t order;    // of starts
	uint64_t epoch_ns; // Unix time when the core's clock is 0
	struct mono until;
	unsigned char *buffer; // of CAPTURE_BYTES_MAX
	uint32_t bytes;
	uint32_t packets;
	bool running;
};

struct capture {
	unsigned running;
	uint64_t starts;
	struct capture_slot slot[IPC_CAPTURES_MAX];
	struct pool buffers;
};

// 0 or -ENOMEM.
int capture_init(struct capture *capture) MUST_CHECK;
void capture_fini(struct capture *capture);

static inline bool capture_on(const struct capture *capture)
{
	return unlikely(capture->running > 0);
}

// Frames, whole, beginning at Ethernet. Nothing is written to them.
void capture_take(
	struct capture *capture, struct rte_mbuf *const *frames, unsigned n, struct mono now);

// Ends those whose time is up.
void capture_advance(struct capture *capture, struct mono now);

// Does nothing when a capture of that id is there. Limits beyond what is possible are lowered.
// `epoch_ns`: Unix time when the core's clock is 0.
enum ipc_ask_error capture_start(struct capture *capture, uint64_t id,
	const struct ipc_capture_limits *limits, struct mono now, uint64_t epoch_ns);

// Ends it and forgets what it has.
enum ipc_ask_error capture_stop(struct capture *capture, uint64_t id);

void capture_states(const struct capture *capture, struct mono now,
	struct ipc_capture_state states[IPC_CAPTURES_MAX]);

// Copies up to `max` bytes from `offset` on; *n is how many.
enum ipc_ask_error capture_read(const struct capture *capture, uint64_t id, uint32_t offset,
	uint32_t max, void *out, uint32_t *n);
