#include "common/proto/resp_split.h"

#include <errno.h>

enum {
	NO_PART = UINT16_MAX,
	HEAD_MAX = 64 + RESP_CMD_NAME_MAX, // "*n\r\n$n\r\nname\r\n"
};

// Arguments of one key, with its value.
static uint32_t step_of(const struct resp_cmd *row)
{
	return (uint32_t)row->keys.step;
}

uint32_t resp_split_keys(const struct resp_cmd *row, uint32_t argc)
{
	if (row->merge == RESP_CMD_MERGE_NONE || row->keys.kind != RESP_CMD_KEYS_RANGE ||
		row->keys.first != 1 || row->keys.last != -1 || argc < 2 ||
		(argc - 1) % step_of(row) != 0)
		return 0;
	return (argc - 1) / step_of(row);
}

int resp_split_plan(struct resp_split *s, uint16_t *part_of_owner, uint16_t owner_n)
{
	s->part_n = 0;
	for (uint16_t i = 0; i < owner_n; i++)
		part_of_owner[i] = NO_PART;
	for (uint32_t i = 0; i < s->key_n; i++) {
		uint16_t owner = s->part_of_key[i];
		uint16_t *part;

		if (owner >= owner_n)
			return -EINVAL;
		part = &part_of_owner[owner];
		if (*part == NO_PART) {
			*part = s->part_n++;
			s->parts[*part] = (struct resp_split_part){.owner = owner};
		}
		s->parts[*part].key_n++;
		s->part_of_key[i] = *part;
	}
	return 0;
}

static int write_head(const struct resp_split *s, uint32_t part, const struct resp_split_sink *sink)
{
	const struct resp_cmd *row = s->row;
	char buf[HEAD_MAX];
	struct resp_writer w = resp_writer_make(buf, sizeof(buf));

	resp_put_array(&w, 1 + (uint64_t)s->parts[part].key_n * step_of(row));
	resp_put_bulk(&w, row->name);
	return sink->copy(sink->ctx, part, slice_make(buf, w.len));
}

// Moves *at to the first key; false when the request is not the one that was planned.
static bool skip_head(const struct resp_split *s, const struct resp_source *request, uint64_t *at)
{
	int64_t argc;
	char type;

	return resp_source_head(request, 0, at, &type, &argc) && type == '*' &&
		argc == 1 + (int64_t)s->key_n * step_of(s->row) && resp_source_skip(request, 0, at);
}

// Neighbouring keys of one part are one range.
static int write_keys(const struct resp_split *s, const struct resp_source *request, uint64_t at,
	const struct resp_split_sink *sink)
{
	struct resp_range range = {.at = at};
	int rc;

	for (uint32_t i = 0; i < s->key_n; i++) {
		if (s->part_of_key[i] != range.part && at > range.at) {
			range.len = at - range.at;
			rc = sink->refer(sink->ctx, range);
			if (rc < 0)
				return rc;
			range.at = at;
		}
		range.part = s->part_of_key[i];
		for (uint32_t arg = 0; arg < step_of(s->row); arg++)
			if (!resp_source_skip(request, 0, &at))
				return -EINVAL;
	}
	range.len = at - range.at;
	return range.len > 0 ? sink->refer(sink->ctx, range) : 0;
}

int resp_split_write(const struct resp_split *s, const struct resp_source *request,
	const struct resp_split_sink *sink)
{
	uint64_t at = 0;

	if (!skip_head(s, request, &at))
		return -EINVAL;
	for (uint32_t part = 0; part < s->part_n; part++) {
		int rc = write_head(s, part, sink);

		if (rc < 0)
			return rc;
	}
	return write_keys(s, request, at, sink);
}
