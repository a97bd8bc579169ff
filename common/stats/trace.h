// The trace: what last happened on a core, as small binary records that cost a few instructions
// each and are always written. Events are rows of trace.def; reading them is done elsewhere, later.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/mono.h"

enum trace_id {
#define TRACE(id, a, a_kind, b, b_kind, help) TRACE_##id,
#include "common/stats/trace.def"
#undef TRACE
	TRACE_N,
};

// 32 bytes, no holes; goes to the control plane as it is.
struct trace_rec {
	uint64_t ns;     // the core's clock
	uint32_t slot;   // of the connection: conn_info.slot
	uint32_t remote; // last four bytes of the peer's address, as they stand there
	uint16_t remote_port;
	uint16_t local_port;
	uint16_t event; // enum trace_id
	uint16_t reserved;
	uint32_t a;
	uint32_t b;
};

// The last TRACE_RECS records of one core, which alone touches it.
#define TRACE_RECS 8192 // a power of two

struct trace_ring {
	struct trace_rec *rec;
	uint64_t end; // records ever written
};

// 0 or -ENOMEM. The memory is touched as it is used.
int trace_ring_init(struct trace_ring *ring) MUST_CHECK;
void trace_ring_fini(struct trace_ring *ring);

static inline void trace_put(struct trace_ring *ring, const struct trace_rec *rec)
{
	ring->rec[ring->end++ & (TRACE_RECS - 1)] = *rec;
}

// Copies up to `max` records from number `from` on, or from the oldest that is still there. *first
// is the number of the first one copied.
uint32_t trace_read(const struct trace_ring *ring, uint64_t from, uint32_t max,
	struct trace_rec *out, uint64_t *first);

// The longest line that trace_text writes, with its NUL.
#define TRACE_TEXT_MAX 160

// "EVENT first=… second=…"; any bytes give a line. Returns its length.
size_t trace_text(const struct trace_rec *rec, char text[TRACE_TEXT_MAX]);
