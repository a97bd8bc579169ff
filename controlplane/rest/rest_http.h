// REST over nng's HTTP server. Requests arrive on nng's threads; they wait in a bounded queue until
// the event loop answers them, so that all logic is on one thread. A full queue answers 503 at
// once. A reply that waits for the data plane is parked, and served again by rest_http_again. What
// is no HTTP, nng answers.
#pragma once

#include "common/base/compiler.h"
#include "common/conf/conf.h"
#include "controlplane/rest/rest.h"

#define REST_HTTP_WAITING_MAX 256
#define REST_HTTP_PARKED_MAX 64
#define REST_HTTP_READING_MAX 64 // requests whose body is on its way

struct rest_http;

// Fills in the reply; called by rest_http_poll, and by rest_http_again while reply->wait is set.
typedef void rest_http_serve(void *ctx, struct rest_request *request, struct rest_reply *reply);

// Serves on `listen` (host:port). NULL on error, which is in the log with what to do about it.
struct rest_http *rest_http_new(
	const struct conf_addr *listen, rest_http_serve *serve, void *ctx) MUST_CHECK;
// Answers what waits with 503 and stops.
void rest_http_free(struct rest_http *http);

// Readable when a request waits.
int rest_http_fd(const struct rest_http *http);
// Answers all that wait.
void rest_http_poll(struct rest_http *http);
// Serves again those whose reply had to wait.
void rest_http_again(struct rest_http *http);
