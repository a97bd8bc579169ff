#include "dataplane/tcp/tcp_sent.h"

#include "common/base/compiler.h"
#include "dataplane/tcp/tcp_seq.h"

void tcp_sent_init(struct tcp_sent_list *list)
{
	*list = (struct tcp_sent_list){0};
}

static struct tcp_sent *record_get(struct tcp_sent_list *list, struct pool *pool)
{
	if (!(list->first.flags & TCP_SENT_USED))
		return &list->first;
	return pool_get(pool);
}

static void record_put(struct tcp_sent_list *list, struct pool *pool, struct tcp_sent *rec)
{
	if (rec == &list->first)
		rec->flags = 0;
	else
		pool_put(pool, rec);
}

static uint32_t length(const struct tcp_sent *rec)
{
	return rec->end - rec->seq;
}

static void drop_head(struct tcp_sent_list *list, struct pool *pool)
{
	struct tcp_sent *rec = list->head;

	if (rec->flags & TCP_SENT_LOST)
		list->lost--;
	else
		list->pipe -= length(rec);
	list->head = rec->next;
	if (list->head == NULL)
		list->tail = NULL;
	list->n--;
	record_put(list, pool, rec);
}

void tcp_sent_free(struct tcp_sent_list *list, struct pool *pool)
{
	while (list->head != NULL)
		drop_head(list, pool);
}

bool tcp_sent_room(const struct tcp_sent_list *list, const struct pool *pool)
{
	return !(list->first.flags & TCP_SENT_USED) || pool->used < pool->capacity;
}

void tcp_sent_add(struct tcp_sent_list *list, struct pool *pool, uint32_t seq, uint32_t end,
	bool fin, struct mono now)
{
	struct tcp_sent *rec = record_get(list, pool);

	*rec = (struct tcp_sent){
		.at = now,
		.seq = seq,
		.end = end,
		.flags = (uint8_t)(TCP_SENT_USED | (fin ? TCP_SENT_FIN : 0)),
	};
	if (list->tail == NULL)
		list->head = rec;
	else
		list->tail->next = rec;
	list->tail = rec;
	list->n++;
	list->pipe += end - seq;
}

void tcp_sent_again(struct tcp_sent_list *list, struct tcp_sent *rec, struct mono now)
{
	if (rec->flags & TCP_SENT_LOST) {
		list->lost--;
		list->pipe += length(rec);
	}
	rec->flags = (uint8_t)((rec->flags & ~TCP_SENT_LOST) | TCP_SENT_AGAIN);
	rec->at = now;
}

bool tcp_sent_split(
	struct tcp_sent_list *list, struct pool *pool, struct tcp_sent *rec, uint32_t seq)
{
	struct tcp_sent *rest;

	if (!tcp_sent_room(list, pool))
		return false;
	rest = record_get(list, pool);
	*rest = *rec;
	rest->flags |= TCP_SENT_USED;
	rest->seq = seq;
	rec->end = seq;
	rec->flags = (uint8_t)(rec->flags & ~TCP_SENT_FIN);
	rec->next = rest;
	if (list->tail == rec)
		list->tail = rest;
	list->n++;
	if (rec->flags & TCP_SENT_LOST)
		list->lost++;
	return true;
}

void tcp_sent_mark_lost(struct tcp_sent_list *list, struct tcp_sent *rec)
{
	if (rec->flags & TCP_SENT_LOST)
		return;
	rec->flags |= TCP_SENT_LOST;
	list->lost++;
	list->pipe -= length(rec);
}

void tcp_sent_mark_all_lost(struct tcp_sent_list *list)
{
	for (struct tcp_sent *rec = list->head; rec != NULL; rec = rec->next)
		tcp_sent_mark_lost(list, rec);
}

struct tcp_sent_acked tcp_sent_ack(struct tcp_sent_list *list, struct pool *pool, uint32_t ack)
{
	struct tcp_sent_acked acked = {0};
	struct tcp_sent *rec;

	while ((rec = list->head) != NULL && seq_leq(rec->end, ack)) {
		acked.segs++;
		if (acked.at.ns < rec->at.ns)
			acked.at = rec->at;
		if (rec->flags & TCP_SENT_AGAIN)
			acked.again = true;
		drop_head(list, pool);
	}
	// A part of a segment: the peer may cut where it likes.
	if (rec != NULL && seq_lt(rec->seq, ack)) {
		if (!(rec->flags & TCP_SENT_LOST))
			list->pipe -= ack - rec->seq;
		rec->seq = ack;
	}
	return acked;
}
