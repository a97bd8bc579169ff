#include "common/conf/conf_utf8.h"

static size_t sequence_len(unsigned char lead)
{
	if (lead < 0x80)
		return 1;
	if (lead >= 0xc2 && lead <= 0xdf)
		return 2;
	if (lead >= 0xe0 && lead <= 0xef)
		return 3;
	if (lead >= 0xf0 && lead <= 0xf4)
		return 4;
	return 0;
}

size_t utf8_next(struct slice s, uint32_t *code)
{
	static const unsigned char lead_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned char lead = (unsigned char)s.ptr[0];
	size_t len = sequence_len(lead);
	uint32_t c;

	if (len == 0 || len > s.len)
		return 0;
	c = lead & lead_bits[len];
	for (size_t i = 1; i < len; i++) {
		unsigned char b = (unsigned char)s.ptr[i];

		if ((b & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (b & 0x3f);
	}
	if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*code = c;
	return len;
}

static bool code_printable(uint32_t c)
{
	if (c < 0x20 || (c >= 0x7f && c < 0xa0))
		return false;
	return c != 0x2028 && c != 0x2029 && c != 0xfeff && c != 0xfffe && c != 0xffff;
}

bool utf8_printable(struct slice s)
{
	for (size_t at = 0; at < s.len;) {
		uint32_t code;
		size_t len = utf8_next(slice_make(s.ptr + at, s.len - at), &code);

		if (len == 0 || !code_printable(code))
			return false;
		at += len;
	}
	return true;
}
