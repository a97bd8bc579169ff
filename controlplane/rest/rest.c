#include "controlplane/rest/rest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/rest/rest_handler.h"

#define REST_MAX 4096 // of what stands in the place of a star

enum method {
	M_GET = 1 << 0,
	M_HEAD = 1 << 1,
	M_POST = 1 << 2,
	M_PUT = 1 << 3,
	M_DELETE = 1 << 4,
};

static const struct {
	const char *name;
	enum method bit;
} methods[] = {
	{"GET", M_GET},
	{"HEAD", M_HEAD},
	{"POST", M_POST},
	{"PUT", M_PUT},
	{"DELETE", M_DELETE},
};

// What the first column of rest.def stands for.
#define METHODS_GET (M_GET | M_HEAD)
#define METHODS_ACT M_GET
#define METHODS_POST M_POST
#define METHODS_PUT M_PUT
#define METHODS_DELETE M_DELETE

// What a path can take, for the header Allow.
static const struct {
	unsigned methods;
	const char *text;
} allowed[] = {
	{M_GET, "GET"},
	{M_GET | M_HEAD, "GET, HEAD"},
	{M_GET | M_HEAD | M_POST, "GET, HEAD, POST"},
	{M_GET | M_HEAD | M_PUT, "GET, HEAD, PUT"},
	{M_GET | M_HEAD | M_DELETE, "GET, HEAD, DELETE"},
};

struct row {
	unsigned methods;
	const char *path;
	void (*handler)(const struct rest_ctx *ctx, struct rest_reply *reply);
	const char *help;
};

static const struct row rows[] = {
#define REST(method, path, handler, help) {METHODS_##method, path, handler, help},
#include "controlplane/rest/rest.def"
#undef REST
};

void rest_reply_free(struct rest_reply *reply)
{
	free(reply->body);
	reply->body = NULL;
	reply->len = 0;
}

void rest_reply_json(struct rest_reply *reply, json_t *json)
{
	char *text = json != NULL ? json_dumps(json, JSON_INDENT(2)) : NULL;
	size_t len = text != NULL ? strlen(text) : 0;

	json_decref(json);
	reply->type = REST_JSON;
	reply->body = text != NULL ? realloc(text, len + 1) : NULL;
	if (reply->body == NULL) {
		free(text);
		reply->status = REST_FAILED;
		return;
	}
	reply->body[len] = '\n'; // for those who read it on a terminal
	reply->len = len + 1;
}

void rest_error(struct rest_reply *reply, enum rest_status status, const char *message)
{
	reply->status = status;
	rest_reply_json(reply,
		json_pack("{s:{s:i, s:s}}", "error", "code", (int)status, "message", message));
}

void rest_help(const struct rest_ctx *ctx, struct rest_reply *reply)
{
	json_t *list = json_array();

	(void)ctx;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		json_t *names = json_array();

		for (size_t m = 0; m < ARRAY_LEN(methods); m++)
			if ((rows[i].methods & methods[m].bit) != 0)
				json_array_append_new(names, json_string(methods[m].name));
		json_array_append_new(list,
			json_pack("{s:o, s:s, s:s}", "methods", names, "path", rows[i].path, "help",
				rows[i].help));
	}
	rest_reply_json(reply, json_pack("{s:o}", "endpoints", list));
}

void rest_reply_text(struct rest_reply *reply, const char *text)
{
	reply->type = REST_TEXT;
	reply->body = strdup(text);
	reply->len = reply->body != NULL ? strlen(text) : 0;
	if (reply->body == NULL)
		reply->status = REST_FAILED;
}

void rest_ping(const struct rest_ctx *ctx, struct rest_reply *reply)
{
	(void)ctx;
	rest_reply_text(reply, "OK\r\n");
}

// What stands in the place of the star, of *n bytes, none without one; NULL: another path.
static const char *match(const struct row *row, const char *path, size_t len, size_t *n)
{
	size_t row_len = strlen(row->path);
	const char *star = strchr(row->path, '*');
	size_t before = star != NULL ? (size_t)(star - row->path) : row_len;
	size_t after = star != NULL ? row_len - before - 1 : 0;

	*n = len - before - after;
	if (star != NULL ? len <= before + after : len != row_len)
		return NULL;
	if (memcmp(path, row->path, before) != 0 ||
		memcmp(path + len - after, row->path + row_len - after, after) != 0)
		return NULL;
	return path + before;
}

static unsigned method_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(methods); i++)
		if (strcmp(methods[i].name, name) == 0)
			return methods[i].bit;
	return 0;
}

static const char *allow_text(unsigned bits)
{
	for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
		if (allowed[i].methods == bits)
			return allowed[i].text;
	return NULL;
}

// The row for a path and method; NULL: *allow has the methods of that path, NULL when there is no
// such path.
static const struct row *find(const char *method, const char *path, size_t len, const char **allow)
{
	unsigned asked = method_of(method);
	unsigned bits = 0;
	size_t n;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (match(&rows[i], path, len, &n) == NULL)
			continue;
		if ((rows[i].methods & asked) != 0)
			return &rows[i];
		bits |= rows[i].methods;
	}
	*allow = allow_text(bits);
	return NULL;
}

static void refuse(const char *allow, struct rest_reply *reply)
{
	char text[64];

	if (allow == NULL) {
		rest_error(reply, REST_NOT_FOUND, "no such path; /v1/help lists all");
		return;
	}
	reply->allow = allow;
	snprintf(text, sizeof(text), "this path takes %s only", allow);
	rest_error(reply, REST_METHOD_NOT_ALLOWED, text);
}

// What stands in the place of the star. What is too long names nothing.
static void copy_rest(const struct row *row, const char *path, size_t len, char rest[REST_MAX])
{
	size_t n = 0;
	const char *from = match(row, path, len, &n);

	if (n >= REST_MAX)
		n = 0;
	memcpy(rest, from, n);
	rest[n] = '\0';
}

void rest_serve(const struct rest_ctx *ctx, struct rest_request *request, struct rest_reply *reply)
{
	const char *uri = request->uri;
	size_t path_len = strcspn(uri, "?#");
	const char *allow = NULL;
	const struct row *row = find(request->method, uri, path_len, &allow);
	struct rest_ctx asked = *ctx;
	char rest[REST_MAX];

	*reply = (struct rest_reply){.status = REST_OK, .type = REST_JSON};
	if (row == NULL) {
		refuse(allow, reply);
		return;
	}
	copy_rest(row, uri, path_len, rest);
	asked.request = request;
	asked.rest = rest;
	asked.query = uri[path_len] == '?' ? uri + path_len + 1 : "";
	row->handler(&asked, reply);
}
