#include "dataplane/tcp/tcp_sent.h"

#include "common/base/compiler.h"
#include "dataplane/tcp/tcp_isn.h"
#include "dataplane/tcp/tcp_seq.h"

#define STEPS_MAX 2048 // of searches, for one ACK: some microseconds

void tcp_sent_init(struct tcp_sent_list *list)
{
	*list = (struct tcp_sent_list){0};
	list_init(&list->by_time);
}

static struct tcp_sent *record_get(struct tcp_sent_list *list, struct pool *pool)
{
	if (!(list->first.flags & TCP_SENT_USED))
		return &list->first;
	return pool_get(pool);
}

static void record_put(struct tcp_sent_list *list, struct pool *pool, struct tcp_sent *rec)
{
	list->n--;
	if (rec == &list->first)
		rec->flags = 0;
	else
		pool_put(pool, rec);
}

static uint32_t length(const struct tcp_sent *rec)
{
	return rec->end - rec->seq;
}

static bool in_pipe(const struct tcp_sent *rec)
{
	return !(rec->flags & (TCP_SENT_LOST | TCP_SENT_SACKED));
}

// Takes the record out of the count that it is part of.
static void uncount(struct tcp_sent_list *list, struct tcp_sent *rec)
{
	if (rec->flags & TCP_SENT_SACKED) {
		list->sacked -= length(rec);
		if (list->sacked == 0)
			list->sacked_segs = 0;
	} else if (rec->flags & TCP_SENT_LOST) {
		list->lost--;
	} else {
		list->pipe -= length(rec);
		list_remove(&rec->by_time);
	}
}

