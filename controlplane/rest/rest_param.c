#include "controlplane/rest/rest_param.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/ipc/ipc.h"
#include "common/stats/conn_info.h"
#include "common/stats/trace.h"
#include "controlplane/rest/rest_handler.h"

#define TEXT_MAX 64

enum kind {
	NUMBER,
	ADDRESS,
	STATE,
	CURSOR,
};

struct row {
	const char *name;
	enum kind kind;
	uint64_t least;
	uint64_t most;
	const char *help;
};

static const struct row rows[REST_PARAM_N] = {
#define PARAM(id, name, kind, least, most, help) {name, kind, least, most, help},
#include "controlplane/rest/rest_param.def"
#undef PARAM
};

// Digits only, at most UINT32_MAX. *end is what follows.
static bool read_number(const char *text, uint64_t *value, const char **end)
{
	size_t digits = strspn(text, "0123456789");

	*end = text + digits;
	if (digits == 0 || digits > 10)
		return false;
	*value = strtoull(text, NULL, 10);
	return *value <= UINT32_MAX;
}

static bool read_cursor(const char *text, struct rest_params *params)
{
	uint64_t worker = 0;
	uint64_t slot = 0;
	const char *end;

	if (!read_number(text, &worker, &end) || *end != '.')
		return false;
	if (!read_number(end + 1, &slot, &end) || *end != '\0' || worker >= IPC_WORKERS_MAX)
		return false;
	params->cursor_worker = (uint32_t)worker;
	params->cursor_slot = (uint32_t)slot;
	return true;
}

static bool read_state(const char *text, int *state)
{
	for (unsigned i = 0; i < CONN_STATE_N; i++) {
		if (strcmp(text, conn_state_names[i]) == 0) {
			*state = (int)i;
			return true;
		}
	}
	return false;
}

static bool read_value(enum rest_param param, const char *text, struct rest_params *params)
{
	const struct row *row = &rows[param];
	uint64_t *number = &params->number[param];
	const char *end;

	switch (row->kind) {
	case NUMBER:
		return read_number(text, number, &end) && *end == '\0' && *number >= row->least &&
			*number <= row->most;
	case ADDRESS:
		return ip_addr_parse(text, &params->remote) && !ip_addr_is_any(&params->remote);
	case STATE:
		return read_state(text, &params->state);
	case CURSOR:
		return read_cursor(text, params);
	}
	return false;
}

static void refuse_unknown(unsigned allowed, struct rest_reply *reply)
{
	char text[256] = "no such parameter; there are:";
	size_t len = strlen(text);

	for (unsigned i = 0; i < REST_PARAM_N; i++)
		if ((allowed & (1u << i)) != 0)
			len += (size_t)snprintf(
				text + len, sizeof(text) - len, " %s", rows[i].name);
	rest_error(reply, REST_BAD_REQUEST, allowed != 0 ? text : "this path takes no parameters");
}

static bool refuse(const struct row *row, const char *what, struct rest_reply *reply)
{
	char text[256];

	snprintf(text, sizeof(text), "%s: %s", row->name, what);
	rest_error(reply, REST_BAD_REQUEST, text);
	return false;
}

static bool refuse_value(const struct row *row, struct rest_reply *reply)
{
	char text[160];

	if (row->kind == NUMBER)
		snprintf(text, sizeof(text), "must be %s, from %" PRIu64 " to %" PRIu64, row->help,
			row->least, row->most);
	else
		snprintf(text, sizeof(text), "must be %s", row->help);
	return refuse(row, text, reply);
}

static bool take(const char *name, const char *value, unsigned allowed, struct rest_params *params,
	struct rest_reply *reply)
{
	for (unsigned i = 0; i < REST_PARAM_N; i++) {
		unsigned bit = 1u << i;

		if ((allowed & bit) == 0 || strcmp(name, rows[i].name) != 0)
			continue;
		if ((params->given & bit) != 0)
			return refuse(&rows[i], "is given twice", reply);
		params->given |= bit;
		return read_value((enum rest_param)i, value, params) ||
			refuse_value(&rows[i], reply);
	}
	refuse_unknown(allowed, reply);
	return false;
}

// Copies up to the stop characters, with %-escapes undone. False when it does not fit, or an escape
// is none, or stands for NUL.
static bool decode(const char **from, const char *stop, char out[TEXT_MAX])
{
	size_t len = 0;

	for (; **from != '\0' && strchr(stop, **from) == NULL; ++*from) {
		char c = **from;

		if (c == '%') {
			char hex[3] = {0};

			strncpy(hex, *from + 1, 2);
			c = (char)strtoul(hex, NULL, 16);
			if (strspn(hex, "0123456789abcdefABCDEF") != 2 || c == '\0')
				return false;
			*from += 2;
		}
		if (len >= TEXT_MAX - 1)
			return false;
		out[len++] = c;
	}
	out[len] = '\0';
	return true;
}

static bool read_query(
	const char *query, unsigned allowed, struct rest_params *params, struct rest_reply *reply)
{
	char name[TEXT_MAX];
	char value[TEXT_MAX];

	while (*query != '\0' && *query != '#') {
		if (!decode(&query, "=&#", name) || *query != '=') {
			refuse_unknown(allowed, reply);
			return false;
		}
		query++;
		// What is too long for any value is no value of this one.
		if (!decode(&query, "&#", value))
			snprintf(value, sizeof(value), "?");
		query += strcspn(query, "&#");
		if (!take(name, value, allowed, params, reply))
			return false;
		if (*query == '&')
			query++;
	}
	return true;
}

static bool read_body(const struct rest_request *request, unsigned allowed,
	struct rest_params *params, struct rest_reply *reply)
{
	json_t *json = json_loadb(request->body, request->body_len, JSON_REJECT_DUPLICATES, NULL);
	const char *name;
	json_t *value;
	bool good = json_is_object(json);

	if (!good)
		rest_error(reply, REST_BAD_REQUEST, "the body is not a JSON object");
	json_object_foreach(json, name, value)
	{
		char text[TEXT_MAX] = "?";

		if (json_is_integer(value))
			snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT,
				json_integer_value(value));
		else if (json_is_string(value) && json_string_length(value) < sizeof(text))
			snprintf(text, sizeof(text), "%s", json_string_value(value));
		good = good && take(name, text, allowed, params, reply);
		if (!good)
			break;
	}
	json_decref(json);
	return good;
}

bool rest_params_read(const struct rest_ctx *ctx, unsigned allowed, bool body,
	struct rest_params *params, struct rest_reply *reply)
{
	const struct rest_request *request = ctx->request;

	*params = (struct rest_params){.state = -1};
	if (!read_query(ctx->query, allowed, params, reply))
		return false;
	return !body || request->body_len == 0 || read_body(request, allowed, params, reply);
}
