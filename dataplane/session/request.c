#include "dataplane/session/request.h"

#include "dataplane/session/client.h"
#include "dataplane/session/txn.h"

void request_answer(struct request_queue *answered, struct request *r)
{
	if (r->flags & REQUEST_QUEUED)
		return;
	r->flags |= REQUEST_QUEUED;
	r->answer_next = NULL;
	if (answered->tail)
		answered->tail->answer_next = r;
	else
		answered->head = r;
	answered->tail = r;
	answered->n++;
}

struct request *request_answer_pop(struct request_queue *answered)
{
	struct request *r = answered->head;

	if (!r)
		return NULL;
	answered->head = r->answer_next;
	if (!answered->head)
		answered->tail = NULL;
	answered->n--;
	r->flags &= (uint16_t)~REQUEST_QUEUED;
	return r;
}

// What was not carried out may be asked elsewhere: a read of another rack, and a write that was not
// even sent to one node of another datacentre of the next one there.
static bool keeps_bytes(const struct request *r)
{
	const uint16_t spread = REQUEST_COPY | REQUEST_SPREAD;

	return (r->flags & REQUEST_KEEP) || (r->flags & spread) == spread;
}

void request_fail(struct request_queue *answered, struct request *r, enum request_error error)
{
	if (!keeps_bytes(r))
		request_drop_bytes(r);
	request_drop_reply(r);
	if (r->flags & REQUEST_STREAMED)
		request_cut(answered, r);
	r->error = (uint8_t)error;
	r->flags |= REQUEST_DONE;
	request_answer(answered, r);
}

void request_cut(struct request_queue *answered, struct request *r)
{
	if (r->client)
		r->client->flags |= CLIENT_CUT;
	request_answer(answered, r);
}

struct client *request_keeper(const struct request *r)
{
	return r->flags & REQUEST_COPY ? r->part->txn->client : r->client;
}

uint32_t request_before(const struct request *r)
{
	return r->client->unsent - (r->flags & REQUEST_HOLD ? r->reply_len : 0);
}

struct slice request_error_text(enum request_error error)
{
	static const struct slice texts[] = {
#define REQUEST_ERROR(id, text) \
	[REQUEST_ERROR_##id] = {"-ERR " text "\r\n", sizeof("-ERR " text "\r\n") - 1},
#include "dataplane/session/request_error.def"
#undef REQUEST_ERROR
	};

	return texts[error];
}

static struct slice memcache_text(enum request_error error)
{
	static const struct slice texts[] = {
#define REQUEST_ERROR(id, text)  \
	[REQUEST_ERROR_##id] = { \
		"SERVER_ERROR " text "\r\n", sizeof("SERVER_ERROR " text "\r\n") - 1},
#include "dataplane/session/request_error.def"
#undef REQUEST_ERROR
	};

	return texts[error];
}

struct slice request_error_answer(const struct request *r)
{
	enum request_error error = (enum request_error)r->error;

	return r->cmd && memcache_is(r->cmd) ? memcache_text(error) : request_error_text(error);
}

static void drop_owned(struct request *r)
{
	while (r->bytes) {
		struct rte_mbuf *next = r->bytes->next;

		rte_pktmbuf_free_seg(r->bytes);
		r->bytes = next;
	}
	r->bytes_tail = NULL;
}

static void drop_shared(struct request *r)
{
	struct rte_mbuf *m = r->bytes;
	uint32_t left = r->len + r->bytes_off;

	while (left > 0) {
		struct rte_mbuf *next = m->next;
		uint32_t step = left < m->data_len ? left : m->data_len;

		// What lies behind is read before this segment may go back to its pool.
		rte_pktmbuf_free_seg(m);
		left -= step;
		m = next;
	}
	r->bytes = NULL;
}

void request_drop_bytes(struct request *r)
{
	if (!r->bytes)
		return;
	if (r->flags & REQUEST_BULK)
		drop_owned(r);
	else
		drop_shared(r);
	if (r->client && !(r->flags & REQUEST_OWN))
		tcp_recv_done(r->client->conn, r->len);
	r->len = 0;
}

void request_drop_reply(struct request *r)
{
	struct rte_mbuf *m = r->reply;

	if (r->client)
		r->client->unsent -= r->reply_len;
	if (m && (r->flags & REQUEST_SLICE))
		rte_pktmbuf_free_seg(m);
	else
		rte_pktmbuf_free(m);
	r->reply = NULL;
	r->reply_tail = NULL;
	r->reply_len = 0;
	r->flags &= (uint16_t)~REQUEST_SLICE;
}

void request_add_reply(struct request *r, struct rte_mbuf *m)
{
	if (r->reply)
		r->reply_tail->next = m;
	else
		r->reply = m;
	for (; m; m = m->next) {
		r->reply_tail = m;
		r->reply_len += m->data_len;
		if (r->client)
			r->client->unsent += m->data_len;
	}
}

void request_set_slice(struct request *r, struct rte_mbuf *m, uint16_t off, uint32_t len)
{
	rte_mbuf_refcnt_update(m, 1);
	r->reply = m;
	r->reply_off = off;
	r->reply_len = len;
	r->flags |= REQUEST_SLICE;
	if (r->client)
		r->client->unsent += len;
}

void request_took(struct request *r, uint32_t n)
{
	if (r->client && !(r->flags & REQUEST_OWN))
		tcp_recv_done(r->client->conn, n);
}
