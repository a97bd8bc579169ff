#include "common/conf/conf_fill.h"

#include <stdlib.h>
#include <string.h>

#include "common/conf/conf_arena.h"
#include "common/conf/conf_near.h"
#include "common/conf/conf_row.h"
#include "common/conf/conf_utf8.h"
#include "common/conf/conf_value.h"
#include "common/conf/conf_yaml.h"

#define NAME_SHOWN_MAX 60
#define VALUE_SHOWN_MAX 100

struct filler {
	struct conf *conf;
	struct conf_report *report;
	uint32_t section_line[CONF_SECTION_N]; // 0: not seen
	enum conf_section section;
	bool skip;                  // the section is not known: its keys are not looked at
	const struct conf_row *row; // of the current key; NULL: not known
	uint32_t row_line;          // of that key
	uint32_t values;            // of that key
};

// A name or value in a message: short, and on one line.
static const char *shown(struct slice text, size_t max, char *buf)
{
	size_t len = text.len <= max ? text.len : max;

	if (!utf8_printable(text))
		return "(text that can't be shown)";
	while (len < text.len && len > 0 && ((unsigned char)text.ptr[len] & 0xc0) == 0x80)
		len--;
	snprintf(buf, max + 4, "%.*s%s", (int)len, text.ptr, len < text.len ? "..." : "");
	return buf;
}

static const char *key_name(const struct filler *l)
{
	return l->row->name;
}

// --- sections

// The section that a name stands for. Whatever is not one of ours is the original's; unless it
// looks like a slip of the finger.
static enum conf_section section_of(const char *name)
{
	for (enum conf_section s = CONF_SECTION_dataplane; s < CONF_SECTION_N; s++)
		if (strcmp(name, conf_section_names[s]) == 0)
			return s;
	return CONF_SECTION_pool;
}

static const char *section_meant(const char *name)
{
	for (enum conf_section s = CONF_SECTION_dataplane; s < CONF_SECTION_N; s++)
		if (conf_is_near(name, conf_section_names[s]))
			return conf_section_names[s];
	return NULL;
}

static void take_section(struct filler *l, const struct conf_yaml_event *e)
{
	char buf[NAME_SHOWN_MAX + 4];
	const char *name = shown(e->text, NAME_SHOWN_MAX, buf);
	enum conf_section s = section_of(name);
	const char *meant = s == CONF_SECTION_pool ? section_meant(name) : NULL;

	l->skip = true;
	if (meant != NULL) {
		conf_report_add(l->report, CONF_ERROR, e->line, name,
			"unknown section; did you mean \"%s\"?", meant);
	} else if (l->section_line[s] != 0 && s == CONF_SECTION_pool) {
		conf_report_add(l->report, CONF_ERROR, e->line, name,
			"a section too many: beside dataplane and controlplane there is one, "
			"here \"%s\" in line %u",
			l->conf->pool_name, l->section_line[s]);
	} else if (l->section_line[s] != 0) {
		conf_report_add(l->report, CONF_ERROR, e->line, name,
			"the section stands in line %u already", l->section_line[s]);
	} else if (name != buf || e->text.len == 0) {
		conf_report_add(l->report, CONF_ERROR, e->line, NULL,
			"the name of a section must be printable text");
	} else {
		l->section_line[s] = e->line;
		l->section = s;
		l->skip = false;
		if (s == CONF_SECTION_pool)
			l->conf->pool_name = conf_arena_copy(l->conf->arena, e->text);
	}
}

// --- keys

static const struct conf_row *nearest_row(enum conf_section section, const char *name)
{
	const struct conf_row *best = NULL;

	for (size_t i = 0; i < CONF_KEY_N; i++) {
		const struct conf_row *row = &conf_rows[i];

		if (row->section == section && conf_is_near(name, row->name) &&
			(best == NULL ||
				conf_distance(name, row->name) < conf_distance(name, best->name)))
			best = row;
	}
	return best;
}

static void refuse_key(struct filler *l, const char *name, uint32_t line)
{
	const struct conf_row *near = nearest_row(l->section, name);

	for (enum conf_section s = 0; s < CONF_SECTION_N && near == NULL; s++) {
		if (conf_row_find(s, name) != NULL) {
			conf_report_add(l->report, CONF_ERROR, line, name,
				"belongs into the section %s", conf_section_names[s]);
			return;
		}
	}
	if (near != NULL)
		conf_report_add(l->report, CONF_ERROR, line, name, "unknown key; did you mean %s?",
			near->name);
	else
		conf_report_add(l->report, CONF_ERROR, line, name,
			"unknown key of the section %s; --print-reference lists all",
			conf_section_names[l->section]);
}

static void take_key(struct filler *l, const struct conf_yaml_event *e)
{
	char buf[NAME_SHOWN_MAX + 4];
	const char *name = shown(e->text, NAME_SHOWN_MAX, buf);
	uint32_t *line;

	l->row = conf_row_find(l->section, name);
	l->row_line = e->line;
	l->values = 0;
	if (l->row == NULL) {
		refuse_key(l, name, e->line);
		return;
	}
	line = &l->conf->line[conf_row_key(l->row)];
	if (*line != 0) {
		conf_report_add(l->report, CONF_ERROR, e->line, name,
			"stands in line %u already; must be there once", *line);
		l->row = NULL;
		return;
	}
	*line = e->line;
	if (l->row->flags & CONF_DEPRECATED)
		conf_report_add(l->report, CONF_WARNING, e->line, name,
			"is deprecated and ignored. %s", l->row->help);
}

