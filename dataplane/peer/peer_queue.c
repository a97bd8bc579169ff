#include "dataplane/peer/core.h"

void peer_let_go(struct peers *peers, struct request *r)
{
	r->flags &= (uint16_t)~REQUEST_HELD;
	request_answer(&peers->answered, r);
}

void peer_fail(struct peer *peer, struct request *r, enum request_error error)
{
	if (request_is_discarded(r))
		return;
	peer_count(peer, error == REQUEST_ERROR_PEER_LOST ? PEER_NUM_lost : PEER_NUM_away);
	request_fail(&peer->peers->answered, r, error);
}

void peer_refuse(struct peer *peer, struct request *r, enum request_error error)
{
	if (!request_is_discarded(r))
		stat_inc(peer->peers->stats, peer_rows_of(peer)->dropped);
	peer_fail(peer, r, error);
	peer_let_go(peer->peers, r);
}

static void wait_changed(struct peer_conn *c, uint64_t n, uint64_t len)
{
	struct stats *stats = c->peer->peers->stats;
	const struct peer_rows *rows = peer_rows_of(c->peer);

	c->peer->bytes += len + n * (uint64_t)PEER_HEADER_ROOM;
	stat_add(stats, rows->in_queue, n);
	stat_add(stats, rows->in_queue_bytes, len);
}

void peer_enqueue(struct peer_conn *c, struct request *r)
{
	request_push(&c->wait, r);
	c->taken++;
	wait_changed(c, 1, r->len);
	if (!list_linked(&c->place))
		peer_conn_place(c);
	if (c->state == PEER_CONN_UP)
		peer_conn_ready(c);
}

// All that are over in their order, but for those that wait behind what is in flight.
static void count_over(struct peer_conn *c)
{
	if (c->flight.n > 0)
		return;
	c->over += c->over_late;
	c->over_late = 0;
	if (c->wait.n == 0 && c->state != PEER_CONN_OPENING)
		peer_conn_place(c);
}

struct request *peer_dequeue(struct peer_conn *c)
{
	struct request *r = request_pop(&c->wait);

	if (!r)
		return NULL;
	wait_changed(c, UINT64_MAX, -(uint64_t)r->len);
	return r;
}

struct request *peer_dequeue_over(struct peer_conn *c)
{
	struct request *r = peer_dequeue(c);

	if (!r)
		return NULL;
	c->over_late++;
	count_over(c);
	return r;
}

void peer_to_flight(struct peer_conn *c, struct request *r)
{
	request_push(&c->flight, r);
	c->next_id++;
	if (!c->due)
		c->due = r;
	stat_inc(c->peer->peers->stats, peer_rows_of(c->peer)->out_queue);
}

struct request *peer_from_flight(struct peer_conn *c)
{
	struct request *r = request_pop(&c->flight);

	if (!r)
		return NULL;
	if (c->due == r)
		c->due = c->flight.head;
	stat_dec(c->peer->peers->stats, peer_rows_of(c->peer)->out_queue);
	c->over++;
	count_over(c);
	return r;
}
