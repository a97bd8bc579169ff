#include "common/proto/dnode_ext.h"

#include <string.h>

enum { HEX_DIGITS = 16 };

struct field {
	char key;
	struct slice value;
};

static char *put_hex(char *to, char key, uint64_t value)
{
	int shift = 60;

	*to++ = ';';
	*to++ = key;
	*to++ = '=';
	while (shift > 0 && value >> shift == 0)
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		*to++ = "0123456789abcdef"[value >> shift & 15];
	return to;
}

size_t dnode_ext_put(char *out, size_t cap, const struct dnode_ext *ext)
{
	char text[DNODE_EXT_MAX];
	char *to = text;
	size_t len;

	*to++ = 'D';
	*to++ = '0' + DNODE_EXT_VERSION;
	to = put_hex(to, 'c', ext->caps);
	if (ext->has_stamp)
		to = put_hex(to, 't', ext->stamp);
	len = (size_t)(to - text);
	if (len > cap)
		return 0;
	memcpy(out, text, len);
	return len;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool get_hex(struct slice s, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;

	if (s.len == 0 || s.len > HEX_DIGITS || (s.ptr[0] == '0' && s.len > 1))
		return false;
	for (size_t i = 0; i < s.len; i++) {
		int digit = hex_digit(s.ptr[i]);

		if (digit < 0)
			return false;
		v = v << 4 | (uint64_t)digit;
	}
	*out = v;
	return v <= max;
}

static bool is_value_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		c == '.' || c == '-';
}

// Takes one field off the front; false when it is not shaped like one.
static bool field_take(struct slice *rest, struct field *field)
{
	const char *s = rest->ptr;
	size_t end = 3;

	if (rest->len < 4 || s[0] != ';' || s[1] < 'a' || s[1] > 'z' || s[2] != '=')
		return false;
	while (end < rest->len && is_value_char(s[end]))
		end++;
	*field = (struct field){.key = s[1], .value = slice_make(s + 3, end - 3)};
	*rest = slice_make(s + end, rest->len - end);
	return field->value.len > 0;
}

static bool field_store(const struct field *field, struct dnode_ext *ext)
{
	uint64_t caps;

	switch (field->key) {
	case 'c':
		if (!get_hex(field->value, UINT32_MAX, &caps))
			return false;
		ext->caps = (uint32_t)caps;
		return true;
	case 't':
		ext->has_stamp = true;
		return get_hex(field->value, UINT64_MAX, &ext->stamp);
	default:
		return true;
	}
}

// "D", and a number from 1 to 9.
static bool is_ours(struct slice data)
{
	return data.len >= 2 && data.ptr[0] == 'D' && data.ptr[1] >= '1' && data.ptr[1] <= '9';
}

enum dnode_ext_status dnode_ext_get(struct slice data, struct dnode_ext *ext)
{
	struct slice rest;
	uint32_t seen = 0;

	*ext = (struct dnode_ext){0};
	if (!is_ours(data))
		return DNODE_EXT_NONE;
	if (data.ptr[1] != '0' + DNODE_EXT_VERSION)
		return DNODE_EXT_OTHER;
	rest = slice_make(data.ptr + 2, data.len - 2);
	while (rest.len > 0) {
		struct field field;
		uint32_t bit;

		if (!field_take(&rest, &field))
			goto bad;
		bit = 1u << (field.key - 'a');
		if (seen & bit || !field_store(&field, ext))
			goto bad;
		seen |= bit;
	}
	return DNODE_EXT_FOUND;
bad:
	*ext = (struct dnode_ext){0};
	return DNODE_EXT_BAD;
}
