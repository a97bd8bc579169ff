#include "tests/support/link_model.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/tcp_frame.h"

#define MILLION 1000000u
#define FLAG_ACK 0x10

void link_way_init(struct link_way *way, uint64_t seed)
{
	memset(way, 0, sizeof(*way));
	rng_seed(&way->rng, seed);
}

void link_way_fini(struct link_way *way)
{
	for (size_t i = 0; i < way->n; i++)
		free(way->heap[i]);
	free(way->heap);
	way->heap = NULL;
	way->n = 0;
	way->cap = 0;
}

static void *must(void *memory)
{
	if (memory == NULL)
		abort();
	return memory;
}

static bool chance(struct link_way *way, uint32_t of_million)
{
	return of_million > 0 && rng_below(&way->rng, MILLION) < of_million;
}

// --- the frames on their way: a binary heap

static bool earlier(const struct link_frame *a, const struct link_frame *b)
{
	return a->at.ns < b->at.ns || (a->at.ns == b->at.ns && a->order < b->order);
}

static void push(struct link_way *way, struct link_frame *frame)
{
	size_t i = way->n++;

	if (way->n > way->cap) {
		way->cap = way->cap > 0 ? 2 * way->cap : 64;
		way->heap = must(realloc(way->heap, way->cap * sizeof(way->heap[0])));
	}
	while (i > 0 && earlier(frame, way->heap[(i - 1) / 2])) {
		way->heap[i] = way->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	way->heap[i] = frame;
}

static struct link_frame *pop(struct link_way *way)
{
	struct link_frame *first = way->heap[0];
	struct link_frame *last = way->heap[--way->n];
	size_t i = 0;

	for (size_t child = 1; child < way->n; child = 2 * i + 1) {
		if (child + 1 < way->n && earlier(way->heap[child + 1], way->heap[child]))
			child++;
		if (!earlier(way->heap[child], last))
			break;
		way->heap[i] = way->heap[child];
		i = child;
	}
	if (way->n > 0)
		way->heap[i] = last;
	return first;
}

struct link_frame *link_way_receive(struct link_way *way, struct mono now)
{
	while (way->n > 0 && mono_due(now, way->heap[0]->at)) {
		struct link_frame *frame = pop(way);

		if (!frame->thinned)
			return frame;
		free(frame);
	}
	return NULL;
}

// --- what may happen to a frame

static bool is_cut(const struct link_model *link, struct mono now)
{
	return link->down ||
		(link->cut_every > 0 &&
			now.ns % link->cut_every >= link->cut_every - link->cut_for);
}

static bool is_lost(struct link_way *way, const struct link_model *link, struct mono now)
{
	if (is_cut(link, now))
		return true;
	if (link->burst_enter > 0) {
		if (chance(way, way->bad ? link->burst_leave : link->burst_enter))
			way->bad = !way->bad;
		if (way->bad && chance(way, link->burst_loss))
			return true;
	}
	return chance(way, link->loss);
}

// True when the frame does not fit; its sender may be told.
static bool too_big(struct link_way *way, const struct link_model *link, const uint8_t *data,
	uint32_t len, struct mono now, struct link_way *back)
{
	uint8_t error[TCP_FRAME_TOO_BIG_MAX];
	uint32_t n;

	if (link->hole == 0 || len <= link->hole + TCP_FRAME_ETH)
		return false;
	way->count.too_big++;
	if (!link->hole_icmp || back == NULL)
		return true;
	n = tcp_frame_too_big(data, len, link->hole, error);
	if (n > 0) {
		struct link_model plain = {.delay = link->delay};

		link_way_send(back, &plain, error, n, now, NULL);
	}
	return true;
}

// The frame before the bottleneck: when it has left, or false when the queue is full.
static bool pass_bottleneck(
	struct link_way *way, const struct link_model *link, uint32_t len, struct mono *leaves)
{
	uint64_t wait = mono_since(way->idle_at, *leaves);
	uint64_t waiting = wait * link->rate / NS_PER_SEC;

	if (link->queue > 0 && wait > 0 && waiting + len > link->queue)
		return false;
	way->idle_at = mono_add(*leaves, wait + (uint64_t)len * NS_PER_SEC / link->rate);
	*leaves = way->idle_at;
	return true;
}

// Middleboxes drop a waiting pure ACK when a later one says more.
static void thin(
	struct link_way *way, struct link_frame *frame, struct mono now, struct mono leaves)
{
	struct tcp_frame_info info = tcp_frame_look(frame->data, frame->len);
	unsigned i = info.flow % LINK_FLOWS;
	struct link_frame *old = way->flow[i].ack;
	struct tcp_frame_info before;

	if (!info.tcp || info.flags != FLAG_ACK || info.payload > 0)
		return;
	if (mono_before(now, way->flow[i].leaves)) {
		before = tcp_frame_look(old->data, old->len);
		if (before.flow == info.flow && (int32_t)(info.ack - before.ack) > 0) {
			old->thinned = true;
			way->count.thinned++;
		}
	}
	way->flow[i].ack = frame;
	way->flow[i].leaves = leaves;
}

static void corrupt(struct link_way *way, struct link_frame *frame)
{
	// ARP has no checksum: a bit error there would be believed.
	if (!tcp_frame_look(frame->data, frame->len).ip || frame->len <= TCP_FRAME_ETH)
		return;
	frame->data[TCP_FRAME_ETH + rng_below(&way->rng, frame->len - TCP_FRAME_ETH)] ^=
		(uint8_t)(1u << rng_below(&way->rng, 8));
	way->count.lost++;
}

static struct link_frame *travel(struct link_way *way, const struct link_model *link,
	const uint8_t *data, uint32_t len, struct mono leaves)
{
	struct link_frame *frame = must(malloc(sizeof(*frame) + len));
	uint64_t delay = link->delay;

	frame->len = len;
	frame->thinned = false;
	frame->order = way->order++;
	memcpy(frame->data, data, len);
	if (chance(way, link->corrupt))
		corrupt(way, frame);
	if (link->jitter > 0)
		delay += (uint64_t)rng_below(&way->rng, UINT32_MAX) * (link->jitter >> 8) >> 24;
	if (link->in_order && mono_before(mono_add(leaves, delay), way->last_at))
		delay = mono_since(way->last_at, leaves);
	frame->at = mono_add(leaves, delay);
	if (mono_before(way->last_at, frame->at))
		way->last_at = frame->at;
	if (chance(way, link->reorder)) {
		frame->at = mono_add(frame->at, link->reorder_delay);
		way->count.late++;
	}
	push(way, frame);
	return frame;
}

void link_way_send(struct link_way *way, const struct link_model *link, const uint8_t *data,
	uint32_t len, struct mono now, struct link_way *back)
{
	struct mono leaves = now;
	struct link_frame *frame;
	bool mark = link->mark > 0 &&
		mono_since(way->idle_at, now) * link->rate / NS_PER_SEC >= link->mark;

	way->count.sent++;
	if (is_lost(way, link, now)) {
		way->count.lost++;
		return;
	}
	if (too_big(way, link, data, len, now, back))
		return;
	if (link->rate > 0 && !pass_bottleneck(way, link, len, &leaves)) {
		way->count.overflow++;
		return;
	}
	frame = travel(way, link, data, len, leaves);
	if (mark && tcp_frame_mark(frame->data, frame->len))
		way->count.marked++;
	if (link->thin && link->rate > 0)
		thin(way, frame, now, leaves);
	if (chance(way, link->dup)) {
		travel(way, link, data, len, leaves);
		way->count.dup++;
	}
}
