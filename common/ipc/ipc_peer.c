#include "common/ipc/ipc_peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mono.h"
#include "common/ipc/ipc_nng.h"

#define TURN_MAX 64
#define DYING_MAX_MS 3000
#define DYING_STEP_MS 20

struct ipc_peer {
	struct ipc_nng *nng;
	enum ipc_role role;
	struct ipc_hello self;
	struct ipc_hello other;
	bool known; // `other` is filled
	bool linked;
	bool complained; // about this connection
	uint64_t refused;
};

static const char *role_name(enum ipc_role role)
{
	return role == IPC_DATAPLANE ? "data plane" : "control plane";
}

static enum ipc_role other_role(const struct ipc_peer *peer)
{
	return peer->role == IPC_DATAPLANE ? IPC_CONTROLPLANE : IPC_DATAPLANE;
}

static void log_start_error(const struct ipc_peer_config *config, int error)
{
	switch (-error) {
	case EADDRINUSE:
		log_err("ipc: another data plane is running on %s; stop it, or give this one "
			"another controlplane.ipc path",
			config->path);
		break;
	case EEXIST:
		log_err("ipc: %s exists and is no socket; remove it or change controlplane.ipc",
			config->path);
		break;
	case ENAMETOOLONG:
		log_err("ipc: the path %s is too long for a socket (107 bytes at most)",
			config->path);
		break;
	case EACCES:
	case EPERM:
	case EROFS:
		log_err("ipc: may not use %s: %s; check the rights of its directory", config->path,
			strerror(-error));
		break;
	default:
		log_err("ipc: cannot use %s: %s; check its directory, or change controlplane.ipc",
			config->path, strerror(-error));
		break;
	}
}

// A data plane that was killed a moment ago may need a while to die, and looks like a running one
// until then.
static int listen_patiently(struct ipc_nng **out, const char *path)
{
	int error = ipc_nng_listen(out, path);

	for (unsigned ms = 0; error == -EADDRINUSE && ms < DYING_MAX_MS; ms += DYING_STEP_MS) {
		if (ms == 0)
			log_notice("ipc: another data plane is on %s; waiting for its end", path);
		usleep(DYING_STEP_MS * 1000);
		error = ipc_nng_listen(out, path);
	}
	return error;
}

struct ipc_peer *ipc_peer_new(const struct ipc_peer_config *config)
{
	struct ipc_peer *peer = calloc(1, sizeof(*peer));
	int error = -ENOMEM;

	if (peer != NULL) {
		peer->role = config->role;
		peer->self = config->hello;
		error = config->role == IPC_DATAPLANE ? listen_patiently(&peer->nng, config->path)
						      : ipc_nng_dial(&peer->nng, config->path);
	}
	if (error != 0) {
		log_start_error(config, error);
		free(peer);
		return NULL;
	}
	return peer;
}

void ipc_peer_free(struct ipc_peer *peer)
{
	if (peer == NULL)
		return;
	ipc_nng_free(peer->nng);
	free(peer);
}

int ipc_peer_fd(const struct ipc_peer *peer)
{
	return ipc_nng_fd(peer->nng);
}

static bool send_any(struct ipc_peer *peer, enum ipc_id id, const void *payload, size_t len)
{
	struct ipc_header head = ipc_header_make(id, len);
	bool sent = ipc_nng_send(peer->nng, id, &head, sizeof(head), payload, len, NULL);

	return sent;
}

static void complain(struct ipc_peer *peer, enum ipc_verdict verdict, const struct ipc_msg *msg)
{
	peer->refused++;
	if (peer->complained)
		return;
	peer->complained = true;
	if (verdict != IPC_OTHER_VERSION) {
		log_warn("ipc: message %u of %zu bytes from the %s refused: %s", msg->id, msg->len,
			role_name(other_role(peer)), ipc_verdict_text(verdict));
		return;
	}
	log_err("ipc: the %s speaks version %u of the protocol, this %s version %u: nothing is "
		"exchanged; install both programs from the same build",
		role_name(other_role(peer)), msg->version, role_name(peer->role), IPC_VERSION);
}

// True when the two are linked by it now.
static bool take_hello(struct ipc_peer *peer, const struct ipc_msg *msg)
{
	struct ipc_hello hello;

	ipc_payload_get(msg, &hello);
	ipc_hello_clean(&hello);
	if (hello.role != (uint32_t)other_role(peer)) {
		complain(peer, IPC_BAD_DIRECTION, msg);
		return false;
	}
	peer->other = hello;
	peer->known = true;
	if (peer->linked)
		return false;
	peer->linked = true;
	log_notice("ipc: linked to the %s, pid %u, %s", role_name(other_role(peer)), hello.pid,
		hello.version);
	return true;
}

// True when there is something for the owner.
static bool take_message(
	struct ipc_peer *peer, const struct ipc_nng_event *raw, struct ipc_peer_event *event)
{
	enum ipc_verdict verdict = ipc_decode(raw->bytes, raw->len, other_role(peer), &event->msg);

	event->what = IPC_PEER_MSG;
	if (verdict != IPC_OK) {
		complain(peer, verdict, &event->msg);
		return false;
	}
	if (event->msg.id == IPC_HELLO) {
		event->what = IPC_PEER_LINKED;
		return take_hello(peer, &event->msg);
	}
	// Before HELLO: left over from an earlier connection.
	return peer->linked;
}

static bool take_loss(struct ipc_peer *peer, struct ipc_peer_event *event)
{
	bool was = peer->linked;

	peer->linked = false;
	peer->complained = false;
	event->what = IPC_PEER_LOST;
	if (was)
		log_warn("ipc: the %s, pid %u, is gone", role_name(other_role(peer)),
			peer->other.pid);
	return was;
}

bool ipc_peer_next(struct ipc_peer *peer, struct ipc_peer_event *event)
{
	struct ipc_nng_event raw;
	bool found = false;

	// Bounded, should somebody send nothing but rubbish; the descriptor stays readable.
	for (unsigned i = 0; i < TURN_MAX && !found && ipc_nng_next(peer->nng, &raw); i++) {
		*event = (struct ipc_peer_event){0};
		switch (raw.what) {
		case IPC_NNG_UP:
			(void)send_any(peer, IPC_HELLO, &peer->self, sizeof(peer->self));
			break;
		case IPC_NNG_DOWN:
			found = take_loss(peer, event);
			break;
		case IPC_NNG_MSG:
			found = take_message(peer, &raw, event);
			break;
		}
	}
	return found;
}

bool ipc_peer_linked(const struct ipc_peer *peer)
{
	return peer->linked;
}

const struct ipc_hello *ipc_peer_hello(const struct ipc_peer *peer)
{
	return peer->known ? &peer->other : NULL;
}

uint64_t ipc_peer_refused(const struct ipc_peer *peer)
{
	return peer->refused;
}

bool ipc_peer_send(struct ipc_peer *peer, enum ipc_id id, const void *payload, size_t len)
{
	return peer->linked && send_any(peer, id, payload, len);
}

struct ipc_hello ipc_hello_make(enum ipc_role role, const char *version)
{
	struct ipc_hello hello = {.role = role, .pid = (uint32_t)getpid()};
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	hello.start_ms = (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / NS_PER_MS;
	snprintf(hello.version, sizeof(hello.version), "%s", version);
	return hello;
}
