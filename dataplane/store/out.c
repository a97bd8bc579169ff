#include "dataplane/store/out.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

// More would rarely be taken by one call.
#define IOV_N 64

static uint32_t tail_room(const struct out *out)
{
	return out->open ? rte_pktmbuf_tailroom(out->tail) : 0;
}

static void link_tail(struct out *out, struct rte_mbuf *m)
{
	m->next = NULL;
	if (out->tail)
		out->tail->next = m;
	else
		out->head = m;
	out->tail = m;
}

bool out_reserve(struct out *out, uint32_t len)
{
	uint32_t room = tail_room(out);

	for (const struct rte_mbuf *m = out->spare; m; m = m->next)
		room += rte_pktmbuf_tailroom(m);
	while (room < len) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(out->pool);

		if (!m)
			return false;
		m->next = out->spare;
		out->spare = m;
		room += rte_pktmbuf_tailroom(m);
	}
	return true;
}

void out_copy(struct out *out, const void *bytes, uint32_t len)
{
	const char *from = bytes;

	out->bytes += len;
	while (len > 0) {
		uint32_t room = tail_room(out);
		uint32_t n = len < room ? len : room;

		if (n == 0) {
			struct rte_mbuf *m = out->spare;

			out->spare = m->next;
			link_tail(out, m);
			out->open = true;
			continue;
		}
		memcpy(rte_pktmbuf_mtod_offset(out->tail, char *, out->tail->data_len), from, n);
		out->tail->data_len = (uint16_t)(out->tail->data_len + n);
		from += n;
		len -= n;
	}
}

void out_take(struct out *out, struct rte_mbuf *chain, uint32_t len)
{
	while (chain) {
		struct rte_mbuf *next = chain->next;

		link_tail(out, chain);
		chain = next;
	}
	out->open = false;
	out->bytes += len;
}

static void drop_written(struct out *out, uint32_t n)
{
	out->bytes -= n;
	out->off += n;
	while (out->head && out->off >= out->head->data_len) {
		struct rte_mbuf *m = out->head;

		// The last buffer of our own is used again.
		if (m == out->tail && out->open) {
			if (out->off == m->data_len) {
				rte_pktmbuf_reset_headroom(m);
				m->data_len = 0;
				out->off = 0;
			}
			return;
		}
		out->off -= m->data_len;
		out->head = m->next;
		if (!out->head)
			out->tail = NULL;
		rte_pktmbuf_free_seg(m);
	}
}

ssize_t out_write(struct out *out, int fd)
{
	struct iovec iov[IOV_N];
	struct msghdr msg = {.msg_iov = iov};
	uint32_t off = out->off;
	ssize_t n;

	for (struct rte_mbuf *m = out->head; m && msg.msg_iovlen < IOV_N; m = m->next, off = 0)
		iov[msg.msg_iovlen++] = (struct iovec){
			.iov_base = rte_pktmbuf_mtod_offset(m, char *, off),
			.iov_len = m->data_len - off,
		};
	// As writev, but without SIGPIPE.
	n = sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	drop_written(out, (uint32_t)n);
	return n;
}

void out_free(struct out *out)
{
	rte_pktmbuf_free(out->head);
	rte_pktmbuf_free(out->spare);
	*out = (struct out){.pool = out->pool};
}
