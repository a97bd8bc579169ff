#include "common/ipc/ipc_nng.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>

#include "common/ipc/ipc_path.h"

#define REDIAL_MIN_MS 20
#define REDIAL_MAX_MS 200
#define CLOSE_MAX_S 1

struct item {
	enum ipc_nng_what what;
	nng_msg *msg;
};

struct slot {
	nng_msg *msg;
	uint64_t order;
};

struct ipc_nng {
	nng_socket sock;
	nng_aio *recv_aio;
	nng_aio *send_aio;
	int fd;

	nng_msg *lent; // the owner's, until its next ipc_nng_next

	pthread_mutex_t lock; // all below; held for a few instructions, never around a call of nng
	int pipe;             // id of the connection, 0: none
	int last_pipe;        // the one before: what it still had is stale
	bool receiving;
	bool sending;
	int sending_for; // the connection that it was meant for
	bool closing;
	struct item item[IPC_NNG_RECV_MAX + 4]; // room for UP and DOWN beside messages
	unsigned item_first;
	unsigned item_n;
	struct slot slot[IPC_NNG_KINDS];
	uint64_t order;
};

static void push(struct ipc_nng *ipc, enum ipc_nng_what what, nng_msg *msg)
{
	unsigned at = (ipc->item_first + ipc->item_n++) % ARRAY_LEN(ipc->item);

	ipc->item[at] = (struct item){.what = what, .msg = msg};
	(void)eventfd_write(ipc->fd, 1);
}

// What waits of a connection that is gone means nothing any more.
static void forget(struct ipc_nng *ipc)
{
	for (; ipc->item_n > 0; ipc->item_n--) {
		nng_msg_free(ipc->item[ipc->item_first].msg);
		ipc->item_first = (ipc->item_first + 1) % ARRAY_LEN(ipc->item);
	}
	for (unsigned i = 0; i < IPC_NNG_KINDS; i++) {
		nng_msg_free(ipc->slot[i].msg);
		ipc->slot[i].msg = NULL;
	}
}

// Events of older connections are dropped with it, but for a DOWN: the owner sees at most
// DOWN, UP, messages.
static void went_up(struct ipc_nng *ipc, int pipe)
{
	bool down = ipc->pipe != 0 ||
		(ipc->item_n > 0 && ipc->item[ipc->item_first].what == IPC_NNG_DOWN);

	forget(ipc);
	ipc->last_pipe = ipc->pipe != 0 ? ipc->pipe : ipc->last_pipe;
	ipc->pipe = pipe;
	if (down)
		push(ipc, IPC_NNG_DOWN, NULL);
	push(ipc, IPC_NNG_UP, NULL);
}

static void went_down(struct ipc_nng *ipc)
{
	ipc->last_pipe = ipc->pipe;
	ipc->pipe = 0;
	forget(ipc);
	push(ipc, IPC_NNG_DOWN, NULL);
}

static void on_pipe(nng_pipe pipe, nng_pipe_ev ev, void *arg)
{
	struct ipc_nng *ipc = arg;
	int id = nng_pipe_id(pipe);
	bool lost = false;

	pthread_mutex_lock(&ipc->lock);
	if (ev == NNG_PIPE_EV_ADD_POST && id != ipc->pipe && id != ipc->last_pipe) {
		went_up(ipc, id);
	} else if (ev == NNG_PIPE_EV_REM_POST && id == ipc->pipe) {
		went_down(ipc);
		lost = ipc->sending;
	}
	pthread_mutex_unlock(&ipc->lock);
	// Or it would be the first message of the next connection.
	if (lost)
		nng_aio_cancel(ipc->send_aio);
}

static void on_recv(void *arg)
{
	struct ipc_nng *ipc = arg;
	int error = nng_aio_result(ipc->recv_aio);
	nng_msg *msg = error == 0 ? nng_aio_get_msg(ipc->recv_aio) : NULL;
	int id = msg != NULL ? nng_pipe_id(nng_msg_get_pipe(msg)) : 0;
	bool more;

	pthread_mutex_lock(&ipc->lock);
	// The message may be here before the notice of its connection.
	if (msg != NULL && id != ipc->pipe && id != ipc->last_pipe)
		went_up(ipc, id);
	if (msg != NULL && id == ipc->pipe) {
		push(ipc, IPC_NNG_MSG, msg);
		msg = NULL;
	}
	more = !ipc->closing && error != NNG_ECLOSED && ipc->item_n < IPC_NNG_RECV_MAX;
	ipc->receiving = more;
	pthread_mutex_unlock(&ipc->lock);
	nng_msg_free(msg);
	if (more)
		nng_recv_aio(ipc->sock, ipc->recv_aio);
}

