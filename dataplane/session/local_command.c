// COMMAND: the table of commands, as clients ask for it when they connect.
#include "common/proto/resp_cmd_info.h"
#include "dataplane/session/local.h"

// Of one request; longer ones are refused, not cut.
#define GETKEYS_ARGS_MAX 1024

typedef void put_row(struct resp_writer *w, const struct resp_cmd *row);

static void put_table(struct local *l, put_row *put)
{
	for (enum resp_cmd_id id = 0; id < CMD_COUNT; id++) {
		const struct resp_cmd *row = resp_cmd_row(id);

		if (resp_cmd_is_sub(row))
			continue;
		put(&l->w, row);
		local_flush(l);
	}
}

void local_command(struct local *l)
{
	resp_put_array(&l->w, resp_cmd_count());
	put_table(l, resp_cmd_put_info);
}

void local_command_count(struct local *l)
{
	resp_put_integer(&l->w, resp_cmd_count());
}

void local_command_info(struct local *l)
{
	struct slice name;

	if (l->argc == 0) {
		local_command(l);
		return;
	}
	resp_put_array(&l->w, l->argc);
	while (args_next(&l->args, &name)) {
		resp_cmd_put_info(&l->w, resp_cmd_lookup_full(name));
		local_flush(l);
	}
}

void local_command_docs(struct local *l)
{
	struct args again = l->args;
	struct slice name;
	uint64_t found = 0;

	if (l->argc == 0) {
		resp_put_array(&l->w, 2ull * resp_cmd_count());
		put_table(l, resp_cmd_put_docs);
		return;
	}
	while (args_next(&again, &name))
		found += resp_cmd_lookup_full(name) != NULL;
	resp_put_array(&l->w, 2 * found);
	while (args_next(&l->args, &name)) {
		const struct resp_cmd *row = resp_cmd_lookup_full(name);

		if (row)
			resp_cmd_put_docs(&l->w, row);
		local_flush(l);
	}
}

void local_command_getkeys(struct local *l)
{
	struct slice args[GETKEYS_ARGS_MAX];
	uint32_t n = 0;

	if (l->argc > GETKEYS_ARGS_MAX) {
		resp_put_raw(&l->w, request_error_text(REQUEST_ERROR_TOO_BIG));
		return;
	}
	while (n < GETKEYS_ARGS_MAX && args_next(&l->args, &args[n]))
		n++;
	resp_cmd_put_getkeys(&l->w, args, n);
}

static bool in_category(const struct resp_cmd *row, struct slice category)
{
	if (slice_eq_nocase(category, SLICE_LIT("write")))
		return row->access == RESP_CMD_WRITE;
	if (slice_eq_nocase(category, SLICE_LIT("read")))
		return row->access == RESP_CMD_READ;
	return slice_eq_nocase(category, resp_cmd_group_name(row->group));
}

enum filter {
	FILTER_NONE,
	FILTER_MODULE,
	FILTER_CATEGORY,
	FILTER_PATTERN,
	FILTER_BAD,
};

static enum filter read_filter(struct local *l, struct slice *value)
{
	struct slice word;

	if (l->argc == 0)
		return FILTER_NONE;
	if (l->argc != 3 || !args_next(&l->args, &word) ||
		!slice_eq_nocase(word, SLICE_LIT("filterby")) || !args_next(&l->args, &word) ||
		!args_next(&l->args, value))
		return FILTER_BAD;
	if (slice_eq_nocase(word, SLICE_LIT("module")))
		return FILTER_MODULE;
	if (slice_eq_nocase(word, SLICE_LIT("aclcat")))
		return FILTER_CATEGORY;
	return slice_eq_nocase(word, SLICE_LIT("pattern")) ? FILTER_PATTERN : FILTER_BAD;
}

static bool passes(const struct resp_cmd *row, enum filter filter, struct slice value)
{
	switch (filter) {
	case FILTER_NONE:
		return true;
	case FILTER_CATEGORY:
		return in_category(row, value);
	case FILTER_PATTERN:
		return local_match(value, row->name);
	case FILTER_MODULE:
	case FILTER_BAD:
		break;
	}
	return false;
}

void local_command_list(struct local *l)
{
	struct slice value = {0};
	enum filter filter = read_filter(l, &value);
	uint64_t n = 0;

	if (filter == FILTER_BAD) {
		local_syntax_error(l);
		return;
	}
	for (enum resp_cmd_id id = 0; id < CMD_COUNT; id++)
		n += passes(resp_cmd_row(id), filter, value);
	resp_put_array(&l->w, n);
	for (enum resp_cmd_id id = 0; id < CMD_COUNT; id++)
		if (passes(resp_cmd_row(id), filter, value))
			resp_put_bulk(&l->w, resp_cmd_row(id)->name);
}
