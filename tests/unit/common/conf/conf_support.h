// What the tests of the configuration share. They run in the root of the project.
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/conf/conf.h"

// The least that is a configuration; more keys of the pool may follow.
#define POOL "dyn_o_mite:\n  listen: 0.0.0.0:8102\n  servers: [127.0.0.1:6379:1]\n"

// NULL when there is no such file. To be freed.
static inline char *slurp(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text;
	size_t n;

	if (f == NULL)
		return NULL;
	text = calloc(1, CONF_FILE_MAX + 1);
	assert_non_null(text);
	n = fread(text, 1, CONF_FILE_MAX, f);
	assert_true(n <= CONF_FILE_MAX);
	fclose(f);
	return text;
}

// What `fn` wrote. To be freed.
#define CAPTURE(text, call)                                         \
	do {                                                        \
		size_t capture_len_;                                \
		FILE *out = open_memstream(&(text), &capture_len_); \
		assert_non_null(out);                               \
		call;                                               \
		fclose(out);                                        \
	} while (0)

static inline struct conf *load_role(const char *text, enum conf_role role)
{
	struct conf_report report;
	struct conf *conf;

	conf_report_init(&report);
	conf = conf_load_bytes("test.yml", text, strlen(text), role, &report);
	if (conf == NULL)
		conf_report_print(&report, stderr);
	conf_report_free(&report);
	return conf;
}

// Must be right.
static inline struct conf *load(const char *text)
{
	struct conf *conf = load_role(text, CONF_ROLE_ANY);

	assert_non_null(conf);
	return conf;
}

// Must be wrong; the messages, to be freed.
static inline char *load_wrong(const char *bytes, size_t len, enum conf_role role)
{
	struct conf_report report;
	struct conf *conf;
	char *text;

	conf_report_init(&report);
	conf = conf_load_bytes("test.yml", bytes, len, role, &report);
	assert_null(conf);
	assert_true(report.errors > 0);
	CAPTURE(text, conf_report_print(&report, out));
	conf_report_free(&report);
	return text;
}

static inline void assert_wrong(const char *bytes, const char *message)
{
	char *text = load_wrong(bytes, strlen(bytes), CONF_ROLE_ANY);

	if (strstr(text, message) == NULL)
		fail_msg("expected \"%s\" in:\n%s", message, text);
	free(text);
}
