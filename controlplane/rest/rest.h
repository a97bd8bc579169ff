// REST: what is asked → what is answered. Pure; rest_http.h carries it. An endpoint is a row of
// rest.def and a handler. Errors are JSON objects: {"error": {"code", "message"}}.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/mono.h"
#include "common/conf/conf.h"
#include "controlplane/cluster/cluster.h"
#include "controlplane/link/dp_link.h"

#define REST_JSON "application/json; charset=utf-8"
#define REST_TEXT "text/plain; charset=utf-8"

enum rest_status {
	REST_OK = 200,
	REST_BAD_REQUEST = 400,
	REST_NOT_FOUND = 404,
	REST_METHOD_NOT_ALLOWED = 405,
	REST_FAILED = 500,
	REST_BUSY = 503,
};

// All that handlers may look at.
struct rest_ctx {
	const struct conf *conf;
	const struct cluster *cluster;
	const struct dp_view *dp;
	const char *version;
	const char *source; // host name
	uint32_t pid;
	uint64_t start_ms; // Unix time at which the control plane started
	uint64_t wall_ms;  // Unix time
	struct mono now;
	const char *query; // what follows the first '?' of the address, undecoded; "" when nothing
};

struct rest_reply {
	enum rest_status status;
	const char *type;  // of the body
	const char *allow; // methods, with REST_METHOD_NOT_ALLOWED; NULL otherwise
	bool aged;         // age_s is known
	uint64_t age_s;    // of what is in the body: goes into the header Age (RFC 9111 §5.1)
	char *body;        // freed by rest_reply_free; NULL when out of memory
	size_t len;
};

// Sets ctx->query for the handler, from `uri`.
void rest_serve(
	const struct rest_ctx *ctx, const char *method, const char *uri, struct rest_reply *reply);
void rest_error(struct rest_reply *reply, enum rest_status status, const char *message);
void rest_reply_free(struct rest_reply *reply);
