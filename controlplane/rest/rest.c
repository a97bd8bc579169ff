#include "controlplane/rest/rest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/rest/rest_handler.h"

#define REST_MAX 32 // of what stands in the place of a star

struct row {
	const char *method;
	const char *path;
	void (*handler)(const struct rest_ctx *ctx, struct rest_reply *reply);
	const char *help;
};

static const struct row rows[] = {
#define REST(method, path, handler, help) {#method, path, handler, help},
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
		json_t *methods = json_pack("[s]", rows[i].method);

		if (strcmp(rows[i].method, "GET") == 0)
			json_array_append_new(methods, json_string("HEAD"));
		json_array_append_new(list,
			json_pack("{s:o, s:s, s:s}", "methods", methods, "path", rows[i].path,
				"help", rows[i].help));
	}
	rest_reply_json(reply, json_pack("{s:o}", "endpoints", list));
}

void rest_ping(const struct rest_ctx *ctx, struct rest_reply *reply)
{
	(void)ctx;
	reply->type = REST_TEXT;
	reply->body = strdup("OK\r\n");
	reply->len = reply->body != NULL ? strlen(reply->body) : 0;
}

// What stands in the place of the star, "" without one; NULL: another path.
static const char *match(const struct row *row, const char *path, size_t len)
{
	size_t row_len = strlen(row->path);
	bool star = row->path[row_len - 1] == '*';

	if (!star)
		return len == row_len && memcmp(path, row->path, len) == 0 ? "" : NULL;
	row_len--;
	return len > row_len && memcmp(path, row->path, row_len) == 0 ? path + row_len : NULL;
}

static bool takes(const struct row *row, const char *method)
{
	return strcmp(row->method, method) == 0 ||
		(strcmp(row->method, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

// The row for a path and method; NULL: *allow has the methods of that path, NULL when there is no
// such path.
static const struct row *find(const char *method, const char *path, size_t len, const char **allow)
{
	bool get = false;
	bool post = false;
	bool delete = false;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (match(&rows[i], path, len) == NULL)
			continue;
		if (takes(&rows[i], method))
			return &rows[i];
		get |= strcmp(rows[i].method, "GET") == 0;
		post |= strcmp(rows[i].method, "POST") == 0;
		delete |= strcmp(rows[i].method, "DELETE") == 0;
	}
	*allow = post ? "GET, HEAD, POST" : delete ? "GET, HEAD, DELETE" : get ? "GET, HEAD" : NULL;
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
	const char *from = match(row, path, len);
	size_t n = *from != '\0' ? len - (size_t)(from - path) : 0;

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
