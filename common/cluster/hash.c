#include "common/cluster/hash.h"

#include <string.h>

#include "common/cluster/hash_family.h"

static uint32_t (*const functions[HASH_N])(struct slice) = {
#define HASH_FUNCTION(set, id, text, function) [HASH_##id] = (function),
	HASH_LIST(HASH_FUNCTION)
#undef HASH_FUNCTION
};

uint32_t hash_key(enum hash_kind kind, struct slice key)
{
	// Most clusters have this one: the branch is predicted, the table's call is not.
	if (kind == HASH_MURMUR)
		return hash_murmur(key);
	return functions[kind](key);
}

struct slice hash_tagged(struct slice key, const char tag[2])
{
	const char *end = key.ptr + key.len;
	const char *open;
	const char *close;

	if (tag[0] == '\0' || key.len == 0)
		return key;
	open = memchr(key.ptr, tag[0], key.len);
	if (open == NULL)
		return key;
	open++;
	close = memchr(open, tag[1], (size_t)(end - open));
	return close != NULL ? slice_make(open, (size_t)(close - open)) : key;
}
