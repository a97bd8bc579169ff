#include "tests/interop/link_emu/channel.h"

#include <stdlib.h>
#include <string.h>

#include "tests/interop/link_emu/mark.h"

#define OUT_OF UINT32_C(1000000000)
// Preamble, frame check sequence and gap count against the rate of the bottleneck, as on a wire.
#define WIRE_OVERHEAD 24

// --- what is on the way, as a heap

static bool earlier(const struct channel_frame *a, const struct channel_frame *b)
{
	return a->at.ns != b->at.ns ? a->at.ns < b->at.ns : a->serial < b->serial;
}

static void heap_push(struct channel *c, struct channel_frame *frame)
{
	uint32_t i = c->heap_n++;

	while (i > 0 && earlier(frame, c->heap[(i - 1) / 2])) {
		c->heap[i] = c->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	c->heap[i] = frame;
}

static struct channel_frame *heap_pop(struct channel *c)
{
	struct channel_frame *first = c->heap[0];
	struct channel_frame *last = c->heap[--c->heap_n];
	uint32_t i = 0;

	for (;;) {
		uint32_t child = 2 * i + 1;

		if (child >= c->heap_n)
			break;
		if (child + 1 < c->heap_n && earlier(c->heap[child + 1], c->heap[child]))
			child++;
		if (!earlier(c->heap[child], last))
			break;
		c->heap[i] = c->heap[child];
		i = child;
	}
	c->heap[i] = last;
	return first;
}

// --- what befalls a frame

static bool chance(struct rng *rng, uint32_t probability)
{
	return rng_below(rng, OUT_OF) < probability;
}

// As many throws for each frame, whatever the settings: which frame is lost depends on the seed
// alone.
struct fate {
	bool lost;
	bool twice;
	bool held;
	uint64_t jitter;
};

static struct fate decide(struct channel *c)
{
	const struct channel_config *config = &c->config;
	struct fate fate;

	if (chance(&c->rng, c->in_burst ? config->burst_out : config->burst_in))
		c->in_burst = !c->in_burst;
	fate.lost = chance(&c->rng, config->loss) || c->in_burst;
	fate.twice = chance(&c->rng, config->duplicate);
	fate.held = chance(&c->rng, config->reorder);
	fate.jitter = rng_u64(&c->rng) % (config->jitter + 1);
	return fate;
}

// When the bottleneck is through with it; false when there is no room to wait in.
static bool pass_bottleneck(struct channel *c, uint32_t len, struct mono now, struct mono *out)
{
	uint64_t rate = c->config.rate;
	uint64_t waiting;

	*out = now;
	if (rate == 0)
		return true;
	waiting = mono_since(c->free_at, now) * rate / 8 / NS_PER_SEC;
	if (waiting + len > c->config.queue) {
		c->counts.queue_full++;
		return false;
	}
	if (mono_before(c->free_at, now))
		c->free_at = now;
	c->free_at = mono_add(c->free_at, (len + WIRE_OVERHEAD) * 8 * NS_PER_SEC / rate);
	*out = c->free_at;
	return true;
}

static void depart_at(struct channel *c, struct channel_frame *frame, struct mono at, bool held)
{
	if (held) {
		c->counts.reordered++;
		at = mono_add(at, c->config.reorder_by);
	} else {
		if (mono_before(at, c->last_at))
			at = c->last_at;
		c->last_at = at;
	}
	frame->at = at;
	frame->serial = c->serial++;
	heap_push(c, frame);
}

static struct channel_frame *copy_of(struct channel *c, const struct channel_frame *frame)
{
	struct channel_frame *copy;

	if (channel_room(c, &copy, 1) == 0) {
		c->counts.no_room++;
		return NULL;
	}
	memcpy(copy->bytes, frame->bytes, frame->len);
	copy->len = frame->len;
	return copy;
}

void channel_put(struct channel *c, struct channel_frame *frame, struct mono now)
{
	struct fate fate = decide(c);
	struct channel_frame *copy;
	struct mono at;

	c->counts.in++;
	if (!pass_bottleneck(c, frame->len, now, &at)) {
		channel_give_back(c, frame);
		return;
	}
	if (fate.lost) {
		c->counts.lost++;
		channel_give_back(c, frame);
		return;
	}
	if (chance(&c->rng_mark, c->config.mark))
		c->counts.marked += mark_congestion(frame->bytes, frame->len);
	at = mono_add(at, c->config.delay + fate.jitter);
	depart_at(c, frame, at, fate.held);
	if (fate.twice && (copy = copy_of(c, frame)) != NULL) {
		c->counts.duplicated++;
		depart_at(c, copy, at, false);
	}
}

struct channel_frame *channel_get(struct channel *c, struct mono now)
{
	struct channel_frame *frame;
	uint64_t late;

	if (c->heap_n == 0 || mono_before(now, c->heap[0]->at))
		return NULL;
	frame = heap_pop(c);
	late = mono_since(now, frame->at);
	if (late > c->counts.late)
		c->counts.late = late;
	c->counts.out++;
	return frame;
}

struct mono channel_next(const struct channel *c)
{
	return c->heap_n > 0 ? c->heap[0]->at : MONO_NEVER;
}

// --- frames

uint32_t channel_room(struct channel *c, struct channel_frame **frames, uint32_t n)
{
	if (n > c->free_n)
		n = c->free_n;
	c->free_n -= n;
	memcpy(frames, c->free + c->free_n, n * sizeof(frames[0]));
	return n;
}

void channel_give_back(struct channel *c, struct channel_frame *frame)
{
	c->free[c->free_n++] = frame;
}

void channel_set(struct channel *c, const struct channel_config *config, uint64_t seed)
{
	c->config = *config;
	c->counts = (struct channel_counts){0};
	c->in_burst = false;
	rng_seed(&c->rng, seed);
	rng_seed(&c->rng_mark, ~seed);
}

struct channel *channel_new(void)
{
	struct channel *c = calloc(1, sizeof(*c));

	for (uint32_t i = 0; c && i < CHANNEL_FRAMES; i++)
		c->free[c->free_n++] = &c->frame[CHANNEL_FRAMES - 1 - i];
	return c;
}
