#include <string.h>

#include "common/conf/conf_row.h"

#define REFERENCE_WIDTH 92
#define LATER_NOTE " Not in effect yet."

// Words of `text` in lines of comments, without the marks that Markdown would need.
static void print_wrapped(const char *text, FILE *out)
{
	size_t column = 0;

	while (*text != '\0') {
		size_t len = strcspn(text, " ");

		if (column == 0 || column + 1 + len > REFERENCE_WIDTH) {
			column = (size_t)fprintf(out, "%s  #", column == 0 ? "" : "\n") - 1;
		}
		fputc(' ', out);
		for (size_t i = 0; i < len; i++)
			if (text[i] != '`')
				fputc(text[i], out);
		column += 1 + len;
		text += len + strspn(text + len, " ");
	}
	fputc('\n', out);
}

// A scalar in quotes where YAML would otherwise see more in it.
static void print_sample(const struct conf_row *row, const char *value, FILE *out)
{
	bool quote = strpbrk(value, "{}[]#&*!|>'\"%@`,") != NULL || strstr(value, ": ") != NULL;

	if (conf_row_is_list(row))
		fprintf(out, quote ? "[\"%s\"]" : "[%s]", value);
	else
		fprintf(out, quote ? "\"%s\"" : "%s", value);
}

static const char *note(const struct conf_row *row)
{
	if ((row->flags & CONF_REQUIRED) != 0)
		return " Required.";
	return row->standard == NULL ? " Not set by default." : "";
}

static void reference_row(const struct conf_row *row, FILE *out)
{
	const char *sample = row->standard != NULL ? row->standard : row->example;
	char takes[CONF_ALLOWED_MAX + 100];
	bool active = row->standard != NULL || (row->flags & CONF_REQUIRED) != 0;
	char allowed[CONF_ALLOWED_MAX];

	fputc('\n', out);
	print_wrapped(row->help, out);
	snprintf(takes, sizeof(takes), "Takes %s.%s%s", conf_row_allowed(row, allowed), note(row),
		(row->flags & CONF_LATER) != 0 ? LATER_NOTE : "");
	print_wrapped(takes, out);
	fprintf(out, "  %s%s: ", active ? "" : "# ", row->name);
	print_sample(row, sample, out);
	fputc('\n', out);
}

// What old files may have, told in one place.
static void reference_old(FILE *out)
{
	fputs("\n# Read for the sake of old files, without effect:", out);
	for (size_t i = 0; i < CONF_KEY_N; i++)
		if (conf_rows[i].flags & (CONF_INERT | CONF_DEPRECATED))
			fprintf(out, "\n#   %-20s %s", conf_rows[i].name, conf_rows[i].help);
	fputc('\n', out);
}

void conf_reference(FILE *out)
{
	enum conf_section section = CONF_SECTION_N;

	fputs("# Every key, with its default. Generated from common/conf/conf.def by\n"
	      "# scripts/gen-reference: do not edit. To begin with, take conf/dynomite.yml.\n"
	      "#\n"
	      "# The section dyn_o_mite may have any name; it is the node's name in /info. Lists "
	      "may be\n"
	      "# written [a, b] or one item a line, each after \"- \".\n",
		out);
	for (size_t i = 0; i < CONF_KEY_N; i++) {
		const struct conf_row *row = &conf_rows[i];

		if (row->flags & (CONF_INERT | CONF_DEPRECATED))
			continue;
		if (row->section != section) {
			section = row->section;
			fprintf(out, "\n%s:", conf_section_names[section]);
		}
		reference_row(row, out);
	}
	reference_old(out);
}

// A bar would end the cell.
static void print_cell(const char *text, FILE *out)
{
	for (; *text != '\0'; text++) {
		if (*text == '|')
			fputc('\\', out);
		fputc(*text, out);
	}
}

static void markdown_row(const struct conf_row *row, FILE *out)
{
	char allowed[CONF_ALLOWED_MAX];

	fprintf(out, "| `%s` | ", row->name);
	if (row->standard != NULL)
		fprintf(out, "`%s`", row->standard);
	else
		fputs((row->flags & CONF_REQUIRED) != 0 ? "**required**" : "unset", out);
	fputs(" | ", out);
	print_cell(row->help, out);
	fputs(" Takes ", out);
	print_cell(conf_row_allowed(row, allowed), out);
	fprintf(out, ".%s |\n", (row->flags & CONF_LATER) != 0 ? LATER_NOTE : "");
}

static void markdown_section(enum conf_section section, const char *intro, FILE *out)
{
	fprintf(out, "\n## `%s`\n\n%s\n\n| key | default | meaning |\n|---|---|---|\n",
		conf_section_names[section], intro);
	for (size_t i = 0; i < CONF_KEY_N; i++)
		if (conf_rows[i].section == section &&
			(conf_rows[i].flags & (CONF_INERT | CONF_DEPRECATED)) == 0)
			markdown_row(&conf_rows[i], out);
}

// Which keys a running control plane takes over.
static void markdown_live(FILE *out)
{
	const char *join = "";

	fputs("\nOn SIGHUP the control plane reads the file again, as a whole or, when anything is "
	      "wrong\nin it, not at all. These keys take effect then, without a restart:\n",
		out);
	for (size_t i = 0; i < CONF_KEY_N; i++) {
		if ((conf_rows[i].flags & CONF_LIVE) == 0)
			continue;
		fprintf(out, "%s`%s`", join, conf_rows[i].name);
		join = ", ";
	}
	fputs(".\nWhen another one was changed, the log says so.\n", out);
}

static void markdown_old(FILE *out)
{
	fputs("\n## Keys of old files\n\nRead without effect; those marked are warned about.\n\n"
	      "| key | instead |\n|---|---|\n",
		out);
	for (size_t i = 0; i < CONF_KEY_N; i++)
		if (conf_rows[i].flags & (CONF_INERT | CONF_DEPRECATED))
			fprintf(out, "| `%s`%s | %s |\n", conf_rows[i].name,
				(conf_rows[i].flags & CONF_DEPRECATED) != 0 ? " (warned)" : "",
				conf_rows[i].help);
}

void conf_markdown(FILE *out)
{
	fputs("# Configuration\n\n"
	      "<!-- Generated from common/conf/conf.def by scripts/gen-reference: do not edit. "
	      "-->\n\n"
	      "Both programs read one YAML file, `-c FILE`, by default `" CONF_FILE_DEFAULT "`.\n"
	      "`-t` tests it, `--print-conf` shows every setting in effect. To begin with, copy\n"
	      "`conf/dynomite.yml`; `conf/reference.yml` has every key with its default.\n\n"
	      "The file has one section with the keys of the original, under any name, and two of "
	      "our\n"
	      "own. Lists may be written `[a, b]` or one item a line after `- `. Durations are "
	      "whole\n"
	      "milliseconds; sizes take `B`, `KB`, `MB`, `GB` or `TB`, in steps of 1024. Booleans "
	      "are\n"
	      "`true` and `false`. Where the original says that 0 stands for the default, it "
	      "does.\n\n"
	      "All mistakes are reported at once, as `file:line: key: value \"x\": must be ...`, "
	      "and the\n"
	      "program ends with exit code 1.\n",
		out);
	markdown_live(out);
	markdown_section(CONF_SECTION_pool,
		"The node, its place in the ring and its store. The section's name is the node's "
		"name in "
		"`/info`.",
		out);
	markdown_section(CONF_SECTION_dataplane, "The process that moves the bytes.", out);
	markdown_section(
		CONF_SECTION_controlplane, "The process that decides who is in the ring.", out);
	markdown_old(out);
}
