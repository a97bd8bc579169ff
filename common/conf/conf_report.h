// What is wrong with a file, all of it: messages in the order in which they were found, at most
// CONF_REPORT_MAX; what is beyond is counted. The report owns its texts.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/base/compiler.h"

#define CONF_REPORT_MAX 100
#define CONF_REPORT_TEXT_MAX 512

enum conf_severity {
	CONF_WARNING,
	CONF_ERROR,
};

struct conf_message {
	enum conf_severity severity;
	uint32_t line; // 0: the file as a whole
	char key[64];  // "": no key
	char text[CONF_REPORT_TEXT_MAX];
};

struct conf_report {
	const char *file; // set by conf_load; the caller's string
	struct conf_message *message;
	uint32_t n;
	uint32_t errors; // all of them, kept or not
	uint32_t dropped;
};

void conf_report_init(struct conf_report *report);
void conf_report_free(struct conf_report *report);

// `key` may be NULL.
void conf_report_add(struct conf_report *report, enum conf_severity severity, uint32_t line,
	const char *key, const char *fmt, ...) PRINTF_LIKE(5, 6);

// By line; what is about the file as a whole comes last.
void conf_report_sort(struct conf_report *report);

// One line each, `file:line: key: text`; warnings say so.
void conf_report_print(const struct conf_report *report, FILE *out);
