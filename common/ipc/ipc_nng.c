#include "common/ipc/ipc_nng.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <nng/nng.h>

#include "common/ipc/ipc_path.h"

#define REDIAL_MIN_MS 10
#define REDIAL_MAX_MS 200
#define CLOSE_MAX_S 2
#define IPC_NNG_PATH_MAX 128
#define PREFIX sizeof(uint32_t) // length of what follows, little-endian

// Bytes on their way, with their prefix.
struct frame {
	size_t len;
	size_t done;
	unsigned char bytes[];
};

struct item {
	enum ipc_nng_what what;
	struct frame *frame;
};

struct slot {
	struct frame *frame;
	uint64_t order;
};

// Operations of nng run one of a kind at a time; each calls back once, on a thread of nng's. A
// connection is freed only when none of it runs any more.
//
// They are begun, and connections closed, with the lock held: in nng 1.5 an operation that is begun
// on a stream which was closed a moment ago never ends.
struct ipc_nng {
	char path[IPC_NNG_PATH_MAX];
	nng_stream_listener *listener; // one of the two
	nng_stream_dialer *dialer;
	nng_aio *conn_aio; // accepts, dials, or pauses before dialing again
	nng_aio *recv_aio;
	nng_aio *send_aio;
	int fd;
	struct frame *lent; // the owner's, until its next ipc_nng_next

	pthread_mutex_t lock; // all below
	pthread_cond_t ended; // an operation ended while closing
	bool closing;
	bool connecting; // conn_aio runs
	bool pausing;    // ... and is a pause
	bool receiving;  // recv_aio runs
	bool sending;    // send_aio runs
	bool lost;       // `stream` is closed and waits for its operations to end
	nng_stream *stream;
	nng_duration redial_ms;

	unsigned char prefix[PREFIX];
	size_t prefix_done;
	struct frame *rx; // NULL while the prefix is read
	struct frame *tx;

	struct item item[IPC_NNG_RECV_MAX + 4]; // room for UP and DOWN beside messages
	unsigned item_first;
	unsigned item_n;
	struct slot slot[IPC_NNG_KINDS];
	uint64_t order;
};

static struct frame *frame_new(size_t len)
{
	struct frame *frame = malloc(sizeof(*frame) + len);

	if (frame != NULL)
		*frame = (struct frame){.len = len};
	return frame;
}

static void push(struct ipc_nng *ipc, enum ipc_nng_what what, struct frame *frame)
{
	unsigned at = (ipc->item_first + ipc->item_n++) % ARRAY_LEN(ipc->item);

	ipc->item[at] = (struct item){.what = what, .frame = frame};
	(void)eventfd_write(ipc->fd, 1);
}

// What waits of a connection that is gone means nothing any more, but that it is gone: the owner
// sees at most DOWN, UP, messages.
static void forget(struct ipc_nng *ipc)
{
	for (; ipc->item_n > 0; ipc->item_n--) {
		free(ipc->item[ipc->item_first].frame);
		ipc->item_first = (ipc->item_first + 1) % ARRAY_LEN(ipc->item);
	}
	for (unsigned i = 0; i < IPC_NNG_KINDS; i++) {
		free(ipc->slot[i].frame);
		ipc->slot[i].frame = NULL;
	}
}

// With the lock held: closing makes the operations end with an error, on other threads.
static void lose(struct ipc_nng *ipc)
{
	if (ipc->lost || ipc->stream == NULL)
		return;
	ipc->lost = true;
	nng_stream_close(ipc->stream);
	forget(ipc);
	push(ipc, IPC_NNG_DOWN, NULL);
}

static void connect_next(struct ipc_nng *ipc)
{
	if (ipc->listener != NULL)
		nng_stream_listener_accept(ipc->listener, ipc->conn_aio);
	else
		nng_stream_dialer_dial(ipc->dialer, ipc->conn_aio);
}

