#include "common/base/wheel.h"

#include <string.h>

#define SLOT_BITS 8
#define SLOT_MASK (WHEEL_SLOTS - 1)
#define REACH (UINT64_C(1) << (SLOT_BITS * WHEEL_LEVELS))

static uint64_t tick_at_or_after(struct mono t)
{
	return t.ns / WHEEL_TICK_NS + (t.ns % WHEEL_TICK_NS != 0);
}

void wheel_init(struct wheel *wheel, struct mono now)
{
	memset(wheel, 0, sizeof(*wheel));
	wheel->tick = now.ns / WHEEL_TICK_NS;
	for (int level = 0; level < WHEEL_LEVELS; level++)
		for (int slot = 0; slot < WHEEL_SLOTS; slot++)
			list_init(&wheel->slots[level][slot]);
}

void wheel_timer_init(struct wheel_timer *timer)
{
	list_init(&timer->link);
	timer->tick = 0;
}

// The lowest level whose span reaches the timer. A slot of level n spans 256^n ticks; the timer
// sinks a level when the hand of its level comes to its slot.
static void place(struct wheel *wheel, struct wheel_timer *timer)
{
	uint64_t distance = timer->tick - wheel->tick;
	unsigned level = 0;
	unsigned slot;

	while (level < WHEEL_LEVELS - 1 && distance >= UINT64_C(1) << (SLOT_BITS * (level + 1)))
		level++;
	slot = (unsigned)(timer->tick >> (SLOT_BITS * level)) & SLOT_MASK;
	list_push_back(&wheel->slots[level][slot], &timer->link);
	wheel->occupied[level][slot / 64] |= UINT64_C(1) << (slot % 64);
}

void wheel_arm(struct wheel *wheel, struct wheel_timer *timer, struct mono at)
{
	uint64_t tick = tick_at_or_after(at);

	if (wheel_armed(timer)) {
		if (timer->tick == tick)
			return;
		wheel_cancel(wheel, timer);
	}
	if (tick <= wheel->tick)
		tick = wheel->tick + 1;
	if (tick - wheel->tick >= REACH)
		tick = wheel->tick + REACH - 1;
	timer->tick = tick;
	place(wheel, timer);
	wheel->armed++;
}

void wheel_cancel(struct wheel *wheel, struct wheel_timer *timer)
{
	if (!wheel_armed(timer))
		return;
	// The bit in `occupied` stays until the hand passes: a stale bit costs one look.
	list_remove(&timer->link);
	wheel->armed--;
}

// Ticks from `wheel->tick` to the next slot of level 0 that may hold a timer, or to the next turn
// of the hand of level 1, whichever is first.
static uint64_t idle_ticks(const struct wheel *wheel)
{
	unsigned from = (unsigned)(wheel->tick + 1) & SLOT_MASK;
	uint64_t skipped = 0;

	while (from != 0) {
		uint64_t word = wheel->occupied[0][from / 64] >> (from % 64);

		if (word != 0)
			return skipped + (uint64_t)__builtin_ctzll(word);
		skipped += 64 - from % 64;
		from = (from / 64 + 1) * 64 & SLOT_MASK;
	}
	return skipped;
}

static void sink(struct wheel *wheel)
{
	for (unsigned level = 1; level < WHEEL_LEVELS; level++) {
		unsigned slot = (unsigned)(wheel->tick >> (SLOT_BITS * level)) & SLOT_MASK;
		struct list moved = LIST_SELF(moved);
		struct list *link;

		list_splice_back(&moved, &wheel->slots[level][slot]);
		wheel->occupied[level][slot / 64] &= ~(UINT64_C(1) << (slot % 64));
		while ((link = list_pop_front(&moved)) != NULL)
			place(wheel, list_entry(link, struct wheel_timer, link));
		if (slot != 0)
			return;
	}
}

unsigned wheel_advance(
	struct wheel *wheel, struct mono now, unsigned limit, wheel_fire *fire, void *ctx)
{
	uint64_t target = now.ns / WHEEL_TICK_NS;
	unsigned fired = 0;

	if (wheel->armed == 0 && target > wheel->tick) {
		// Nothing to find on the way. Stale bits are cleared by later passes.
		wheel->tick = target;
		return 0;
	}
	for (;;) {
		unsigned slot = (unsigned)wheel->tick & SLOT_MASK;
		struct list *head = &wheel->slots[0][slot];
		uint64_t idle;

		while (!list_empty(head)) {
			struct list *link;

			if (fired == limit)
				return fired;
			link = list_pop_front(head);
			wheel->armed--;
			fired++;
			fire(ctx, list_entry(link, struct wheel_timer, link));
		}
		wheel->occupied[0][slot / 64] &= ~(UINT64_C(1) << (slot % 64));
		if (wheel->tick >= target)
			return fired;
		idle = idle_ticks(wheel);
		if (idle >= target - wheel->tick) {
			wheel->tick = target;
			if ((wheel->tick & SLOT_MASK) == 0)
				sink(wheel);
			continue;
		}
		wheel->tick += idle + 1;
		if ((wheel->tick & SLOT_MASK) == 0)
			sink(wheel);
	}
}

struct mono wheel_next(const struct wheel *wheel)
{
	if (wheel->armed == 0)
		return MONO_NEVER;
	if (!list_empty(&wheel->slots[0][wheel->tick & SLOT_MASK]))
		return (struct mono){.ns = wheel->tick * WHEEL_TICK_NS};
	return (struct mono){.ns = (wheel->tick + idle_ticks(wheel) + 1) * WHEEL_TICK_NS};
}
