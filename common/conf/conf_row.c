#include "common/conf/conf_row.h"

#include <inttypes.h>
#include <string.h>

#include "common/base/compiler.h"
#include "common/conf/conf_size.h"

const struct conf_type_row conf_types[CONF_TYPE_N] = {
#define TYPE(id, ctype, is_list, text) [CONF_TYPE_##id] = {text, is_list},
#include "common/conf/conf_type.def"
#undef TYPE
};

const char *const conf_section_names[CONF_SECTION_N] = {
	[CONF_SECTION_pool] = CONF_POOL_NAME,
	[CONF_SECTION_dataplane] = "dataplane",
	[CONF_SECTION_controlplane] = "controlplane",
};

#define CONF_CHOICE_NAME(set, id, text, ...) text,
#define CONF_CHOICE_SET(set, list) \
	const char *const conf_##set##_names[] = {list(CONF_CHOICE_NAME) NULL};
CONF_CHOICES(CONF_CHOICE_SET)

// The words that conf.def uses.
#define REQUIRED CONF_REQUIRED
#define ZERO CONF_ZERO
#define INERT CONF_INERT
#define DEPRECATED CONF_DEPRECATED
#define LATER CONF_LATER
#define LIVE CONF_LIVE
#define NONE .len = 0
#define RANGE(lo, hi) .min = (lo), .max = (hi)
#define SIZES(lo, hi, step, bytes) .min = (lo), .max = (hi), .multiple = (step), .unit = (bytes)
#define ONE_OF(set) .choices = conf_##set##_names
#define ITEMS(most) .items = (most)
#define LEN(most) .len = (most)

const struct conf_row conf_rows[CONF_KEY_N] = {
#define KEY(section_, name_, type_, flags_, standard_, example_, limits_, help_) \
	[CONF_##section_##_##name_] = {                                          \
		.name = #name_,                                                  \
		.standard = standard_,                                           \
		.example = example_,                                             \
		.help = help_,                                                   \
		.limits = {limits_},                                             \
		.offset = offsetof(struct conf, section_.name_),                 \
		.section = CONF_SECTION_##section_,                              \
		.type = CONF_TYPE_##type_,                                       \
		.flags = flags_,                                                 \
	},
#include "common/conf/conf.def"
#undef KEY
};

const struct conf_row *conf_row_find(enum conf_section section, const char *name)
{
	for (size_t i = 0; i < CONF_KEY_N; i++)
		if (conf_rows[i].section == section && strcmp(conf_rows[i].name, name) == 0)
			return &conf_rows[i];
	return NULL;
}

static void allowed_choices(const char *const *choices, char buf[CONF_ALLOWED_MAX])
{
	size_t at = 0;

	for (size_t i = 0; choices[i] != NULL; i++) {
		const char *join = i == 0 ? "" : choices[i + 1] != NULL ? ", " : " or ";

		at += (size_t)snprintf(buf + at, CONF_ALLOWED_MAX - at, "%s%s", join, choices[i]);
		if (at >= CONF_ALLOWED_MAX)
			return;
	}
}

static void allowed_size(const struct conf_limits *l, char buf[CONF_ALLOWED_MAX])
{
	char lo[CONF_SIZE_TEXT_MAX];
	char hi[CONF_SIZE_TEXT_MAX];
	char step[48] = "";

	if (l->multiple > 1)
		snprintf(step, sizeof(step), ", a multiple of %" PRIu64, l->multiple);
	snprintf(buf, CONF_ALLOWED_MAX, "%s to %s%s; B, KB, MB and GB may follow%s",
		conf_size_format(l->min, 1, lo), conf_size_format(l->max, 1, hi), step,
		l->unit > 1 ? ", a plain number counts MB" : "");
}

// Where the default is 0 there is nothing to explain.
static bool zero_is_special(const struct conf_row *row)
{
	return (row->flags & CONF_ZERO) != 0 && strcmp(row->standard, "0") != 0;
}

const char *conf_row_allowed(const struct conf_row *row, char buf[CONF_ALLOWED_MAX])
{
	const struct conf_limits *l = &row->limits;
	const char *text = conf_types[row->type].text;

	if (l->choices != NULL)
		allowed_choices(l->choices, buf);
	else if (row->type == CONF_TYPE_SIZE)
		allowed_size(l, buf);
	else if (l->max != 0)
		snprintf(buf, CONF_ALLOWED_MAX, "%s from %" PRIu64 " to %" PRIu64 "%s", text,
			l->min, l->max, zero_is_special(row) ? "; 0 stands for the default" : "");
	else if (l->len != 0)
		snprintf(buf, CONF_ALLOWED_MAX, "%s of 1 to %u bytes", text, l->len);
	else
		snprintf(buf, CONF_ALLOWED_MAX, "%s", text);
	return buf;
}