// --- values

static bool is_zero_for_default(const struct conf_row *row, struct slice text)
{
	uint64_t n;

	return (row->flags & CONF_ZERO) != 0 && slice_to_u64(text, &n) && n == 0;
}

// NULL, or what is allowed.
static const char *set_value(struct filler *l, struct slice text, uint32_t line)
{
	struct conf_value value = {
		.arena = l->conf->arena,
		.row = l->row,
		.member = (char *)l->conf + l->row->offset,
		.line = line,
	};

	if (text.len > CONF_VALUE_MAX)
		return "at most 4095 bytes";
	if (!utf8_printable(text))
		return "text without control characters";
	if (is_zero_for_default(l->row, text))
		text = slice_str(l->row->standard);
	value.text = conf_arena_copy(l->conf->arena, text);
	return conf_value_parse(&value);
}

static void take_value(struct filler *l, const struct conf_yaml_event *e)
{
	char buf[VALUE_SHOWN_MAX + 4];
	char allowed[CONF_ALLOWED_MAX];
	const char *why;

	if (l->row == NULL)
		return;
	l->values++;
	if (e->text.len == 0) {
		conf_report_add(l->report, CONF_ERROR, e->line, key_name(l),
			"has no value; must be %s", conf_row_allowed(l->row, allowed));
		return;
	}
	if (l->values == 2 && !conf_row_is_list(l->row) && l->row->type != CONF_TYPE_GONE) {
		conf_report_add(l->report, CONF_ERROR, e->line, key_name(l),
			"is a list; must be one value: %s", conf_row_allowed(l->row, allowed));
		return;
	}
	why = set_value(l, e->text, e->line);
	if (why != NULL)
		conf_report_add(l->report, CONF_ERROR, e->line, key_name(l),
			"value \"%s\": must be %s", shown(e->text, VALUE_SHOWN_MAX, buf),
			why[0] != '\0' ? why : conf_row_allowed(l->row, allowed));
}

static void take_key_end(struct filler *l, const struct conf_yaml_event *e)
{
	char allowed[CONF_ALLOWED_MAX];

	// An empty list says "none" for a list, nothing for a plain key.
	if (l->row != NULL && l->values == 0 && !e->refused && !conf_row_is_list(l->row))
		conf_report_add(l->report, CONF_ERROR, l->row_line, key_name(l),
			"has no value; must be %s", conf_row_allowed(l->row, allowed));
}

static void take_event(void *ctx, const struct conf_yaml_event *e)
{
	struct filler *l = ctx;

	if (e->kind == CONF_YAML_SECTION)
		take_section(l, e);
	else if (l->skip)
		return;
	else if (e->kind == CONF_YAML_KEY)
		take_key(l, e);
	else if (e->kind == CONF_YAML_VALUE)
		take_value(l, e);
	else
		take_key_end(l, e);
}

// --- the whole

// Defaults are texts like those of a file, so that there is one way in.
static void set_defaults(struct filler *l)
{
	for (size_t i = 0; i < CONF_KEY_N; i++) {
		l->row = &conf_rows[i];
		if (l->row->standard != NULL &&
			set_value(l, slice_str(l->row->standard), 0) != NULL)
			abort(); // a row of conf.def contradicts itself: the unit test says which
	}
	l->row = NULL;
}

static void check_required(struct filler *l)
{
	char allowed[CONF_ALLOWED_MAX];

	if (l->section_line[CONF_SECTION_pool] == 0) {
		conf_report_add(l->report, CONF_ERROR, 0, NULL,
			"has no section with the node's settings: add \"dyn_o_mite:\" and, "
			"indented "
			"below it, at least listen and servers");
		return;
	}
	for (size_t i = 0; i < CONF_KEY_N; i++)
		if ((conf_rows[i].flags & CONF_REQUIRED) != 0 && l->conf->line[i] == 0)
			conf_report_add(l->report, CONF_ERROR, 0, conf_rows[i].name,
				"is missing; must be %s", conf_row_allowed(&conf_rows[i], allowed));
}

bool conf_fill(struct conf *conf, struct slice text, struct conf_report *report)
{
	struct filler l = {.conf = conf, .report = report};

	set_defaults(&l);
	if (!conf_yaml_read(text, take_event, &l, report))
		return false;
	check_required(&l);
	return true;
}

bool conf_set_unset(
	struct conf *conf, enum conf_key key, const char *text, struct conf_report *report)
{
	struct filler l = {.conf = conf, .report = report, .row = &conf_rows[key]};
	char allowed[CONF_ALLOWED_MAX];
	struct conf kept = *conf;
	const char *why = set_value(&l, slice_str(text), 0);

	if (conf->line[key] != 0)
		*conf = kept;
	if (why == NULL)
		return true;
	conf_report_add(report, CONF_ERROR, 0, key_name(&l), "value \"%s\": must be %s", text,
		why[0] != '\0' ? why : conf_row_allowed(l.row, allowed));
	return false;
}
