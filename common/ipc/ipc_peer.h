// The conversation with the other process, the same on both sides: HELLO first, versions compared,
// every message checked against its row before the owner sees it. With a peer of another version
// nothing is exchanged but HELLO, and the log says so once for each connection.
//
// For one thread; never waits but at start. What goes wrong on the way is logged here.
#pragma once

#include "common/ipc/ipc_codec.h"

enum ipc_peer_what {
	IPC_PEER_LINKED, // both sides said HELLO and speak the same version
	IPC_PEER_LOST,   // after LINKED only
	IPC_PEER_MSG,    // only while linked
};

struct ipc_peer_event {
	enum ipc_peer_what what;
	struct ipc_msg msg; // valid until the next call of ipc_peer_next
};

struct ipc_peer_config {
	enum ipc_role role;
	const char *path; // of the socket
	struct ipc_hello hello;
};

struct ipc_peer;

// The data plane listens, the control plane dials. NULL on error, which is in the log. When
// somebody listens already, this waits up to 3 s for its end; nothing else here waits.
struct ipc_peer *ipc_peer_new(const struct ipc_peer_config *config) MUST_CHECK;
void ipc_peer_free(struct ipc_peer *peer);

// Readable when ipc_peer_next has something to do.
int ipc_peer_fd(const struct ipc_peer *peer);
bool ipc_peer_next(struct ipc_peer *peer, struct ipc_peer_event *event);

bool ipc_peer_linked(const struct ipc_peer *peer);
// The last HELLO of the other side; NULL when there was none yet.
const struct ipc_hello *ipc_peer_hello(const struct ipc_peer *peer);
// Messages of the peer that were refused.
uint64_t ipc_peer_refused(const struct ipc_peer *peer);

// False when not linked, or out of memory. The size must fit the row.
bool ipc_peer_send(struct ipc_peer *peer, enum ipc_id id, const void *payload, size_t len);

// A HELLO for this process: pid and the time are filled in.
struct ipc_hello ipc_hello_make(enum ipc_role role, const char *version);
