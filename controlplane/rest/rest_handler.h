// The handlers of rest.def: each fills in a reply whose status is REST_OK.
#pragma once

#include <jansson.h>

#include "controlplane/rest/rest.h"

#define REST(path, handler, help) \
	void handler(const struct rest_ctx *ctx, struct rest_reply *reply);
// Two rows may share a handler; C allows to declare it twice.
#include "controlplane/rest/rest.def"
#undef REST

// Puts `json` (taken; NULL: out of memory) into the reply as text.
void rest_reply_json(struct rest_reply *reply, json_t *json);