// Takes the message that has waited longest, or NULL.
static nng_msg *take_next(struct ipc_nng *ipc)
{
	struct slot *oldest = NULL;
	nng_msg *msg = NULL;

	for (unsigned i = 0; i < IPC_NNG_KINDS; i++) {
		struct slot *slot = &ipc->slot[i];

		if (slot->msg != NULL && (oldest == NULL || slot->order < oldest->order))
			oldest = slot;
	}
	if (oldest != NULL) {
		msg = oldest->msg;
		oldest->msg = NULL;
	}
	return msg;
}

// What comes after the message that is done with; NULL when nothing does. One that was cancelled
// goes again when it was for the connection there is now: the cancelling was about the one before.
static nng_msg *next_to_send(struct ipc_nng *ipc, int error, nng_msg *unsent)
{
	if (ipc->closing)
		return NULL;
	if (error == NNG_ECANCELED && ipc->sending_for == ipc->pipe)
		return unsent;
	ipc->sending_for = ipc->pipe;
	return take_next(ipc);
}

static void on_sent(void *arg)
{
	struct ipc_nng *ipc = arg;
	int error = nng_aio_result(ipc->send_aio);
	nng_msg *unsent = error != 0 ? nng_aio_get_msg(ipc->send_aio) : NULL;
	nng_msg *next;

	nng_aio_set_msg(ipc->send_aio, NULL);
	pthread_mutex_lock(&ipc->lock);
	next = next_to_send(ipc, error, unsent);
	ipc->sending = next != NULL;
	pthread_mutex_unlock(&ipc->lock);
	if (unsent != next)
		nng_msg_free(unsent);
	if (next != NULL) {
		nng_aio_set_msg(ipc->send_aio, next);
		nng_send_aio(ipc->sock, ipc->send_aio);
	}
}

static int nng_to_errno(int error)
{
	if (error == 0)
		return 0;
	if (error & NNG_ESYSERR)
		return -(error & ~NNG_ESYSERR);
	switch (error) {
	case NNG_ENOMEM:
		return -ENOMEM;
	case NNG_EADDRINUSE:
		return -EADDRINUSE;
	case NNG_EPERM:
		return -EACCES;
	case NNG_EADDRINVAL:
	case NNG_EINVAL:
		return -EINVAL;
	default:
		return -EIO;
	}
}

static int open_socket(struct ipc_nng *ipc)
{
	int error = nng_pair0_open(&ipc->sock);

	if (error == 0)
		error = nng_aio_alloc(&ipc->recv_aio, on_recv, ipc);
	if (error == 0)
		error = nng_aio_alloc(&ipc->send_aio, on_sent, ipc);
	if (error == 0)
		error = nng_socket_set_size(ipc->sock, NNG_OPT_RECVMAXSZ, IPC_NNG_MSG_MAX);
	if (error == 0)
		error = nng_socket_set_ms(ipc->sock, NNG_OPT_RECONNMINT, REDIAL_MIN_MS);
	if (error == 0)
		error = nng_socket_set_ms(ipc->sock, NNG_OPT_RECONNMAXT, REDIAL_MAX_MS);
	if (error == 0)
		error = nng_pipe_notify(ipc->sock, NNG_PIPE_EV_ADD_POST, on_pipe, ipc);
	if (error == 0)
		error = nng_pipe_notify(ipc->sock, NNG_PIPE_EV_REM_POST, on_pipe, ipc);
	return nng_to_errno(error);
}

static int start_listener(struct ipc_nng *ipc, const char *url)
{
	nng_listener listener;
	int error = nng_listener_create(&listener, ipc->sock, url);

	if (error == 0)
		error = nng_listener_set_int(listener, NNG_OPT_IPC_PERMISSIONS, 0660);
	if (error == 0)
		error = nng_listener_start(listener, 0);
	return nng_to_errno(error);
}

static int start(struct ipc_nng **out, const char *path, bool listens)
{
	struct ipc_nng *ipc = calloc(1, sizeof(*ipc));
	char url[256];
	int error;

	if (ipc == NULL)
		return -ENOMEM;
	pthread_mutex_init(&ipc->lock, NULL);
	ipc->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	error = ipc->fd >= 0 ? open_socket(ipc) : -errno;
	if (error == 0 && (size_t)snprintf(url, sizeof(url), "ipc://%s", path) >= sizeof(url))
		error = -ENAMETOOLONG;
	if (error == 0) {
		ipc->receiving = true;
		nng_recv_aio(ipc->sock, ipc->recv_aio);
		error = listens ? start_listener(ipc, url)
				: nng_to_errno(nng_dial(ipc->sock, url, NULL, NNG_FLAG_NONBLOCK));
	}
	if (error != 0) {
		ipc_nng_free(ipc);
		return error;
	}
	*out = ipc;
	return 0;
}

int ipc_nng_listen(struct ipc_nng **out, const char *path)
{
	int error = ipc_path_make_dirs(path);

	if (error == 0)
		error = ipc_path_claim(path);
	return error != 0 ? error : start(out, path, true);
}