static void drop_head(struct tcp_sent_list *list, struct pool *pool)
{
	struct tcp_sent *rec = list->head;

	uncount(list, rec);
	list->head = rec->next;
	if (list->hint == rec)
		list->hint = NULL;
	if (list->lost_at == rec)
		list->lost_at = rec->next;
	if (list->head == NULL)
		list->tail = NULL;
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

// Whether what leaves now is a part of the last record.
static bool extends(const struct tcp_sent *tail, struct mono now)
{
	return tail != NULL && tail->at.ns == now.ns && !(tail->flags & ~(unsigned)TCP_SENT_USED);
}

void tcp_sent_add(struct tcp_sent_list *list, struct pool *pool, uint32_t seq, uint32_t end,
	bool fin, struct mono now)
{
	struct tcp_sent *rec = list->tail;

	list->pipe += end - seq;
	if (extends(rec, now)) {
		rec->end = end;
		if (fin)
			rec->flags |= TCP_SENT_FIN;
		return;
	}
	rec = record_get(list, pool);
	*rec = (struct tcp_sent){
		.at = now,
		.seq = seq,
		.end = end,
		.flags = (uint8_t)(TCP_SENT_USED | (fin ? TCP_SENT_FIN : 0)),
	};
	list_push_back(&list->by_time, &rec->by_time);
	if (list->tail == NULL)
		list->head = rec;
	else
		list->tail->next = rec;
	list->tail = rec;
	list->n++;
}

void tcp_sent_again(struct tcp_sent_list *list, struct tcp_sent *rec, struct mono now)
{
	uncount(list, rec);
	rec->flags = (uint8_t)((rec->flags & ~TCP_SENT_LOST) | TCP_SENT_AGAIN);
	rec->at = now;
	list->pipe += length(rec);
	list_push_back(&list->by_time, &rec->by_time);
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
	if (in_pipe(rec))
		list_insert_between(&rest->by_time, &rec->by_time, rec->by_time.next);
	else
		list_init(&rest->by_time);
	if (list->tail == rec)
		list->tail = rest;
	list->n++;
	if (rec->flags & TCP_SENT_LOST)
		list->lost++;
	return true;
}

void tcp_sent_mark_lost(struct tcp_sent_list *list, struct tcp_sent *rec)
{
	if (!in_pipe(rec))
		return;
	uncount(list, rec);
	rec->flags |= TCP_SENT_LOST;
	if (list->lost++ == 0 || seq_lt(rec->seq, list->lost_at->seq))
		list->lost_at = rec;
}

void tcp_sent_mark_all_lost(struct tcp_sent_list *list)
{
	for (struct tcp_sent *rec = list->head; rec != NULL; rec = rec->next)
		tcp_sent_mark_lost(list, rec);
}

struct tcp_sent *tcp_sent_first_lost(struct tcp_sent_list *list)
{
	if (list->lost == 0)
		return NULL;
	while (!(list->lost_at->flags & TCP_SENT_LOST))
		list->lost_at = list->lost_at->next;
	return list->lost_at;
}

// Lost records are older than most: their place is near the front. `last` is one that was put there
// before, or the list: those of a flight come in the order of their times.
static void insert_by_time(struct tcp_sent_list *list, struct list *last, struct tcp_sent *rec)
{
	struct list *before = list->by_time.next;

	if (last != &list->by_time &&
		list_entry(last, struct tcp_sent, by_time)->at.ns <= rec->at.ns)
		before = last->next;
	while (before != &list->by_time &&
		list_entry(before, struct tcp_sent, by_time)->at.ns <= rec->at.ns)
		before = before->next;
	list_insert_between(&rec->by_time, before->prev, before);
}

void tcp_sent_unmark_lost(struct tcp_sent_list *list)
{
	struct list *last = &list->by_time;

	for (struct tcp_sent *rec = list->head; rec != NULL && list->lost > 0; rec = rec->next) {
		if (!(rec->flags & TCP_SENT_LOST))
			continue;
		uncount(list, rec);
		rec->flags = (uint8_t)(rec->flags & ~TCP_SENT_LOST);
		list->pipe += length(rec);
		insert_by_time(list, last, rec);
		last = &rec->by_time;
	}
}

void tcp_sent_renege(struct tcp_sent_list *list)
{
	list->lost_at = list->head;
	for (struct tcp_sent *rec = list->head; rec != NULL; rec = rec->next) {
		if (rec->flags & TCP_SENT_LOST)
			continue;
		uncount(list, rec);
		rec->flags = (uint8_t)((rec->flags & ~TCP_SENT_SACKED) | TCP_SENT_LOST);
		list->lost++;
	}
}

// Whether the acknowledgement answers the last transmission of a record that was sent again
// (RFC 8985 §6.2 step 2). What lies behind a hole does not change the timestamp that is echoed
// (RFC 7323 §4.3): the echo tells nothing of a selective acknowledgement, and the answer to a tail
// loss probe would be taken for that to the original.
static bool answers_last(const struct tcp_delivery *d, const struct tcp_sent *rec, bool cumulative)
{
	if (d->ts && cumulative && seq_lt(d->tsecr, tcp_ts_clock(rec->at) + d->ts_offset))
		return false;
	// The clock of timestamps is too coarse for short paths.
	return mono_since(d->now, rec->at) >= d->min_rtt;
}

// [rec->seq, end) was delivered.
static void delivered(
	struct tcp_delivery *d, const struct tcp_sent *rec, uint32_t end, bool cumulative)
{
	bool again = rec->flags & TCP_SENT_AGAIN;

	if (d->bytes == 0 || seq_gt(end, d->highest))
		d->highest = end;
	d->bytes += end - rec->seq;
	if (!again) {
		if (!d->original || seq_lt(end, d->lowest))
			d->lowest = end;
		if (!d->original || seq_gt(end, d->original_end))
			d->original_end = end;
		d->original = true;
	} else {
		d->repeated = true;
		if (!answers_last(d, rec, cumulative))
			return;
	}
	if (!d->any || d->at.ns < rec->at.ns || (d->at.ns == rec->at.ns && seq_lt(d->end, end))) {
		d->any = true;
		d->at = rec->at;
		d->end = end;
		d->again = again;
		d->sure = again && d->ts && cumulative;
	}
}

// Cuts [rec->seq, at) off a record.
static void cut_front(struct tcp_sent_list *list, struct tcp_sent *rec, uint32_t at)
{
	uint32_t bytes = at - rec->seq;

	if (rec->flags & TCP_SENT_SACKED)
		list->sacked -= bytes;
	else if (in_pipe(rec))
		list->pipe -= bytes;
	rec->seq = at;
}

void tcp_sent_ack(
	struct tcp_sent_list *list, struct pool *pool, uint32_t ack, struct tcp_delivery *d)
{
	struct tcp_sent *rec;

	while ((rec = list->head) != NULL && seq_lt(rec->seq, ack)) {
		uint32_t end = seq_min(rec->end, ack);

		if (likely(!(rec->flags & TCP_SENT_SACKED)))
			delivered(d, rec, end, true);
		if (end == rec->end)
			drop_head(list, pool);
		else
			cut_front(list, rec, end);
	}
}

static void mark_sacked(struct tcp_sent_list *list, struct tcp_sent *rec, uint32_t mss)
{
	uncount(list, rec);
	rec->flags = (uint8_t)((rec->flags & ~TCP_SENT_LOST) | TCP_SENT_SACKED);
	list->sacked += length(rec);
	list->sacked_segs += length(rec) <= mss ? 1 : (length(rec) + mss - 1) / mss;
}

// Joins `rec` and the record behind it, when both are SACKED.
static void join_next(struct tcp_sent_list *list, struct pool *pool, struct tcp_sent *rec)
{
	struct tcp_sent *next = rec->next;

	if (next == NULL || !(rec->flags & next->flags & TCP_SENT_SACKED))
		return;
	rec->end = next->end;
	rec->flags |= next->flags & (TCP_SENT_FIN | TCP_SENT_AGAIN);
	rec->next = next->next;
	if (list->tail == next)
		list->tail = rec;
	if (list->hint == next)
		list->hint = rec;
	if (list->lost_at == next)
		list->lost_at = rec;
	record_put(list, pool, next);
}

void tcp_sent_sack(struct tcp_sent_list *list, struct pool *pool,
	const struct tcp_sack_block *block, struct tcp_delivery *d)
{
	bool near = list->hint != NULL && seq_leq(list->hint->end, block->seq);
	struct tcp_sent *prev = near ? list->hint : NULL;
	struct tcp_sent *rec = near ? prev->next : list->head;

	while (rec != NULL && seq_leq(rec->end, block->seq) && d->steps < STEPS_MAX) {
		prev = rec;
		rec = rec->next;
		d->steps++;
	}
	list->hint = prev;
	if (d->steps >= STEPS_MAX)
		return;
	for (; rec != NULL && seq_lt(rec->seq, block->end); rec = rec->next) {
		bool inside = seq_geq(rec->seq, block->seq);

		if (!(rec->flags & TCP_SENT_SACKED) && inside) {
			if (seq_gt(rec->end, block->end) &&
				!tcp_sent_split(list, pool, rec, block->end))
				return;
			delivered(d, rec, rec->end, false);
			mark_sacked(list, rec, d->mss);
			if (prev != NULL && (prev->flags & TCP_SENT_SACKED)) {
				join_next(list, pool, prev);
				rec = prev;
			}
		} else if (!inside && !(rec->flags & TCP_SENT_SACKED)) {
			// The rest of it is looked at next.
			(void)tcp_sent_split(list, pool, rec, block->seq);
		}
		prev = rec;
	}
	if (prev != NULL)
		join_next(list, pool, prev);
}
