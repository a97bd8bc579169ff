// Messages between two processes over a stream of nng's on ipc://, each with its length before it.
// The data plane listens, since it is the one that must not depend on anything; the control plane
// dials, again and again. One connection at a time: another dialer waits until it is gone.
//
// nng's sockets (pair0 and the like) are not used: in 1.5 an operation that is begun on a stream
// just after it was closed never ends; its sockets run into that when a connection goes while
// messages are under way, and accept no other one from then on. Here the two can't happen at once.
//
// Threads: nng runs its own; they inherit the affinity of the thread that makes the first call here
// (in the data plane: the main thread, which must be off the worker cores by then; see
// ipc_threads.h). They hand over through bounded queues: what was received waits for
// ipc_nng_next, and a full queue stops reading until there is room, so that the sender feels it.
// What is to be sent waits in one slot for each kind of message, and a newer one takes the place of
// an older one: every kind is a state, of which only the newest counts.
//
// All functions are for one thread, the owner's, and never wait.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/base/compiler.h"

#define IPC_NNG_KINDS 32           // kinds are 0..31
#define IPC_NNG_RECV_MAX 32        // events that wait for ipc_nng_next
#define IPC_NNG_MSG_MAX (16 << 20) // a longer message ends the connection

enum ipc_nng_what {
	IPC_NNG_UP,   // connected
	IPC_NNG_DOWN, // the connection is gone, and with it all that waited to be sent
	IPC_NNG_MSG,
};

struct ipc_nng_event {
	enum ipc_nng_what what;
	const void *bytes; // of a message; valid until the next call of ipc_nng_next
	size_t len;
};

struct ipc_nng;

// `path` is a file in a directory that is made if it is missing. A socket left behind by a process
// that was killed is removed. 0 or -errno: -EADDRINUSE when somebody listens there already,
// -ENAMETOOLONG when it does not fit into a socket address, -EEXIST when it is no socket.
int ipc_nng_listen(struct ipc_nng **out, const char *path) MUST_CHECK;
int ipc_nng_dial(struct ipc_nng **out, const char *path) MUST_CHECK;
void ipc_nng_free(struct ipc_nng *ipc);

// Readable when ipc_nng_next has something.
int ipc_nng_fd(const struct ipc_nng *ipc);
bool ipc_nng_next(struct ipc_nng *ipc, struct ipc_nng_event *event);

// Sends head and payload as one message. False when there is no connection or no memory: nothing
// was sent. `replaced`, if not NULL, tells whether an older one of its kind gave way.
bool ipc_nng_send(struct ipc_nng *ipc, unsigned kind, const void *head, size_t head_len,
	const void *payload, size_t payload_len, bool *replaced);
