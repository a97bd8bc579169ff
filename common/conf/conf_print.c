#include <string.h>

#include "common/conf/conf_row.h"
#include "common/conf/conf_value.h"

// Types whose texts are plain words and numbers; all else is quoted.
static bool is_plain(enum conf_type type)
{
	return type == CONF_TYPE_BOOL || type == CONF_TYPE_UINT || type == CONF_TYPE_MS ||
		type == CONF_TYPE_SIZE || type == CONF_TYPE_CHOICE || type == CONF_TYPE_TOKENS ||
		type == CONF_TYPE_CORES;
}

// In single quotes nothing but the quote itself is special.
static void print_text(const struct conf_row *row, const char *text, FILE *out)
{
	if (is_plain(row->type)) {
		fputs(text, out);
		return;
	}
	fputc('\'', out);
	for (; *text != '\0'; text++) {
		if (*text == '\'')
			fputc('\'', out);
		fputc(*text, out);
	}
	fputc('\'', out);
}

static void print_row(const struct conf *conf, const struct conf_row *row, FILE *out)
{
	const void *member = conf_member(conf, row);
	uint32_t n = conf_value_count(row, member);
	char text[CONF_VALUE_TEXT_MAX];

	if (n == 0) {
		fprintf(out, "  # %s: unset\n", row->name);
		return;
	}
	fprintf(out, "  %s:", row->name);
	for (uint32_t i = 0; i < n; i++) {
		fputs(conf_row_is_list(row) ? "\n    - " : " ", out);
		print_text(row, conf_value_text(row, member, i, text), out);
	}
	fputc('\n', out);
}

static void print_section_name(const struct conf *conf, enum conf_section section, FILE *out)
{
	const char *name =
		section == CONF_SECTION_pool ? conf->pool_name : conf_section_names[section];

	fputs(section == CONF_SECTION_pool ? "'" : "", out);
	for (; *name != '\0'; name++) {
		if (*name == '\'')
			fputc('\'', out);
		fputc(*name, out);
	}
	fputs(section == CONF_SECTION_pool ? "':\n" : ":\n", out);
}

void conf_print(const struct conf *conf, FILE *out)
{
	enum conf_section section = CONF_SECTION_N;

	for (size_t i = 0; i < CONF_KEY_N; i++) {
		const struct conf_row *row = &conf_rows[i];

		// What does nothing is no setting in effect.
		if (row->flags & (CONF_DEPRECATED | CONF_INERT))
			continue;
		if (row->section != section) {
			section = row->section;
			print_section_name(conf, section, out);
		}
		print_row(conf, row, out);
	}
}
