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
#define REST_PCAP "application/vnd.tcpdump.pcap"

enum rest_status {
	REST_OK = 200,
	REST_CREATED = 201,
	REST_BAD_REQUEST = 400,
	REST_NOT_FOUND = 404,
	REST_METHOD_NOT_ALLOWED = 405,
	REST_LENGTH_REQUIRED = 411,
	REST_TOO_LARGE = 413,
	REST_FAILED = 500,
	REST_BUSY = 503,
};

// What a request keeps while it waits for the data plane (rest_job.h).
struct rest_job;

struct rest_request {
	const char *method;
	const char *uri;
	const char *body; // not terminated; NULL when there is none
	size_t body_len;
	struct rest_job *job; // NULL at first, then the handler's; ended by rest_request_end
};

// All that handlers may look at.
struct rest_ctx {
	const struct conf *conf;
	struct cluster *cluster;
	const struct dp_view *dp;
	struct dp_asks *asks; // for handlers that ask the data plane
	const char *version;
	const char *source; // host name
	uint32_t pid;
	uint64_t start_ms; // Unix time at which the control plane started
	uint64_t wall_ms;  // Unix time
	struct mono now;
	struct rest_request *request;
	const char *
		rest; // of the path, where its row has a star; "" otherwise, or when it is too long
	const char *query; // what follows the first '?' of the address, undecoded; "" when nothing
};

struct rest_reply {
	bool wait; // no reply yet: serve the same request again when something changed
	enum rest_status status;
	const char *type;  // of the body
	const char *allow; // methods, with REST_METHOD_NOT_ALLOWED; NULL otherwise
	bool close;        // the connection is closed after it
	bool aged;         // age_s is known
	uint64_t age_s;    // of what is in the body: goes into the header Age (RFC 9111 §5.1)
	char *body;        // freed by rest_reply_free; NULL when out of memory
	size_t len;
};

// Sets query, rest and request of ctx for the handler.
void rest_serve(const struct rest_ctx *ctx, struct rest_request *request, struct rest_reply *reply);
// After the last rest_serve of the request, whether it was answered or not.
void rest_request_end(struct rest_request *request);
void rest_error(struct rest_reply *reply, enum rest_status status, const char *message);
void rest_reply_free(struct rest_reply *reply);
