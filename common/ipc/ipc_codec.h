// Pure part of the IPC: bytes to messages and back, with every check that does not need to know
// what a message means. Nothing is kept; decoded payloads point into the bytes that were given and
// may lie at any alignment: copy before use.
#pragma once

#include <stdbool.h>

#include "common/ipc/ipc.h"

struct ipc_row {
	const char *name;
	enum ipc_id id;
	unsigned from; // enum ipc_from
	size_t min;
	size_t max;
	const char *help;
};

struct ipc_msg {
	unsigned id; // an enum ipc_id when the verdict is IPC_OK
	uint16_t version;
	const void *payload;
	size_t len;
};

enum ipc_verdict {
	IPC_OK,
	IPC_OTHER_VERSION, // header and the fixed part of a HELLO can be read, nothing else
	IPC_BAD_HEADER,
	IPC_BAD_ID,
	IPC_BAD_DIRECTION,
	IPC_BAD_SIZE,
};

// NULL for an id that is no row.
const struct ipc_row *ipc_row(unsigned id);

// Checks `len` bytes from a process of role `from`. `msg` is filled as far as it could be read.
enum ipc_verdict ipc_decode(
	const void *bytes, size_t len, enum ipc_role from, struct ipc_msg *msg) MUST_CHECK;
const char *ipc_verdict_text(enum ipc_verdict verdict);

struct ipc_header ipc_header_make(enum ipc_id id, size_t payload_len);

// Copies a fixed-size payload whose size the decoder checked.
#define ipc_payload_get(msg, out) memcpy((out), (msg)->payload, sizeof(*(out)))

// Hash of the names of all figures, for ipc_stats.rows.
uint32_t ipc_stats_rows(void);

// The STATS payload of `worker_n` workers: its size, and writing it into `out` of that size.
size_t ipc_stats_size(unsigned worker_n);
void ipc_stats_encode(void *out, const struct stats *const *workers, unsigned worker_n);

// Adds up all workers of a STATS payload into `sum`, gauges too. Returns the number of workers, or
// -1 when the figures are of another build or the sizes do not fit, with `error` saying so; `sum`
// is then as it was.
int ipc_stats_decode(const void *payload, size_t len, struct stats *sum, const char **error);

// The figures of one worker in a payload that ipc_stats_decode took; `worker` is below what it
// returned.
void ipc_stats_worker(const void *payload, unsigned worker, struct stats *out);

// Terminates all text of a message from the other process in place.
void ipc_hello_clean(struct ipc_hello *hello);
void ipc_ack_clean(struct ipc_snapshot_ack *ack);
// Limits counts as well.
void ipc_status_clean(struct ipc_status *status);
