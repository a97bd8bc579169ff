#include "common/conf/conf_yaml.h"

#include <string.h>
#include <yaml.h>

#include "common/conf/conf_utf8.h"

// Beyond this nesting, which is refused anyway, reading stops.
#define YAML_DEPTH_MAX 16

enum yaml_place {
	PLACE_START,         // before the top mapping
	PLACE_TOP,           // a section's name, or the end
	PLACE_SECTION_VALUE, // the section's mapping
	PLACE_SECTION,       // a key, or the end of the section
	PLACE_KEY_VALUE,     // a value or a list
	PLACE_LIST,          // an item, or the end of the list
	PLACE_END,           // after the document
};

struct yaml_reader {
	yaml_parser_t parser;
	enum yaml_place place;
	unsigned skip; // depth inside of what is being skipped
	bool refused;  // a value of the current key was skipped
	bool stop;
	conf_yaml_fn *fn;
	void *ctx;
	struct slice bytes;
	struct conf_report *report;
	char name[64]; // of the current key or section, for messages
};

static uint32_t event_line(const yaml_event_t *e)
{
	return (uint32_t)e->start_mark.line + 1;
}

static struct slice event_text(const yaml_event_t *e)
{
	return slice_make(e->data.scalar.value, e->data.scalar.length);
}

static void emit(struct yaml_reader *r, enum conf_yaml_kind kind, const yaml_event_t *e)
{
	struct conf_yaml_event out = {.kind = kind, .line = event_line(e), .refused = r->refused};

	if (kind != CONF_YAML_KEY_END)
		out.text = event_text(e);
	r->fn(r->ctx, &out);
}

static void refuse(struct yaml_reader *r, const yaml_event_t *e, const char *what)
{
	conf_report_add(r->report, CONF_ERROR, event_line(e), r->name, "%s", what);
	r->refused = true;
}

static bool event_opens(const yaml_event_t *e)
{
	return e->type == YAML_MAPPING_START_EVENT || e->type == YAML_SEQUENCE_START_EVENT;
}

static bool event_closes(const yaml_event_t *e)
{
	return e->type == YAML_MAPPING_END_EVENT || e->type == YAML_SEQUENCE_END_EVENT;
}

static void set_name(struct yaml_reader *r, const yaml_event_t *e)
{
	struct slice text = event_text(e);

	if (!utf8_printable(text))
		text = SLICE_LIT("?");
	snprintf(r->name, sizeof(r->name), "%.*s", (int)(text.len < 60 ? text.len : 60), text.ptr);
}

// A value that has the wrong shape: reported once, and skipped with all that is inside of it.
static void skip_value(struct yaml_reader *r, const yaml_event_t *e, const char *what)
{
	refuse(r, e, what);
	if (event_opens(e))
		r->skip = 1;
}

static void at_start(struct yaml_reader *r, const yaml_event_t *e)
{
	if (e->type == YAML_MAPPING_START_EVENT) {
		r->place = PLACE_TOP;
		return;
	}
	r->stop = true;
	if (e->type == YAML_SCALAR_EVENT && e->data.scalar.length == 0)
		return; // nothing but comments
	conf_report_add(r->report, CONF_ERROR, event_line(e), NULL,
		"must begin with a section, such as \"dyn_o_mite:\", and indented keys below it");
}

// A name, of a section or a key. Only plain text can be one.
static bool take_name(struct yaml_reader *r, const yaml_event_t *e, enum conf_yaml_kind kind)
{
	if (e->type != YAML_SCALAR_EVENT) {
		conf_report_add(r->report, CONF_ERROR, event_line(e), NULL,
			"a name must be plain text, followed by a colon");
		r->stop = true;
		return false;
	}
	set_name(r, e);
	r->refused = false;
	emit(r, kind, e);
	return true;
}

static void at_top(struct yaml_reader *r, const yaml_event_t *e)
{
	if (e->type == YAML_MAPPING_END_EVENT)
		r->place = PLACE_END;
	else if (take_name(r, e, CONF_YAML_SECTION))
		r->place = PLACE_SECTION_VALUE;
}

static void at_section_value(struct yaml_reader *r, const yaml_event_t *e)
{
	bool empty = e->type == YAML_SCALAR_EVENT && e->data.scalar.length == 0;

	if (e->type == YAML_MAPPING_START_EVENT) {
		r->place = PLACE_SECTION;
		return;
	}
	r->place = PLACE_TOP;
	if (!empty) // a section without keys is as good as none
		skip_value(r, e, "is a section: its keys must stand below it, indented");
}

static void at_section(struct yaml_reader *r, const yaml_event_t *e)
{
	if (e->type == YAML_MAPPING_END_EVENT)
		r->place = PLACE_TOP;
	else if (take_name(r, e, CONF_YAML_KEY))
		r->place = PLACE_KEY_VALUE;
}

static void at_key_value(struct yaml_reader *r, const yaml_event_t *e)
{
	if (e->type == YAML_SEQUENCE_START_EVENT) {
		r->place = PLACE_LIST;
		return;
	}
	if (e->type == YAML_SCALAR_EVENT)
		emit(r, CONF_YAML_VALUE, e);
	else if (e->type != YAML_ALIAS_EVENT)
		skip_value(r, e, "must be a plain value or a list, not keys and values");
	r->place = PLACE_SECTION;
	emit(r, CONF_YAML_KEY_END, e);
}

