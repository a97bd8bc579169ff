#include "common/proto/resp_merge.h"

static struct resp_writer head_writer(struct resp_merge *m)
{
	return resp_writer_make(m->head, sizeof(m->head));
}

static void fail(struct resp_merge *m, struct slice text)
{
	struct resp_writer w = head_writer(m);

	resp_put_error(&w, text);
	m->head_len = (uint32_t)w.len;
	m->is_error = true;
}

static void fail_malformed(struct resp_merge *m)
{
	fail(m,
		SLICE_LIT(
			"ERR Dynomite: An answer to a part of the request is not as it should be"));
}

// The first part that is an error, or part_n.
static uint32_t first_error(const struct resp_merge *m)
{
	uint32_t i = 0;

	while (i < m->part_n && !resp_source_has(&m->source, i, 0, SLICE_LIT("-")))
		i++;
	return i;
}

// A part is an integer and nothing else.
static bool take_integer(struct resp_merge *m, uint32_t part, int64_t *out)
{
	uint64_t at = 0;
	char type;

	return resp_source_head(&m->source, part, &at, &type, out) && type == ':' &&
		at == m->parts[part].len;
}

static int64_t add_bounded(int64_t a, int64_t b)
{
	int64_t sum;

	if (__builtin_add_overflow(a, b, &sum))
		return b > 0 ? INT64_MAX : INT64_MIN;
	return sum;
}

static void merge_sum(struct resp_merge *m)
{
	struct resp_writer w = head_writer(m);
	int64_t sum = 0;

	for (uint32_t i = 0; i < m->part_n; i++) {
		int64_t n;

		if (!take_integer(m, i, &n)) {
			fail_malformed(m);
			return;
		}
		sum = add_bounded(sum, n);
	}
	resp_put_integer(&w, sum);
	m->head_len = (uint32_t)w.len;
}

static void merge_ok(struct resp_merge *m)
{
	static const struct slice ok = SLICE_LIT("+OK\r\n");
	struct resp_writer w = head_writer(m);

	for (uint32_t i = 0; i < m->part_n; i++)
		if (m->parts[i].len != ok.len || !resp_source_has(&m->source, i, 0, ok)) {
			fail_malformed(m);
			return;
		}
	resp_put_raw(&w, ok);
	m->head_len = (uint32_t)w.len;
}

// Steps over the first line of each part's array; true when there is an element for each key.
static bool take_array_heads(struct resp_merge *m)
{
	uint64_t elements = 0;

	for (uint32_t i = 0; i < m->part_n; i++) {
		int64_t n;
		char type;

		if (!resp_source_head(&m->source, i, &m->parts[i].at, &type, &n) || type != '*' ||
			n < 1 || n > m->key_n)
			return false;
		m->parts[i].left = (uint32_t)n;
		elements += (uint64_t)n;
	}
	return elements == m->key_n;
}

// No part has more keys than elements; with as many of either in all, none has fewer.
static bool keys_fit(struct resp_merge *m)
{
	for (uint32_t i = 0; i < m->key_n; i++) {
		uint16_t part = m->part_of_key[i];

		if (part >= m->part_n || m->parts[part].left == 0)
			return false;
		m->parts[part].left--;
	}
	return true;
}

static void merge_order(struct resp_merge *m)
{
	struct resp_writer w = head_writer(m);

	if (!take_array_heads(m) || !keys_fit(m)) {
		fail_malformed(m);
		return;
	}
	resp_put_array(&w, m->key_n);
	m->head_len = (uint32_t)w.len;
}

void resp_merge_start(
	struct resp_merge *m, const struct resp_merge_plan *plan, struct resp_source source)
{
	uint32_t error;

	*m = (struct resp_merge){
		.merge = plan->merge,
		.source = source,
		.parts = plan->parts,
		.part_of_key = plan->part_of_key,
		.part_n = plan->part_n,
		.key_n = plan->key_n,
	};
	for (uint32_t i = 0; i < m->part_n; i++)
		m->parts[i].at = 0;
	error = first_error(m);
	if (error < m->part_n) {
		m->whole = (struct resp_range){.part = error, .len = m->parts[error].len};
		m->is_error = true;
		return;
	}
	switch (m->merge) {
	case RESP_CMD_MERGE_SUM:
		merge_sum(m);
		break;
	case RESP_CMD_MERGE_ORDER:
		merge_order(m);
		break;
	case RESP_CMD_MERGE_OK:
		merge_ok(m);
		break;
	case RESP_CMD_MERGE_NONE:
		fail_malformed(m);
		break;
	}
}

// Neighbouring elements of one part are one range.
static enum resp_merge_status next_elements(struct resp_merge *m, struct resp_range *out)
{
	uint16_t part = m->part_of_key[m->next_key];
	struct resp_merge_part *p = &m->parts[part];

	*out = (struct resp_range){.part = part, .at = p->at};
	for (int n = 0; n < RESP_MERGE_STEPS_MAX && m->next_key < m->key_n &&
		m->part_of_key[m->next_key] == part;
		n++, m->next_key++)
		if (!resp_source_skip(&m->source, part, &p->at) || p->at > p->len)
			return RESP_MERGE_BROKEN;
	out->len = p->at - out->at;
	return RESP_MERGE_RANGE;
}

enum resp_merge_status resp_merge_next(struct resp_merge *m, struct resp_range *out)
{
	if (m->is_error) {
		*out = m->whole;
		m->whole = (struct resp_range){0};
		return out->len > 0 ? RESP_MERGE_RANGE : RESP_MERGE_END;
	}
	if (m->merge != RESP_CMD_MERGE_ORDER || m->next_key == m->key_n)
		return RESP_MERGE_END;
	return next_elements(m, out);
}
