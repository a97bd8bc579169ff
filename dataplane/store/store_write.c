// Requests -> the socket.
#include "dataplane/store/core.h"

static void count_request(struct stats *stats, const struct request *r)
{
	bool write = r->cmd->access == RESP_CMD_WRITE;

	stat_inc(stats, write ? STAT_write_requests : STAT_read_requests);
	stat_add(stats, write ? STAT_write_request_bytes : STAT_read_request_bytes, r->len);
}

static void copy_request(struct store_conn *c, struct request *r)
{
	const struct rte_mbuf *m = r->bytes;
	uint32_t off = r->bytes_off;
	uint32_t left = r->len;

	for (; left > 0; m = m->next, off = 0) {
		uint32_t n = m->data_len - off;

		n = n < left ? n : left;
		out_copy(&c->out, rte_pktmbuf_mtod_offset(m, const char *, off), n);
		left -= n;
	}
}

static void put_bytes(struct store_conn *c, uint32_t len)
{
	c->put += len;
	stat_add(c->store->stats, STAT_out_queue_bytes, len);
}

static void to_flight(struct store_conn *c, struct request *r)
{
	r->out_end = c->put;
	request_push(&c->flight, r);
	if (!c->unsent)
		c->unsent = r;
	if (!c->due)
		c->due = r;
	stat_inc(c->store->stats, STAT_out_queue);
}

static void gather(struct store_conn *c)
{
	struct store *store = c->store;

	// What is not written yet can still go another way.
	if (store_conn_is_held(c))
		return;
	while (c->wait.head && c->out.bytes < STORE_OUT_MAX) {
		struct request *r = c->wait.head;

		if (!request_is_discarded(r)) {
			if (!out_reserve(&c->out, r->len))
				return;
			store_dequeue(store, &c->wait);
			count_request(store->stats, r);
			copy_request(c, r);
			put_bytes(c, r->len);
			if (!(r->flags & REQUEST_KEEP))
				request_drop_bytes(r);
			to_flight(c, r);
		} else {
			store_dequeue(store, &c->wait);
			store_let_go(store, r);
		}
	}
}

// A request that streams: what has come of it.
static void gather_bulk(struct store_conn *c)
{
	struct request *r = c->flight.head;
	bool write;

	if (!r || !r->bytes)
		return;
	write = r->cmd->access == RESP_CMD_WRITE;
	stat_add(c->store->stats, write ? STAT_write_request_bytes : STAT_read_request_bytes,
		r->len);
	put_bytes(c, r->len);
	out_take(&c->out, r->bytes, r->len);
	r->bytes = NULL;
	r->bytes_tail = NULL;
	r->len = 0;
}

static void note_written(struct store_conn *c, uint32_t n, struct mono now)
{
	struct stats *stats = c->store->stats;
	uint64_t requests = 0;

	c->written += n;
	if (c->is_bulk) {
		c->progress_at = now;
		if (c->flight.head) {
			request_took(c->flight.head, n);
			c->flight.head->store_at = now;
		}
		return;
	}
	while (c->unsent && c->unsent->out_end <= c->written) {
		struct request *r = c->unsent;

		histogram_add(&stats->hist[HIST_server_queue_wait], mono_since(now, r->store_at));
		r->store_at = now;
		c->unsent = r->next;
		requests++;
	}
	histogram_add(&stats->hist[HIST_server_batch], requests);
}

bool store_write(struct store_conn *c, struct mono now, unsigned *work)
{
	ssize_t n;

	if (c->is_bulk)
		gather_bulk(c);
	else
		gather(c);
	if (c->out.bytes == 0)
		return true;
	n = out_write(&c->out, c->fd);
	if (n < 0) {
		store_conn_fail(c, STORE_END_ERROR, now);
		return false;
	}
	stat_inc(c->store->stats, STAT_store_writes);
	*work += n > 0;
	if (n > 0)
		note_written(c, (uint32_t)n, now);
	return true;
}