// An operation of the connection ended for good. Frees it after the last one, and looks for the
// next.
static void settle(struct ipc_nng *ipc)
{
	nng_stream *dead = NULL;
	bool again = false;

	if (ipc->lost && !ipc->receiving && !ipc->sending) {
		dead = ipc->stream;
		ipc->stream = NULL;
		ipc->lost = false;
		free(ipc->rx);
		free(ipc->tx);
		ipc->rx = NULL;
		ipc->tx = NULL;
		again = !ipc->closing;
		ipc->connecting = again;
	}
	if (again)
		connect_next(ipc);
	pthread_cond_broadcast(&ipc->ended);
	if (dead != NULL)
		nng_stream_free(dead);
}

static void start_recv(struct ipc_nng *ipc)
{
	nng_iov iov = {
		.iov_buf = ipc->prefix + ipc->prefix_done,
		.iov_len = PREFIX - ipc->prefix_done,
	};

	if (ipc->rx != NULL)
		iov = (nng_iov){.iov_buf = ipc->rx->bytes + ipc->rx->done,
			.iov_len = ipc->rx->len - ipc->rx->done};
	(void)nng_aio_set_iov(ipc->recv_aio, 1, &iov);
	nng_stream_recv(ipc->stream, ipc->recv_aio);
}

static void start_send(struct ipc_nng *ipc)
{
	nng_iov iov = {
		.iov_buf = ipc->tx->bytes + ipc->tx->done,
		.iov_len = ipc->tx->len - ipc->tx->done,
	};

	(void)nng_aio_set_iov(ipc->send_aio, 1, &iov);
	nng_stream_send(ipc->stream, ipc->send_aio);
}

static void take_connection(struct ipc_nng *ipc, nng_stream *stream)
{
	ipc->connecting = false;
	ipc->stream = stream;
	ipc->prefix_done = 0;
	ipc->redial_ms = REDIAL_MIN_MS;
	push(ipc, IPC_NNG_UP, NULL);
	if (ipc->closing) {
		lose(ipc);
		return;
	}
	ipc->receiving = true;
	start_recv(ipc);
}

static void pause_connecting(struct ipc_nng *ipc)
{
	nng_duration pause = ipc->redial_ms;

	ipc->redial_ms = pause * 2 < REDIAL_MAX_MS ? pause * 2 : REDIAL_MAX_MS;
	ipc->pausing = true;
	nng_sleep_aio(pause, ipc->conn_aio);
}

static void on_conn(void *arg)
{
	struct ipc_nng *ipc = arg;
	int error = nng_aio_result(ipc->conn_aio);
	bool paused;

	pthread_mutex_lock(&ipc->lock);
	paused = ipc->pausing;
	ipc->pausing = false;
	if (error == 0 && !paused)
		take_connection(ipc, nng_aio_get_output(ipc->conn_aio, 0));
	else if (ipc->closing)
		ipc->connecting = false;
	else if (paused)
		connect_next(ipc);
	else
		pause_connecting(ipc);
	if (ipc->closing)
		settle(ipc);
	pthread_mutex_unlock(&ipc->lock);
}

// The length of the frame that follows is known. False when it can't be taken.
static bool begin_frame(struct ipc_nng *ipc)
{
	uint32_t len;

	memcpy(&len, ipc->prefix, sizeof(len));
	ipc->prefix_done = 0;
	if (len == 0 || len > IPC_NNG_MSG_MAX)
		return false;
	ipc->rx = frame_new(len);
	return ipc->rx != NULL;
}

// False when the connection must end.
static bool take_bytes(struct ipc_nng *ipc, size_t n)
{
	if (n == 0)
		return false;
	if (ipc->rx == NULL) {
		ipc->prefix_done += n;
		return ipc->prefix_done < PREFIX || begin_frame(ipc);
	}
	ipc->rx->done += n;
	if (ipc->rx->done == ipc->rx->len) {
		push(ipc, IPC_NNG_MSG, ipc->rx);
		ipc->rx = NULL;
	}
	return true;
}

static void on_recv(void *arg)
{
	struct ipc_nng *ipc = arg;
	int error = nng_aio_result(ipc->recv_aio);
	size_t n = nng_aio_count(ipc->recv_aio);
	bool more;

	pthread_mutex_lock(&ipc->lock);
	if (!ipc->lost && (error != 0 || !take_bytes(ipc, n)))
		lose(ipc);
	// A full queue stops reading; ipc_nng_next goes on.
	more = !ipc->lost && (ipc->rx != NULL || ipc->item_n < IPC_NNG_RECV_MAX);
	ipc->receiving = more;
	if (more)
		start_recv(ipc);
	else
		settle(ipc);
	pthread_mutex_unlock(&ipc->lock);
}

