// The handlers of rest.def: each fills in a reply whose status is REST_OK.
#pragma once

#include <jansson.h>

#include "controlplane/rest/rest.h"

#define REST(method, path, handler, help) \
	void handler(const struct rest_ctx *ctx, struct rest_reply *reply);
// Two rows may share a handler; C allows to declare it twice.
#include "controlplane/rest/rest.def"
#undef REST

// What a reader must know about what the data plane said last; NULL: it is fresh.
const char *rest_dp_message(const struct rest_ctx *ctx);
// Milliseconds since then; null when it has not said anything.
json_t *rest_age_ms(const struct rest_ctx *ctx, bool known, struct mono at);

// Puts text that is copied into the reply.
void rest_reply_text(struct rest_reply *reply, const char *text);

// The body of a PUT, whose members go where json_unpack's `format` says; strings among them live as
// long as what is returned. NULL: the reply says what is wrong, and `want`.
json_t *rest_body_unpack(const struct rest_ctx *ctx, struct rest_reply *reply, const char *want,
	const char *format, ...) MUST_CHECK;

// Who a node is and what it is thought of: host, address, port, state, whether it is this one.
json_t *rest_node_json(const struct snapshot_node *node);

// Puts `json` (taken; NULL: out of memory) into the reply as text.
void rest_reply_json(struct rest_reply *reply, json_t *json);
