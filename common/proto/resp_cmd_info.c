#include "common/proto/resp_cmd_info.h"

#include <assert.h>
#include <stdio.h>

enum { HELP_LINE_MAX = 192 };

#define CMD(id, name, arity, access, keys, route, merge, compare, group, summary) \
	static_assert(sizeof(summary) < HELP_LINE_MAX / 2, "too long for HELP: " name);
#include "common/proto/resp_cmd.def"
#undef CMD

uint32_t resp_cmd_count(void)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < CMD_COUNT; i++)
		n += !resp_cmd_is_sub(resp_cmd_row(i));
	return n;
}

struct slice resp_cmd_group_name(enum resp_cmd_group group)
{
	static const char *const names[] = {
#define GROUP(id, name, title) [RESP_CMD_GROUP_##id] = name,
#include "common/proto/resp_group.def"
#undef GROUP
	};

	return slice_str(names[group]);
}

// The server's COMMAND gives zeros where the first argument that matters is not at a fixed place.
static struct resp_cmd_key_spec reported_keys(const struct resp_cmd *row)
{
	switch (row->keys.kind) {
	case RESP_CMD_KEYS_NONE:
	case RESP_CMD_KEYS_NUMKEYS:
		break;
	case RESP_CMD_KEYS_RANGE:
	case RESP_CMD_KEYS_RANGE_STORE:
		return row->keys;
	case RESP_CMD_KEYS_DEST_NUMKEYS:
		return (struct resp_cmd_key_spec){
			.first = row->keys.first, .last = row->keys.first, .step = 1};
	}
	return (struct resp_cmd_key_spec){0};
}

static bool keys_move(const struct resp_cmd *row)
{
	return row->keys.kind != RESP_CMD_KEYS_NONE && row->keys.kind != RESP_CMD_KEYS_RANGE;
}

static void put_flags(struct resp_writer *w, const struct resp_cmd *row)
{
	bool has_access = row->access != RESP_CMD_NEITHER;

	resp_put_array(w, (uint64_t)has_access + keys_move(row));
	if (has_access)
		resp_put_simple(w,
			row->access == RESP_CMD_WRITE ? SLICE_LIT("write") : SLICE_LIT("readonly"));
	if (keys_move(row))
		resp_put_simple(w, SLICE_LIT("movablekeys"));
}

static void put_categories(struct resp_writer *w, const struct resp_cmd *row)
{
	resp_put_array(w, row->access != RESP_CMD_NEITHER);
	if (row->access != RESP_CMD_NEITHER)
		resp_put_simple(w,
			row->access == RESP_CMD_WRITE ? SLICE_LIT("@write") : SLICE_LIT("@read"));
}

// All but the subcommands.
static void put_info_fields(struct resp_writer *w, const struct resp_cmd *row)
{
	struct resp_cmd_key_spec keys = reported_keys(row);

	resp_put_array(w, 10);
	resp_put_bulk(w, row->name);
	resp_put_integer(w, row->arity);
	put_flags(w, row);
	resp_put_integer(w, keys.first);
	resp_put_integer(w, keys.last);
	resp_put_integer(w, keys.step);
	put_categories(w, row);
	resp_put_array(w, 0);
	resp_put_array(w, 0);
}

void resp_cmd_put_info(struct resp_writer *w, const struct resp_cmd *row)
{
	uint32_t subs;

	if (!row) {
		resp_put_null(w);
		return;
	}
	subs = resp_cmd_sub_count(row);
	put_info_fields(w, row);
	resp_put_array(w, subs);
	for (uint32_t i = 1; i <= subs; i++) {
		put_info_fields(w, row + i);
		resp_put_array(w, 0);
	}
}

static void put_docs_fields(struct resp_writer *w, const struct resp_cmd *row, uint32_t subs)
{
	resp_put_bulk(w, row->name);
	resp_put_array(w, subs > 0 ? 6 : 4);
	resp_put_bulk(w, SLICE_LIT("summary"));
	resp_put_bulk(w, row->summary);
	resp_put_bulk(w, SLICE_LIT("group"));
	resp_put_bulk(w, resp_cmd_group_name(row->group));
}

void resp_cmd_put_docs(struct resp_writer *w, const struct resp_cmd *row)
{
	uint32_t subs = resp_cmd_sub_count(row);

	put_docs_fields(w, row, subs);
	if (subs == 0)
		return;
	resp_put_bulk(w, SLICE_LIT("subcommands"));
	resp_put_array(w, (uint64_t)subs * 2);
	for (uint32_t i = 1; i <= subs; i++)
		put_docs_fields(w, row + i, 0);
}

void resp_cmd_put_help(struct resp_writer *w, const struct resp_cmd *container)
{
	uint32_t subs = resp_cmd_sub_count(container);
	char name[RESP_CMD_NAME_MAX + 1];
	char line[HELP_LINE_MAX];
	int n;

	resp_cmd_upper_name(container, name);
	n = snprintf(line, sizeof(line),
		"%s <subcommand> [<arg> [value] [opt] ...]. Subcommands are:", name);
	resp_put_array(w, (uint64_t)subs * 2 + 1);
	resp_put_simple(w, slice_make(line, (size_t)n));
	for (uint32_t i = 1; i <= subs; i++) {
		resp_cmd_upper_name(container + i, name);
		resp_put_simple(w, slice_str(name));
		n = snprintf(line, sizeof(line), "    %.*s", SLICE_ARG((container + i)->summary));
		resp_put_simple(w, slice_make(line, (size_t)n));
	}
}

static void put_keys(struct resp_writer *w, const struct resp_cmd *row,
	const struct resp_cmd_keys *keys, const struct slice *args)
{
	bool extra_first = row->keys.kind == RESP_CMD_KEYS_DEST_NUMKEYS;
	uint32_t run = (keys->last - keys->first) / keys->step + 1;

	resp_put_array(w, (uint64_t)run + (keys->extra > 0));
	if (keys->extra > 0 && extra_first)
		resp_put_bulk(w, args[keys->extra]);
	for (uint32_t i = keys->first; i <= keys->last; i += keys->step)
		resp_put_bulk(w, args[i]);
	if (keys->extra > 0 && !extra_first)
		resp_put_bulk(w, args[keys->extra]);
}

void resp_cmd_put_getkeys(struct resp_writer *w, const struct slice *args, uint32_t args_n)
{
	const struct resp_cmd *row;
	enum resp_cmd_verdict verdict = resp_cmd_resolve(args, args_n, &row);
	struct resp_cmd_keys keys;

	if (verdict == RESP_CMD_UNKNOWN || verdict == RESP_CMD_UNKNOWN_SUB)
		resp_put_error(w, SLICE_LIT("ERR Invalid command specified"));
	else if (row->keys.kind == RESP_CMD_KEYS_NONE)
		resp_put_error(w, SLICE_LIT("ERR The command has no key arguments"));
	else if (verdict == RESP_CMD_BAD_ARITY)
		resp_put_error(
			w, SLICE_LIT("ERR Invalid number of arguments specified for command"));
	else if (resp_cmd_keys(row, args_n, args, args_n, &keys) < 0)
		resp_put_error(w, SLICE_LIT("ERR Invalid arguments specified for command"));
	else
		put_keys(w, row, &keys, args);
}
