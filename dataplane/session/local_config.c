#include "dataplane/session/local.h"

static const struct setting {
	struct slice name;
	struct slice value;
} settings[] = {
#define SETTING(name, value) {{name, sizeof(name) - 1}, {value, sizeof(value) - 1}},
#include "dataplane/session/local_config.def"
#undef SETTING
};

static bool is_asked_for(struct args patterns, struct slice name)
{
	struct slice pattern;

	while (args_next(&patterns, &pattern))
		if (local_match(pattern, name))
			return true;
	return false;
}

void local_config_get(struct local *l)
{
	uint64_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(settings); i++)
		n += is_asked_for(l->args, settings[i].name);
	resp_put_array(&l->w, 2 * n);
	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		if (!is_asked_for(l->args, settings[i].name))
			continue;
		resp_put_bulk(&l->w, settings[i].name);
		resp_put_bulk(&l->w, settings[i].value);
	}
}
