#include "common/conf/conf_report.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void conf_report_init(struct conf_report *report)
{
	*report = (struct conf_report){.file = ""};
}

void conf_report_free(struct conf_report *report)
{
	free(report->message);
	conf_report_init(report);
}

static struct conf_message *report_room(struct conf_report *report)
{
	if (report->n == CONF_REPORT_MAX)
		return NULL;
	if (report->message == NULL)
		report->message = calloc(CONF_REPORT_MAX, sizeof(*report->message));
	return report->message != NULL ? &report->message[report->n] : NULL;
}

void conf_report_add(struct conf_report *report, enum conf_severity severity, uint32_t line,
	const char *key, const char *fmt, ...)
{
	struct conf_message *m = report_room(report);
	va_list ap;

	if (severity == CONF_ERROR)
		report->errors++;
	if (m == NULL) {
		report->dropped++;
		return;
	}
	report->n++;
	m->severity = severity;
	m->line = line;
	if (key != NULL)
		snprintf(m->key, sizeof(m->key), "%s", key);
	va_start(ap, fmt);
	vsnprintf(m->text, sizeof(m->text), fmt, ap);
	va_end(ap);
}

static bool comes_after(const struct conf_message *a, const struct conf_message *b)
{
	return a->line - 1 > b->line - 1; // line 0 wraps to the end
}

// Insertion keeps the order of messages about one line.
void conf_report_sort(struct conf_report *report)
{
	struct conf_message *m = report->message;

	for (uint32_t i = 1; i < report->n; i++) {
		struct conf_message moved = m[i];
		uint32_t to = i;

		for (; to > 0 && comes_after(&m[to - 1], &moved); to--)
			m[to] = m[to - 1];
		m[to] = moved;
	}
}

static void message_print(const struct conf_report *report, const struct conf_message *m, FILE *out)
{
	fputs(report->file, out);
	if (m->line != 0)
		fprintf(out, ":%u", m->line);
	fprintf(out, ": %s%s%s%s\n", m->severity == CONF_WARNING ? "warning: " : "", m->key,
		m->key[0] != '\0' ? ": " : "", m->text);
}

void conf_report_print(const struct conf_report *report, FILE *out)
{
	for (uint32_t i = 0; i < report->n; i++)
		message_print(report, &report->message[i], out);
	if (report->dropped > 0)
		fprintf(out, "%s: and %u more\n", report->file, report->dropped);
}
