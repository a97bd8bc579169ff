// Asking REST for what only the data plane knows, and its answers, which a test writes by hand.
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/ipc/ipc_codec.h"
#include "controlplane/rest/rest_job.h"

static struct dp_view dp;
static struct rest_ctx ctx;
static struct rest_request request;
static struct rest_reply reply;
static union ipc_any_ask asked; // the question under way
static enum ipc_id asked_id;
static _Alignas(8) unsigned char bytes[IPC_ANSWER_MAX];

static inline int setup(void **state)
{
	(void)state;
	memset(&dp, 0, sizeof(dp));
	dp.linked = dp.status_known = true;
	dp.status_at = (struct mono){.ns = 98 * NS_PER_SEC};
	ctx = (struct rest_ctx){
		.dp = &dp,
		.asks = dp_asks_new(),
		.wall_ms = 5000,
		.now = {.ns = 100 * NS_PER_SEC},
	};
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	dp_asks_free(ctx.asks);
	return 0;
}

// Serves, and takes the question that this leads to. True: it waits for the answer.
static inline bool serve(void)
{
	const union ipc_any_ask *next;
	size_t len;

	rest_serve(&ctx, &request, &reply);
	if (!reply.wait) {
		rest_request_end(&request);
		assert_null(dp_asks_next(ctx.asks, &asked_id, &len));
		return false;
	}
	next = dp_asks_next(ctx.asks, &asked_id, &len);
	assert_non_null(next);
	asked = *next;
	dp_asks_sent(ctx.asks, true);
	return true;
}

static inline bool begin(const char *method, const char *uri)
{
	request = (struct rest_request){.method = method, .uri = uri};
	return serve();
}

static inline json_t *end(enum rest_status status)
{
	json_t *json = json_loadb(reply.body, reply.len, JSON_REJECT_DUPLICATES, NULL);

	if (json == NULL || reply.status != status)
		fail_msg("status %d, %.*s", (int)reply.status, (int)reply.len, reply.body);
	rest_reply_free(&reply);
	return json;
}

static inline void expect_error(
	const char *method, const char *uri, enum rest_status status, const char *word)
{
	json_t *json;
	const char *message;

	assert_false(begin(method, uri));
	json = end(status);
	message = json_string_value(json_object_get(json_object_get(json, "error"), "message"));
	if (strstr(message, word) == NULL)
		fail_msg("%s: no %s in: %s", uri, word, message);
	json_decref(json);
}

static inline json_int_t number(json_t *object, const char *name)
{
	assert_true(json_is_integer(json_object_get(object, name)));
	return json_integer_value(json_object_get(object, name));
}

static inline struct ipc_answer head(uint32_t worker_n)
{
	return (struct ipc_answer){.ask = asked.head.ask,
		.at_ns = 50 * NS_PER_SEC,
		.wall_ns = 4 * NS_PER_SEC,
		.worker = asked.head.worker,
		.worker_n = worker_n,
		.rows = ipc_ask_rows()};
}

// Hands in the answer and serves again.
static inline bool answer(size_t len)
{
	struct ipc_msg msg = {.id = (unsigned)asked_id + 1, .payload = bytes, .len = len};

	dp_asks_take(ctx.asks, &msg);
	return serve();
}
