#include "controlplane/rest/rest.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/slice.h"
#include "controlplane/rest/rest_handler.h"

struct row {
	const char *path;
	void (*handler)(const struct rest_ctx *ctx, struct rest_reply *reply);
	const char *help;
};

static const struct row rows[] = {
#define REST(path, handler, help) {path, handler, help},
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
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		json_array_append_new(list,
			json_pack("{s:[s, s], s:s, s:s}", "methods", "GET", "HEAD", "path",
				rows[i].path, "help", rows[i].help));
	rest_reply_json(reply, json_pack("{s:o}", "endpoints", list));
}

void rest_ping(const struct rest_ctx *ctx, struct rest_reply *reply)
{
	(void)ctx;
	reply->type = REST_TEXT;
	reply->body = strdup("OK\r\n");
	reply->len = reply->body != NULL ? strlen(reply->body) : 0;
}

static const struct row *find(struct slice path)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (slice_eq(path, slice_str(rows[i].path)))
			return &rows[i];
	return NULL;
}

void rest_serve(
	const struct rest_ctx *ctx, const char *method, const char *uri, struct rest_reply *reply)
{
	size_t path_len = strcspn(uri, "?#");
	const struct row *row = find(slice_make(uri, path_len));
	struct rest_ctx asked = *ctx;

	asked.query = uri[path_len] == '?' ? uri + path_len + 1 : "";

	*reply = (struct rest_reply){.status = REST_OK, .type = REST_JSON};
	if (row == NULL) {
		rest_error(reply, REST_NOT_FOUND, "no such path; /v1/help lists all");
	} else if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
		reply->allow = "GET, HEAD";
		rest_error(reply, REST_METHOD_NOT_ALLOWED, "this path takes GET and HEAD only");
	} else {
		row->handler(&asked, reply);
	}
}
