// From the first arguments of a request to its row, or to the words that say why there is none.
#include "common/proto/resp_cmd.h"

#include <string.h>

enum resp_cmd_verdict resp_cmd_resolve(
	const struct slice *args, uint32_t argc, const struct resp_cmd **row)
{
	const struct resp_cmd *found = resp_cmd_lookup(args[0]);

	*row = found;
	if (!found)
		return RESP_CMD_UNKNOWN;
	if (argc > 1 && resp_cmd_is_container(found)) {
		found = resp_cmd_lookup_sub(found, args[1]);
		if (!found)
			return RESP_CMD_UNKNOWN_SUB;
		*row = found;
	}
	return resp_cmd_check_arity(found, argc) ? RESP_CMD_OK : RESP_CMD_BAD_ARITY;
}

// Redis formats arguments as C strings, which end at a NUL.
static int quote_len(struct slice s, size_t max)
{
	return (int)strnlen(s.ptr, s.len < max ? s.len : max);
}

static void put_unknown(struct resp_writer *w, const struct slice *args, uint32_t args_n)
{
	char text[RESP_CMD_REFUSAL_MAX];
	struct resp_writer quoted = resp_writer_make(text, sizeof(text));

	for (uint32_t i = 1; i < args_n && quoted.len < RESP_CMD_QUOTE_MAX; i++) {
		size_t n = (size_t)quote_len(args[i], RESP_CMD_QUOTE_MAX - quoted.len);

		resp_put_raw(&quoted, SLICE_LIT("'"));
		resp_put_raw(&quoted, slice_make(args[i].ptr, n));
		resp_put_raw(&quoted, SLICE_LIT("' "));
	}
	resp_put_errorf(w, "ERR unknown command '%.*s', with args beginning with: %.*s",
		quote_len(args[0], RESP_CMD_QUOTE_MAX), args[0].ptr, (int)quoted.len, text);
}

static void put_unknown_sub(
	struct resp_writer *w, const struct resp_cmd *container, struct slice sub)
{
	char name[RESP_CMD_NAME_MAX + 1];

	resp_cmd_upper_name(container, name);
	resp_put_errorf(w, "ERR unknown subcommand '%.*s'. Try %s HELP.",
		quote_len(sub, RESP_CMD_QUOTE_MAX), sub.ptr, name);
}

void resp_cmd_put_refusal(struct resp_writer *w, enum resp_cmd_verdict verdict,
	const struct resp_cmd *row, const struct slice *args, uint32_t args_n)
{
	switch (verdict) {
	case RESP_CMD_OK:
		break;
	case RESP_CMD_UNKNOWN:
		put_unknown(w, args, args_n);
		break;
	case RESP_CMD_UNKNOWN_SUB:
		put_unknown_sub(w, row, args[1]);
		break;
	case RESP_CMD_BAD_ARITY:
		resp_put_errorf(w, "ERR wrong number of arguments for '%.*s' command",
			SLICE_ARG(row->name));
		break;
	}
}

bool resp_cmd_is_http(struct slice name)
{
	return slice_eq_nocase(name, SLICE_LIT("post")) ||
		slice_eq_nocase(name, SLICE_LIT("host:"));
}
