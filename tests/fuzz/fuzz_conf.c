// A configuration file: whatever it holds, it is either refused with a reason, or gives a conf that
// prints as a file which reads back and prints as the same.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/conf/conf.h"

#define CHECK(ok)                                                        \
	do {                                                             \
		if (!(ok)) {                                             \
			fprintf(stderr, "line %d: %s\n", __LINE__, #ok); \
			abort();                                         \
		}                                                        \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *print(const struct conf *conf)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	CHECK(out != NULL);
	conf_print(conf, out);
	fclose(out);
	return text;
}

// What a message says is one line of text that a terminal can show.
static void check_report(const struct conf_report *report)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	CHECK(out != NULL);
	conf_report_print(report, out);
	fclose(out);
	for (uint32_t i = 0; i < report->n; i++) {
		CHECK(report->message[i].text[0] != '\0');
		CHECK(strpbrk(report->message[i].text, "\n\r\x1b") == NULL);
		CHECK(strpbrk(report->message[i].key, "\n\r\x1b") == NULL);
	}
	free(text);
}

static struct conf *load(const void *bytes, size_t len, enum conf_role role)
{
	struct conf_report report;
	struct conf *conf;

	conf_report_init(&report);
	conf = conf_load_bytes("fuzz.yml", bytes, len, role, &report);
	CHECK((conf == NULL) == (report.errors > 0));
	check_report(&report);
	conf_report_free(&report);
	return conf;
}

static void check_round_trip(const struct conf *first)
{
	char *text = print(first);
	struct conf *second = load(text, strlen(text), CONF_ROLE_ANY);
	char *again;

	CHECK(second != NULL);
	again = print(second);
	CHECK(strcmp(text, again) == 0);
	free(text);
	free(again);
	conf_free(second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf *conf = load(data, size, CONF_ROLE_ANY);

	if (conf != NULL)
		check_round_trip(conf);
	conf_free(conf);
	conf_free(load(data, size, CONF_ROLE_DATAPLANE));
	return 0;
}
