#include "dataplane/session/args.h"

// "*12\r\n" or "$12\r\n": the number, and what follows.
static uint64_t take_number(struct slice *rest)
{
	uint64_t v = 0;
	size_t i = 1;

	for (; i < rest->len && rest->ptr[i] != '\r'; i++)
		v = v * 10 + (uint64_t)(rest->ptr[i] - '0');
	i = i + 2 < rest->len ? i + 2 : rest->len;
	*rest = slice_make(rest->ptr + i, rest->len - i);
	return v;
}

struct args args_make(struct slice request)
{
	struct args args = {.rest = request};

	args.left = (uint32_t)take_number(&args.rest);
	return args;
}

bool args_next(struct args *args, struct slice *out)
{
	uint64_t len;

	if (args->left == 0 || args->rest.len == 0)
		return false;
	len = take_number(&args->rest);
	if (len > args->rest.len)
		return false;
	*out = slice_make(args->rest.ptr, len);
	len = len + 2 < args->rest.len ? len + 2 : args->rest.len;
	args->rest = slice_make(args->rest.ptr + len, args->rest.len - len);
	args->left--;
	return true;
}