static void at_list(struct yaml_reader *r, const yaml_event_t *e)
{
	if (e->type == YAML_SEQUENCE_END_EVENT) {
		r->place = PLACE_SECTION;
		emit(r, CONF_YAML_KEY_END, e);
	} else if (e->type == YAML_SCALAR_EVENT) {
		emit(r, CONF_YAML_VALUE, e);
	} else if (e->type != YAML_ALIAS_EVENT) {
		skip_value(r, e,
			"an item of the list must be a plain value; quote it if it has \": \" in "
			"it");
	}
}

// What YAML can do and a configuration does not need.
static void check_extras(struct yaml_reader *r, const yaml_event_t *e)
{
	const yaml_char_t *anchor = NULL;
	const yaml_char_t *tag = NULL;

	if (e->type == YAML_ALIAS_EVENT) {
		refuse(r, e, "aliases (*name) are not supported: write the value itself");
	} else if (e->type == YAML_SCALAR_EVENT) {
		anchor = e->data.scalar.anchor;
		tag = e->data.scalar.tag;
	} else if (e->type == YAML_SEQUENCE_START_EVENT) {
		anchor = e->data.sequence_start.anchor;
		tag = e->data.sequence_start.tag;
	} else if (e->type == YAML_MAPPING_START_EVENT) {
		anchor = e->data.mapping_start.anchor;
		tag = e->data.mapping_start.tag;
	}
	if (anchor != NULL)
		refuse(r, e,
			"anchors (&name) are not supported: write the value where it is needed");
	if (tag != NULL)
		refuse(r, e,
			"tags (!name) are not supported: quote a value that begins with \"!\"");
}

static void take_node(struct yaml_reader *r, const yaml_event_t *e)
{
	if (r->skip > 0) {
		if (event_opens(e) && ++r->skip > YAML_DEPTH_MAX)
			r->stop = true;
		else if (event_closes(e))
			r->skip--;
		return;
	}
	check_extras(r, e);
	switch (r->place) {
	case PLACE_START:
		at_start(r, e);
		break;
	case PLACE_TOP:
		at_top(r, e);
		break;
	case PLACE_SECTION_VALUE:
		at_section_value(r, e);
		break;
	case PLACE_SECTION:
		at_section(r, e);
		break;
	case PLACE_KEY_VALUE:
		at_key_value(r, e);
		break;
	case PLACE_LIST:
		at_list(r, e);
		break;
	case PLACE_END:
		break;
	}
}

static void take_event(struct yaml_reader *r, const yaml_event_t *e)
{
	if (e->type == YAML_STREAM_END_EVENT) {
		r->stop = true;
	} else if (e->type == YAML_DOCUMENT_START_EVENT && r->place != PLACE_START) {
		conf_report_add(r->report, CONF_ERROR, event_line(e), NULL,
			"a second document begins here: a configuration is one document");
		r->stop = true;
	} else if (event_opens(e) || event_closes(e) || e->type == YAML_SCALAR_EVENT ||
		e->type == YAML_ALIAS_EVENT) {
		take_node(r, e);
	}
}

// The line that an editor shows; libyaml counts from 0.
static void report_syntax(struct yaml_reader *r)
{
	const yaml_parser_t *p = &r->parser;
	size_t line = p->problem_mark.line;
	const char *start = r->bytes.ptr;
	const char *end = start + r->bytes.len;
	const char *nl;
	const char *hint = "";

	for (size_t i = 0; i < line; i++) {
		nl = memchr(start, '\n', (size_t)(end - start));
		if (nl == NULL)
			break;
		start = nl + 1;
	}
	nl = memchr(start, '\n', (size_t)(end - start));
	if (memchr(start, '\t', (size_t)((nl != NULL ? nl : end) - start)) != NULL)
		hint = "; indent with blanks, there is a tab in this line";
	conf_report_add(r->report, CONF_ERROR, (uint32_t)line + 1, NULL,
		"is not valid YAML: %s%s%s%s", p->context != NULL ? p->context : "",
		p->context != NULL ? ", " : "", p->problem != NULL ? p->problem : "unreadable",
		hint);
}

bool conf_yaml_read(struct slice bytes, conf_yaml_fn *fn, void *ctx, struct conf_report *report)
{
	struct yaml_reader r = {.fn = fn, .ctx = ctx, .bytes = bytes, .report = report};
	uint32_t before = report->errors;
	bool readable = true;
	yaml_event_t event;

	if (yaml_parser_initialize(&r.parser) == 0) {
		conf_report_add(report, CONF_ERROR, 0, NULL, "out of memory");
		return false;
	}
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)bytes.ptr, bytes.len);
	while (readable && !r.stop) {
		readable = yaml_parser_parse(&r.parser, &event) != 0;
		if (!readable)
			break;
		take_event(&r, &event);
		yaml_event_delete(&event);
	}
	if (!readable)
		report_syntax(&r);
	yaml_parser_delete(&r.parser);
	return readable && (r.place == PLACE_END || report->errors == before);
}
