#include "common/stats/trace.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/stats/conn_info.h"
#include "common/stats/stats.h"

enum kind {
	NONE,
	NUMBER,
	STATE,
	REASON,
	ERROR,
	SEQ,
};

struct row {
	const char *name;
	const char *a;
	const char *b;
	enum kind a_kind;
	enum kind b_kind;
};

static const struct row rows[TRACE_N] = {
#define TRACE(id, a, a_kind, b, b_kind, help) [TRACE_##id] = {#id, a, b, a_kind, b_kind},
#include "common/stats/trace.def"
#undef TRACE
};

int trace_ring_init(struct trace_ring *ring)
{
	size_t size = TRACE_RECS * sizeof(struct trace_rec);

	*ring = (struct trace_ring){.rec = aligned_alloc(CACHE_LINE, size)};
	return ring->rec != NULL ? 0 : -ENOMEM;
}

void trace_ring_fini(struct trace_ring *ring)
{
	free(ring->rec);
	*ring = (struct trace_ring){0};
}

uint32_t trace_read(const struct trace_ring *ring, uint64_t from, uint32_t max,
	struct trace_rec *out, uint64_t *first)
{
	uint64_t oldest = ring->end > TRACE_RECS ? ring->end - TRACE_RECS : 0;
	uint32_t n = 0;

	if (from < oldest)
		from = oldest;
	if (from > ring->end)
		from = ring->end;
	*first = from;
	for (; n < max && from + n < ring->end; n++)
		out[n] = ring->rec[(from + n) & (TRACE_RECS - 1)];
	return n;
}

static const char *named(enum kind kind, uint32_t value)
{
	if (kind == STATE)
		return value < CONN_STATE_N ? conn_state_names[value] : "?";
	if (kind == REASON)
		return value < DROP_N ? drop_rows[value].name : "?";
	return value <= INT32_MAX ? strerrorname_np((int)value) : NULL;
}

// Appends " name=value".
static size_t show(char *text, size_t len, const char *name, enum kind kind, uint32_t value)
{
	size_t room = TRACE_TEXT_MAX - len;
	const char *word = NULL;
	int n;

	if (kind == NONE)
		return len;
	if (kind != NUMBER && kind != SEQ)
		word = named(kind, value);
	if (word != NULL)
		n = snprintf(text + len, room, " %s=%s", name, word);
	else if (kind == SEQ)
		n = snprintf(text + len, room, " %s=0x%08" PRIx32, name, value);
	else
		n = snprintf(text + len, room, " %s=%" PRIu32, name, value);
	return n > 0 && (size_t)n < room ? len + (size_t)n : len;
}

size_t trace_text(const struct trace_rec *rec, char text[TRACE_TEXT_MAX])
{
	const struct row *row = rec->event < TRACE_N ? &rows[rec->event] : NULL;
	size_t len;

	if (row == NULL)
		return (size_t)snprintf(text, TRACE_TEXT_MAX, "EVENT_%u a=%" PRIu32 " b=%" PRIu32,
			rec->event, rec->a, rec->b);
	len = (size_t)snprintf(text, TRACE_TEXT_MAX, "%s", row->name);
	len = show(text, len, row->a, row->a_kind, rec->a);
	return show(text, len, row->b, row->b_kind, rec->b);
}
