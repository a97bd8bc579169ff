#include "common/ipc/ipc_ask.h"

#include <string.h>

#include "common/base/siphash.h"
#include "common/ipc/ipc.h"

static const char *const names[] = {
#define CONN_STATE(id, name) "state " name,
#define CONN_TIMER(id, name) "timer " name,
#define CONN_PHASE(id, name) "phase " name,
#define CONN_OPTION(id, name) "option " name,
#define CONN_NUM(name, help) #name,
#include "common/stats/conn_info.def"
#define PEER_HEALTH(id, name) "health " name,
#define PEER_NUM(name, kind, help) #name,
#include "common/stats/peer_info.def"
#define TRACE(id, a, a_kind, b, b_kind, help) #id " " a " " b,
#include "common/stats/trace.def"
#undef TRACE
#define DROP(id, help) #id,
#include "common/stats/drop.def"
#undef DROP
};

uint32_t ipc_ask_rows(void)
{
	uint64_t hash = 0;

	for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
		struct siphash_key key = {.k = {hash, ARRAY_LEN(names)}};

		hash = siphash(&key, names[i], strlen(names[i]));
	}
	return (uint32_t)(hash ^ (hash >> 32));
}

static bool fits_conns(const char *payload, size_t len)
{
	struct ipc_conns conns;

	memcpy(&conns, payload, sizeof(conns));
	return conns.n <= IPC_CONNS_MAX && len == IPC_CONNS_SIZE(conns.n);
}

static bool fits_peers(const char *payload, size_t len)
{
	struct ipc_peers peers;

	memcpy(&peers, payload, sizeof(peers));
	return peers.n <= IPC_PEERS_MAX && len == IPC_PEERS_SIZE(peers.n);
}

static bool fits_trace(const char *payload, size_t len)
{
	struct ipc_trace trace;

	memcpy(&trace, payload, sizeof(trace));
	return trace.n <= IPC_TRACE_MAX && len == IPC_TRACE_SIZE(trace.n) &&
		trace.first <= trace.end && trace.n <= trace.end - trace.first;
}

static bool fits_capture(const char *payload, size_t len)
{
	struct ipc_capture capture;

	memcpy(&capture, payload, sizeof(capture));
	return capture.n <= IPC_CAPTURE_MAX && len == IPC_CAPTURE_SIZE(capture.n) &&
		capture.n <= UINT32_MAX - capture.offset;
}

static bool fits(unsigned id, const void *payload, size_t len)
{
	switch (id) {
	case IPC_CONNS:
		return fits_conns(payload, len);
	case IPC_PEERS:
		return fits_peers(payload, len);
	case IPC_TRACE:
		return fits_trace(payload, len);
	case IPC_CAPTURE:
		return fits_capture(payload, len);
	default:
		return false;
	}
}

const char *ipc_answer_check(unsigned id, const void *payload, size_t len)
{
	struct ipc_answer head;

	memcpy(&head, payload, sizeof(head)); // every answer's smallest size has it
	if (head.rows != ipc_ask_rows())
		return "of another build; install both programs from the same one";
	if (head.error >= IPC_ASK_ERROR_N)
		return "unknown error";
	return fits(id, payload, len) ? NULL : "its length does not match its counts";
}

const char *ipc_ask_error_text(enum ipc_ask_error error)
{
	static const char *const text[IPC_ASK_ERROR_N] = {
		[IPC_ASK_OK] = "",
		[IPC_ASK_NO_WORKER] = "no such worker",
		[IPC_ASK_NO_ROOM] = "as many captures run as there may be; DELETE one",
		[IPC_ASK_NO_CAPTURE] = "no such capture",
	};

	return text[error];
}
