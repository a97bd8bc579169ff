#include <string.h>

#include "common/conf/conf_row.h"
#include "common/conf/conf_value.h"

static bool is_same(const struct conf *a, const struct conf *b, const struct conf_row *row)
{
	uint32_t n = conf_value_count(row, conf_member(a, row));
	char text_a[CONF_VALUE_TEXT_MAX];
	char text_b[CONF_VALUE_TEXT_MAX];

	if (conf_value_count(row, conf_member(b, row)) != n)
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (strcmp(conf_value_text(row, conf_member(a, row), i, text_a),
			    conf_value_text(row, conf_member(b, row), i, text_b)) != 0)
			return false;
	return true;
}

void conf_changes(const struct conf *old, const struct conf *now,
	void (*each)(void *ctx, const char *section, const char *key), void *ctx)
{
	for (size_t i = 0; i < CONF_KEY_N; i++) {
		const struct conf_row *row = &conf_rows[i];

		if ((row->flags & (CONF_DEPRECATED | CONF_INERT | CONF_LATER | CONF_LIVE)) == 0 &&
			!is_same(old, now, row))
			each(ctx,
				row->section == CONF_SECTION_pool
					? now->pool_name
					: conf_section_names[row->section],
				row->name);
	}
}
