#include "common/cluster/token.h"

#include <errno.h>

#define TEN_DIGITS UINT64_C(9999999999)

bool token_parse(struct slice text, uint32_t *token)
{
	uint64_t n;

	if (!slice_to_u64(text, &n) || n > TEN_DIGITS)
		return false;
	*token = (uint32_t)n;
	return true;
}

static struct slice trim(struct slice s)
{
	while (s.len > 0 && s.ptr[0] == ' ')
		s = slice_make(s.ptr + 1, s.len - 1);
	while (s.len > 0 && s.ptr[s.len - 1] == ' ')
		s.len--;
	return s;
}

int token_list_parse(struct slice text, uint32_t *tokens, uint32_t max)
{
	const char *at = text.ptr;
	const char *end = at + text.len;
	const char *comma;
	uint32_t n = 0;

	do {
		uint32_t token;

		comma = at < end ? memchr(at, ',', (size_t)(end - at)) : NULL;
		if (!token_parse(
			    trim(slice_make(at, (size_t)((comma ? comma : end) - at))), &token))
			return -EINVAL;
		if (n == max)
			return -E2BIG;
		tokens[n++] = token;
		at = comma != NULL ? comma + 1 : end;
	} while (comma != NULL);
	return (int)n;
}
