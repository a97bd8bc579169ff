// Which arguments of a request are keys.
#include "common/proto/resp_cmd.h"

#include <errno.h>

#include "common/proto/resp_line.h"

static int keys_range(
	const struct resp_cmd_key_spec *spec, uint32_t argc, struct resp_cmd_keys *out)
{
	int64_t last = spec->last < 0 ? (int64_t)argc + spec->last : spec->last;

	if (last < spec->first || last >= (int64_t)argc)
		return -EINVAL;
	out->first = (uint32_t)spec->first;
	out->step = (uint32_t)spec->step;
	out->last = (uint32_t)last;
	out->last -= (out->last - out->first) % out->step;
	return 0;
}

// Argument `at` says how many keys follow it.
static int keys_counted(uint32_t at, uint32_t argc, const struct slice *args, uint32_t args_n,
	struct resp_cmd_keys *out)
{
	int64_t count;

	if (at >= argc)
		return -EINVAL;
	if (at >= args_n)
		return -ENODATA;
	if (!resp_number(args[at], &count) || count <= 0 || count > (int64_t)argc - 1 - at)
		return -EINVAL;
	out->first = at + 1;
	out->last = at + (uint32_t)count;
	out->step = 1;
	return 0;
}

// How many values follow an option of SORT; a value may well read "store".
static uint32_t option_values(struct slice option)
{
	if (slice_eq_nocase(option, SLICE_LIT("limit")))
		return 2;
	return slice_eq_nocase(option, SLICE_LIT("by")) ||
		slice_eq_nocase(option, SLICE_LIT("get"));
}

// The options begin where the least number of arguments ends. The last STORE counts.
static int find_store(const struct resp_cmd *row, uint32_t argc, const struct slice *args,
	uint32_t args_n, struct resp_cmd_keys *out)
{
	for (uint32_t i = (uint32_t)-row->arity; i + 1 < argc; i++) {
		if (i >= args_n)
			return -ENODATA;
		if (slice_eq_nocase(args[i], SLICE_LIT("store")) ||
			slice_eq_nocase(args[i], SLICE_LIT("storedist")))
			out->extra = ++i;
		else
			i += option_values(args[i]);
	}
	return 0;
}

int resp_cmd_keys(const struct resp_cmd *row, uint32_t argc, const struct slice *args,
	uint32_t args_n, struct resp_cmd_keys *out)
{
	const struct resp_cmd_key_spec *spec = &row->keys;
	uint32_t first = (uint32_t)spec->first;
	int rc;

	*out = (struct resp_cmd_keys){0};
	switch (spec->kind) {
	case RESP_CMD_KEYS_NONE:
		return 0;
	case RESP_CMD_KEYS_RANGE:
		return keys_range(spec, argc, out);
	case RESP_CMD_KEYS_NUMKEYS:
		return keys_counted(first, argc, args, args_n, out);
	case RESP_CMD_KEYS_DEST_NUMKEYS:
		out->extra = first;
		return keys_counted(first + 1, argc, args, args_n, out);
	case RESP_CMD_KEYS_RANGE_STORE:
		rc = keys_range(spec, argc, out);
		return rc == 0 ? find_store(row, argc, args, args_n, out) : rc;
	}
	return -EINVAL;
}
