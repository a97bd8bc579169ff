#include "common/conf/conf_size.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/base/compiler.h"

static const struct {
	struct slice name;
	unsigned shift;
} suffixes[] = {
	{SLICE_LIT("TB"), 40},
	{SLICE_LIT("GB"), 30},
	{SLICE_LIT("MB"), 20},
	{SLICE_LIT("KB"), 10},
	{SLICE_LIT("B"), 0},
};

bool conf_size_parse(struct slice text, uint64_t unit, uint64_t *bytes)
{
	uint64_t scale = unit;
	uint64_t n;
	size_t digits = 0;
	struct slice suffix;

	while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9')
		digits++;
	suffix = slice_make(text.ptr + digits, text.len - digits);
	if (suffix.len > 0) {
		scale = 0;
		for (size_t i = 0; i < ARRAY_LEN(suffixes); i++)
			if (slice_eq_nocase(suffix, suffixes[i].name))
				scale = UINT64_C(1) << suffixes[i].shift;
	}
	if (scale == 0 || !slice_to_u64(slice_make(text.ptr, digits), &n) || n > UINT64_MAX / scale)
		return false;
	*bytes = n * scale;
	return true;
}

const char *conf_size_format(uint64_t bytes, uint64_t plain_unit, char buf[CONF_SIZE_TEXT_MAX])
{
	for (size_t i = 0; i < ARRAY_LEN(suffixes) && suffixes[i].shift >= 20; i++) {
		uint64_t unit = UINT64_C(1) << suffixes[i].shift;

		if (bytes != 0 && bytes % unit == 0) {
			snprintf(buf, CONF_SIZE_TEXT_MAX, "%" PRIu64 "%.*s", bytes / unit,
				SLICE_ARG(suffixes[i].name));
			return buf;
		}
	}
	snprintf(buf, CONF_SIZE_TEXT_MAX, "%" PRIu64 "%s", bytes, plain_unit == 1 ? "" : "B");
	return buf;
}
