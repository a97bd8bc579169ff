#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include "dataplane/session/client.h"
#include "dataplane/store/core.h"

void store_conn_init(struct store_conn *c, struct store *store, bool is_bulk)
{
	*c = (struct store_conn){
		.store = store,
		.fd = -1,
		.is_bulk = is_bulk,
		.out = {.pool = store->config.big},
	};
}

static void failed(struct store *store, struct mono now)
{
	if (backoff_failed(&store->backoff, now))
		stat_inc(store->stats, STAT_server_ejects);
}

static void is_up(struct store_conn *c, struct mono now)
{
	c->state = STORE_UP;
	c->read_at = now;
	c->progress_at = now;
	c->up_at = now;
	if (c->store->config.memcache)
		memcache_reply_init(&c->memcache, c->store->config.value_max);
	else
		resp_reply_init(&c->parser, c->store->config.value_max);
	stat_inc(c->store->stats, STAT_server_connections);
}

void store_conn_open(struct store_conn *c, struct mono now)
{
	const struct store_address *to = &c->store->address;
	int one = 1;

	c->state = STORE_CONNECTING;
	c->connect_by = mono_add(now, STORE_CONNECT_NS);
	c->fd = socket(to->u.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0) {
		store_conn_fail(c, STORE_END_ERROR, now);
		return;
	}
	if (to->u.sa.sa_family != AF_UNIX)
		setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(c->fd, &to->u.sa, to->len) == 0)
		is_up(c, now);
	else if (errno != EINPROGRESS)
		store_conn_fail(c, STORE_END_ERROR, now);
}

void store_conn_check(struct store_conn *c, struct mono now)
{
	struct pollfd fd = {.fd = c->fd, .events = POLLOUT};
	int error = 0;
	socklen_t len = sizeof(error);

	if (poll(&fd, 1, 0) <= 0) {
		if (mono_due(now, c->connect_by))
			store_conn_fail(c, STORE_END_ERROR, now);
		return;
	}
	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error != 0)
		store_conn_fail(c, STORE_END_ERROR, now);
	else
		is_up(c, now);
}

static void count_end(struct store_conn *c, enum store_end why, struct mono now)
{
	struct stats *stats = c->store->stats;

	if (c->state == STORE_UP)
		stat_dec(stats, STAT_server_connections);
	if (why == STORE_END_EOF)
		stat_inc(stats, STAT_server_eof);
	else if (why == STORE_END_ERROR)
		stat_inc(stats, STAT_server_err);
	// A server may close a connection that is idle, but not at once.
	if (why == STORE_END_ERROR ||
		(why == STORE_END_EOF &&
			(store_conn_load(c) > 0 || mono_since(now, c->up_at) < STORE_SHORT_NS)))
		failed(c->store, now);
}

static void free_buffers(struct store_conn *c)
{
	out_free(&c->out);
	rte_pktmbuf_free(c->in);
	rte_pktmbuf_free(c->in_more);
	rte_pktmbuf_free(c->part[0]);
	rte_pktmbuf_free(c->part[1]);
}

void store_conn_fail(struct store_conn *c, enum store_end why, struct mono now)
{
	struct store *store = c->store;
	struct request *r;

	count_end(c, why, now);
	if (c->fd >= 0)
		close(c->fd);
	if (c->is_bulk && c->flight.head)
		request_took(c->flight.head, c->out.bytes);
	stat_add(store->stats, STAT_out_queue, -(uint64_t)c->flight.n);
	store_conn_answered(c, c->put);
	free_buffers(c);
	while ((r = request_pop(&c->flight)))
		store_refuse(store, r);
	while ((r = store_dequeue(store, &c->wait)))
		store_refuse(store, r);
	store_conn_init(c, store, c->is_bulk);
}

bool store_conn_is_paused(const struct store_conn *c)
{
	const struct request *r = c->flight.head;

	if (!r || !r->client || (r->flags & REQUEST_DONE) ||
		request_before(r) < c->store->config.client_buffer)
		return false;
	// With memory to spare, those behind it do not wait for it.
	return !c->store->roomy || c->is_bulk || !store_has_others(&c->flight, r->client);
}

bool store_conn_is_held(const struct store_conn *c)
{
	return c->parser.payload_left > c->store->config.client_buffer || store_conn_is_paused(c);
}

void store_enqueue(struct store *store, struct request_queue *q, struct request *r)
{
	request_push(q, r);
	stat_inc(store->stats, STAT_in_queue);
	if (!(r->flags & REQUEST_BULK))
		stat_add(store->stats, STAT_in_queue_bytes, r->len);
}

struct request *store_dequeue(struct store *store, struct request_queue *q)
{
	struct request *r = request_pop(q);

	if (!r)
		return NULL;
	stat_dec(store->stats, STAT_in_queue);
	if (!(r->flags & REQUEST_BULK))
		stat_add(store->stats, STAT_in_queue_bytes, -(uint64_t)r->len);
	return r;
}

void store_let_go(struct store *store, struct request *r)
{
	r->flags &= (uint16_t)~REQUEST_HELD;
	request_answer(&store->answered, r);
}

void store_refuse(struct store *store, struct request *r)
{
	if (!request_is_discarded(r)) {
		stat_inc(store->stats, STAT_server_dropped_requests);
		request_fail(&store->answered, r, REQUEST_ERROR_STORE);
	}
	store_let_go(store, r);
}
