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

// Puts `json` (taken; NULL: out of memory) into the reply as text.
void rest_reply_json(struct rest_reply *reply, json_t *json);