int ipc_nng_dial(struct ipc_nng **out, const char *path)
{
	return start(out, path, false);
}

// nng 1.5 may wait for ever in nng_close when a message arrives just then (its issue 1543). It is
// called on a thread of its own, which is left behind in that case: it holds nothing of ours but
// what is left behind with it.
static void *close_socket(void *arg)
{
	struct ipc_nng *ipc = arg;

	nng_close(ipc->sock);
	nng_aio_free(ipc->recv_aio); // waits for its callback
	nng_aio_free(ipc->send_aio);
	return NULL;
}

// True when nothing of nng's can call back any more.
static bool close_bounded(struct ipc_nng *ipc)
{
	struct timespec until;
	pthread_t thread;

	if (ipc->sock.id == 0) {
		nng_aio_free(ipc->recv_aio);
		nng_aio_free(ipc->send_aio);
		return true;
	}
	(void)nng_pipe_notify(ipc->sock, NNG_PIPE_EV_ADD_POST, NULL, NULL);
	(void)nng_pipe_notify(ipc->sock, NNG_PIPE_EV_REM_POST, NULL, NULL);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += CLOSE_MAX_S;
	if (pthread_create(&thread, NULL, close_socket, ipc) != 0)
		return false;
	if (pthread_timedjoin_np(thread, NULL, &until) == 0)
		return true;
	pthread_detach(thread);
	return false;
}

void ipc_nng_free(struct ipc_nng *ipc)
{
	if (ipc == NULL)
		return;
	pthread_mutex_lock(&ipc->lock);
	ipc->closing = true;
	pthread_mutex_unlock(&ipc->lock);
	if (!close_bounded(ipc))
		return;
	nng_msg_free(ipc->lent);
	forget(ipc);
	if (ipc->fd >= 0)
		close(ipc->fd);
	pthread_mutex_destroy(&ipc->lock);
	free(ipc);
}

int ipc_nng_fd(const struct ipc_nng *ipc)
{
	return ipc->fd;
}

bool ipc_nng_next(struct ipc_nng *ipc, struct ipc_nng_event *event)
{
	struct item item = {0};
	eventfd_t count;
	bool found;
	bool again;

	nng_msg_free(ipc->lent);
	pthread_mutex_lock(&ipc->lock);
	found = ipc->item_n > 0;
	if (found) {
		item = ipc->item[ipc->item_first];
		ipc->item_first = (ipc->item_first + 1) % ARRAY_LEN(ipc->item);
		ipc->item_n--;
	} else {
		(void)eventfd_read(ipc->fd, &count);
	}
	again = !ipc->receiving && ipc->item_n < IPC_NNG_RECV_MAX / 2;
	if (again)
		ipc->receiving = true;
	pthread_mutex_unlock(&ipc->lock);
	ipc->lent = item.msg;
	if (again)
		nng_recv_aio(ipc->sock, ipc->recv_aio);
	*event = (struct ipc_nng_event){.what = item.what};
	if (item.msg != NULL) {
		event->bytes = nng_msg_body(item.msg);
		event->len = nng_msg_len(item.msg);
	}
	return found;
}

static nng_msg *make_msg(const void *head, size_t head_len, const void *payload, size_t payload_len)
{
	nng_msg *msg;

	if (nng_msg_alloc(&msg, 0) != 0)
		return NULL;
	if (nng_msg_append(msg, head, head_len) != 0 ||
		(payload_len > 0 && nng_msg_append(msg, payload, payload_len) != 0)) {
		nng_msg_free(msg);
		return NULL;
	}
	return msg;
}

bool ipc_nng_send(struct ipc_nng *ipc, unsigned kind, const void *head, size_t head_len,
	const void *payload, size_t payload_len, bool *replaced)
{
	nng_msg *msg = kind < IPC_NNG_KINDS ? make_msg(head, head_len, payload, payload_len) : NULL;
	nng_msg *old = NULL;
	bool linked;
	bool now = false;

	if (msg == NULL)
		return false;
	pthread_mutex_lock(&ipc->lock);
	linked = ipc->pipe != 0;
	if (!linked) {
		old = msg;
	} else if (!ipc->sending) {
		ipc->sending = true;
		ipc->sending_for = ipc->pipe;
		now = true;
	} else {
		old = ipc->slot[kind].msg;
		ipc->slot[kind] = (struct slot){.msg = msg, .order = ipc->order++};
	}
	pthread_mutex_unlock(&ipc->lock);
	if (replaced != NULL)
		*replaced = linked && old != NULL;
	nng_msg_free(old);
	if (now) {
		nng_aio_set_msg(ipc->send_aio, msg);
		nng_send_aio(ipc->sock, ipc->send_aio);
	}
	return linked;
}
