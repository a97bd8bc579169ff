// Questions of the control plane to one worker of the data plane, and their answers: connections,
// peers, trace, captured packets. Each answer is bounded; for more, the next question says where to
// go on. A question may stay without an answer (a newer one took its place, or the data plane went
// away): whoever asks has a time-out. Asking twice is harmless: a capture begins once for each id.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/base/ip_addr.h"
#include "common/stats/conn_info.h"
#include "common/stats/peer_info.h"
#include "common/stats/trace.h"

#define IPC_CONNS_MAX 64       // connections in one answer
#define IPC_PEERS_MAX 64       // peers in one answer
#define IPC_TRACE_MAX 2048     // records of a trace in one answer
#define IPC_CAPTURE_MAX 65536u // bytes of captured packets in one answer
#define IPC_CAPTURES_MAX 4     // captures that a worker holds

// Begins every question.
struct ipc_ask {
	uint64_t ask; // comes back with the answer
	uint32_t worker;
	uint32_t reserved;
};

enum ipc_ask_error {
	IPC_ASK_OK,
	IPC_ASK_NO_WORKER,
	IPC_ASK_NO_ROOM,    // IPC_CAPTURES_MAX are running
	IPC_ASK_NO_CAPTURE, // of that id
	IPC_ASK_ERROR_N,
};

// Begins every answer.
struct ipc_answer {
	uint64_t ask;
	uint64_t at_ns;   // the worker's clock
	uint64_t wall_ns; // Unix time at that moment
	uint32_t worker;
	uint32_t worker_n; // workers that there are
	uint32_t error;    // enum ipc_ask_error
	uint32_t rows;     // hash of the names in conn_info, peer_info, trace, drop.def
};

#define IPC_ANY_STATE UINT8_MAX

struct ipc_conns_ask {
	struct ipc_ask head;
	struct ip_addr remote; // any: all
	uint32_t from;         // slot to begin at
	uint32_t max;          // at most IPC_CONNS_MAX
	uint16_t port;         // of either end; 0: all
	uint8_t state;         // enum conn_state or IPC_ANY_STATE
	uint8_t reserved[5];
};

#define IPC_CONNS_END UINT32_MAX

// `n` struct conn_info follow, by slot. Slots are looked at in portions, so that an answer may have
// fewer than were asked for, or none, before the end.
struct ipc_conns {
	struct ipc_answer head;
	uint32_t next; // slot to go on at; IPC_CONNS_END: no more
	uint32_t n;
};

struct ipc_peers_ask {
	struct ipc_ask head;
	uint32_t from; // slot to begin at
	uint32_t max;  // at most IPC_PEERS_MAX
};

#define IPC_PEERS_END UINT32_MAX

// `n` struct peer_info follow, by slot; as with connections, there may be none before the end.
struct ipc_peers {
	struct ipc_answer head;
	uint64_t epoch; // of the snapshot whose nodes peer_info.node counts; 0: none yet
	uint32_t next;  // slot to go on at; IPC_PEERS_END: no more
	uint32_t n;
};

struct ipc_trace_ask {
	struct ipc_ask head;
	uint64_t from; // number of the first record; what is not there any more is left out
	uint32_t back; // when not 0: that many records before the newest instead
	uint32_t max;  // at most IPC_TRACE_MAX
};

// `n` struct trace_rec follow, oldest first.
struct ipc_trace {
	struct ipc_answer head;
	uint64_t first; // number of the first
	uint64_t end;   // of the newest, and one
	uint32_t n;
	uint32_t reserved;
};

enum ipc_capture_op {
	IPC_CAPTURE_LIST,
	IPC_CAPTURE_START,
	IPC_CAPTURE_READ,
	IPC_CAPTURE_STOP, // and forget what it has
	IPC_CAPTURE_OP_N,
};

// What is captured: packets to or from `remote`, with `port` at either end. Both given: both hold.
struct ipc_capture_limits {
	struct ip_addr remote; // any: all
	uint32_t packets;
	uint32_t bytes; // of the file, on this worker
	uint32_t ms;
	uint16_t port; // 0: all
	uint16_t snap; // bytes kept of each packet
};

struct ipc_capture_ask {
	struct ipc_ask head;
	uint64_t id;     // chosen by who asks; 0 is none
	uint32_t op;     // enum ipc_capture_op
	uint32_t offset; // READ: byte to begin at
	struct ipc_capture_limits limits;
	// START: Unix time when the clock of the workers, which is one, is 0, so that their records
	// agree: what the first one's answer says (wall_ns - at_ns). 0: the worker finds it itself.
	uint64_t epoch_ns;
};

struct ipc_capture_state {
	uint64_t id; // 0: no capture in this place
	struct ipc_capture_limits limits;
	uint32_t packets;
	uint32_t bytes;
	uint32_t running;
	uint32_t left_ms; // while it runs
};

// `n` bytes follow: pcap records (nanoseconds, little-endian) without the file's header.
struct ipc_capture {
	struct ipc_answer head;
	struct ipc_capture_state state[IPC_CAPTURES_MAX];
	uint32_t offset;
	uint32_t n;
};

#define IPC_CONNS_SIZE(n) (sizeof(struct ipc_conns) + (size_t)(n) * sizeof(struct conn_info))
#define IPC_PEERS_SIZE(n) (sizeof(struct ipc_peers) + (size_t)(n) * sizeof(struct peer_info))
#define IPC_TRACE_SIZE(n) (sizeof(struct ipc_trace) + (size_t)(n) * sizeof(struct trace_rec))
#define IPC_CAPTURE_SIZE(n) (sizeof(struct ipc_capture) + (size_t)(n))

// The longest answer.
#define IPC_ANSWER_MAX IPC_CAPTURE_SIZE(IPC_CAPTURE_MAX + 4096u)
_Static_assert(IPC_ANSWER_MAX >= IPC_CONNS_SIZE(IPC_CONNS_MAX) &&
		IPC_ANSWER_MAX >= IPC_PEERS_SIZE(IPC_PEERS_MAX) &&
		IPC_ANSWER_MAX >= IPC_TRACE_SIZE(IPC_TRACE_MAX),
	"a worker's answer fits its place");

// Any of the questions.
union ipc_any_ask {
	struct ipc_ask head;
	struct ipc_conns_ask conns;
	struct ipc_peers_ask peers;
	struct ipc_trace_ask trace;
	struct ipc_capture_ask capture;
};

// The name hash of this build.
uint32_t ipc_ask_rows(void);

// NULL, or what is wrong with an answer of the other process whose size its row allowed: its counts
// and its length, or that it is of another build. `id` is the kind of message.
const char *ipc_answer_check(unsigned id, const void *payload, size_t len);
const char *ipc_ask_error_text(enum ipc_ask_error error);