// The frame that has waited longest, or NULL.
static struct frame *take_next(struct ipc_nng *ipc)
{
	struct slot *oldest = NULL;
	struct frame *frame = NULL;

	for (unsigned i = 0; i < IPC_NNG_KINDS; i++) {
		struct slot *slot = &ipc->slot[i];

		if (slot->frame != NULL && (oldest == NULL || slot->order < oldest->order))
			oldest = slot;
	}
	if (oldest != NULL) {
		frame = oldest->frame;
		oldest->frame = NULL;
	}
	return frame;
}

static void on_sent(void *arg)
{
	struct ipc_nng *ipc = arg;
	int error = nng_aio_result(ipc->send_aio);
	bool more;

	pthread_mutex_lock(&ipc->lock);
	if (error != 0)
		lose(ipc);
	else
		ipc->tx->done += nng_aio_count(ipc->send_aio);
	if (!ipc->lost && ipc->tx->done == ipc->tx->len) {
		free(ipc->tx);
		ipc->tx = take_next(ipc);
	}
	more = !ipc->lost && ipc->tx != NULL;
	ipc->sending = more;
	if (more)
		start_send(ipc);
	else
		settle(ipc);
	pthread_mutex_unlock(&ipc->lock);
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

static int start_listener(struct ipc_nng *ipc, const char *url)
{
	int error = nng_stream_listener_alloc(&ipc->listener, url);

	if (error == 0)
		error = nng_stream_listener_set_int(ipc->listener, NNG_OPT_IPC_PERMISSIONS, 0660);
	if (error == 0)
		error = nng_stream_listener_listen(ipc->listener);
	return error;
}

static int start(struct ipc_nng **out, const char *path, bool listens)
{
	struct ipc_nng *ipc = calloc(1, sizeof(*ipc));
	char url[256];
	int error;

	if ((size_t)snprintf(url, sizeof(url), "ipc://%s", path) >= sizeof(url) || ipc == NULL) {
		free(ipc);
		return ipc == NULL ? -ENOMEM : -ENAMETOOLONG;
	}
	snprintf(ipc->path, sizeof(ipc->path), "%s", path);
	pthread_mutex_init(&ipc->lock, NULL);
	pthread_cond_init(&ipc->ended, NULL);
	ipc->redial_ms = REDIAL_MIN_MS;
	ipc->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	error = ipc->fd >= 0 ? 0 : NNG_ENOMEM;
	if (error == 0)
		error = nng_aio_alloc(&ipc->conn_aio, on_conn, ipc);
	if (error == 0)
		error = nng_aio_alloc(&ipc->recv_aio, on_recv, ipc);
	if (error == 0)
		error = nng_aio_alloc(&ipc->send_aio, on_sent, ipc);
	if (error == 0)
		error = listens ? start_listener(ipc, url)
				: nng_stream_dialer_alloc(&ipc->dialer, url);
	if (error != 0) {
		ipc_nng_free(ipc);
		return nng_to_errno(error);
	}
	ipc->connecting = true;
	*out = ipc;
	pthread_mutex_lock(&ipc->lock);
	connect_next(ipc);
	pthread_mutex_unlock(&ipc->lock);
	return 0;
}

int ipc_nng_listen(struct ipc_nng **out, const char *path)
{
	int error = ipc_path_make_dirs(path);
	int lock;

	if (error != 0)
		return error;
	lock = ipc_path_lock(path);
	error = ipc_path_claim(path);
	if (error == 0)
		error = start(out, path, true);
	ipc_path_unlock(lock);
	return error;
}

int ipc_nng_dial(struct ipc_nng **out, const char *path)
{
	return start(out, path, false);
}

// Closes the socket, and then removes its file.
static void close_listener(struct ipc_nng *ipc)
{
	int lock;

	if (ipc->listener == NULL)
		return;
	lock = ipc_path_lock(ipc->path);
	nng_stream_listener_close(ipc->listener);
	ipc_path_unlock(lock);
}

// Ends all operations. False when one does not end in time.
static bool quiesce(struct ipc_nng *ipc)
{
	struct timespec until;
	int error = 0;
	bool quiet;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += CLOSE_MAX_S;
	pthread_mutex_lock(&ipc->lock);
	ipc->closing = true;
	lose(ipc);
	pthread_mutex_unlock(&ipc->lock);
	close_listener(ipc);
	if (ipc->dialer != NULL)
		nng_stream_dialer_close(ipc->dialer);
	if (ipc->conn_aio != NULL)
		nng_aio_cancel(ipc->conn_aio);
	pthread_mutex_lock(&ipc->lock);
	while ((ipc->connecting || ipc->receiving || ipc->sending) && error == 0)
		error = pthread_cond_timedwait(&ipc->ended, &ipc->lock, &until);
	quiet = !ipc->connecting && !ipc->receiving && !ipc->sending;
	pthread_mutex_unlock(&ipc->lock);
	return quiet;
}

void ipc_nng_free(struct ipc_nng *ipc)
{
	// What still runs needs its memory: better lost than freed.
	if (ipc == NULL || !quiesce(ipc))
		return;
	nng_aio_free(ipc->conn_aio); // waits for callbacks that are about to return
	nng_aio_free(ipc->recv_aio);
	nng_aio_free(ipc->send_aio);
	if (ipc->stream != NULL)
		nng_stream_free(ipc->stream);
	if (ipc->listener != NULL)
		nng_stream_listener_free(ipc->listener);
	if (ipc->dialer != NULL)
		nng_stream_dialer_free(ipc->dialer);
	forget(ipc);
	free(ipc->lent);
	free(ipc->rx);
	free(ipc->tx);
	if (ipc->fd >= 0)
		close(ipc->fd);
	pthread_cond_destroy(&ipc->ended);
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

	free(ipc->lent);
	pthread_mutex_lock(&ipc->lock);
	found = ipc->item_n > 0;
	if (found) {
		item = ipc->item[ipc->item_first];
		ipc->item_first = (ipc->item_first + 1) % ARRAY_LEN(ipc->item);
		ipc->item_n--;
	} else {
		(void)eventfd_read(ipc->fd, &count);
	}
	again = ipc->stream != NULL && !ipc->lost && !ipc->receiving &&
		ipc->item_n < IPC_NNG_RECV_MAX / 2;
	if (again) {
		ipc->receiving = true;
		start_recv(ipc);
	}
	pthread_mutex_unlock(&ipc->lock);
	ipc->lent = item.frame;
	*event = (struct ipc_nng_event){.what = item.what};
	if (item.frame != NULL) {
		event->bytes = item.frame->bytes;
		event->len = item.frame->len;
	}
	return found;
}

static struct frame *make_frame(
	const void *head, size_t head_len, const void *payload, size_t payload_len)
{
	struct frame *frame = frame_new(PREFIX + head_len + payload_len);
	uint32_t len = (uint32_t)(head_len + payload_len);

	if (frame == NULL)
		return NULL;
	memcpy(frame->bytes, &len, PREFIX);
	memcpy(frame->bytes + PREFIX, head, head_len);
	if (payload_len > 0)
		memcpy(frame->bytes + PREFIX + head_len, payload, payload_len);
	return frame;
}

bool ipc_nng_send(struct ipc_nng *ipc, unsigned kind, const void *head, size_t head_len,
	const void *payload, size_t payload_len, bool *replaced)
{
	struct frame *frame =
		kind < IPC_NNG_KINDS ? make_frame(head, head_len, payload, payload_len) : NULL;
	struct frame *old = NULL;
	bool linked;

	if (frame == NULL)
		return false;
	pthread_mutex_lock(&ipc->lock);
	linked = ipc->stream != NULL && !ipc->lost;
	if (!linked) {
		old = frame;
	} else if (!ipc->sending) {
		ipc->sending = true;
		ipc->tx = frame;
		start_send(ipc);
	} else {
		old = ipc->slot[kind].frame;
		ipc->slot[kind] = (struct slot){.frame = frame, .order = ipc->order++};
	}
	pthread_mutex_unlock(&ipc->lock);
	if (replaced != NULL)
		*replaced = linked && old != NULL;
	free(old);
	return linked;
}
