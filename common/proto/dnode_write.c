#include <string.h>

#include "common/proto/dnode.h"

enum { NUMBER_MAX = 20 };

static char *put_bytes(char *to, struct slice bytes)
{
	memcpy(to, bytes.ptr, bytes.len);
	return to + bytes.len;
}

static char *put_number(char *to, uint64_t value)
{
	char digits[NUMBER_MAX];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	return put_bytes(to, slice_make(digits + at, sizeof(digits) - at));
}

static bool data_is_fit(struct slice data)
{
	return data.len <= DNODE_DATA_MAX && !memchr(data.ptr, '\r', data.len) &&
		!memchr(data.ptr, '\n', data.len);
}

size_t dnode_put_header(char *out, size_t cap, const struct dnode_header *header)
{
	struct slice data = header->data.len > 0 ? header->data : SLICE_LIT("d");
	char text[DNODE_HEADER_MAX];
	char *to = text;
	size_t len;

	if (!data_is_fit(data) || header->plen > DNODE_PLEN_MAX)
		return 0;
	to = put_number(put_bytes(to, SLICE_LIT("   $2014$ ")), header->id);
	to = put_number(put_bytes(to, SLICE_LIT(" ")), header->type);
	to = put_number(put_bytes(to, SLICE_LIT(" ")), header->flags);
	to = put_number(put_bytes(to, SLICE_LIT(" ")), DNODE_VERSION);
	to = put_number(put_bytes(to, SLICE_LIT(" ")), header->same_dc);
	to = put_number(put_bytes(to, SLICE_LIT(" *")), data.len);
	to = put_bytes(put_bytes(to, SLICE_LIT(" ")), data);
	to = put_number(put_bytes(to, SLICE_LIT(" *")), header->plen);
	to = put_bytes(to, SLICE_LIT("\r\n"));
	len = (size_t)(to - text);
	if (len > cap)
		return 0;
	memcpy(out, text, len);
	return len;
}
