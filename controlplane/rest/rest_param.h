// The parameters of a request, from its query or from a JSON object: each is a row of
// rest_param.def, checked before a handler sees it. A handler says which ones it takes; all others
// are refused, and so is one that comes twice.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/ip_addr.h"
#include "controlplane/rest/rest.h"

enum rest_param {
#define PARAM(id, name, kind, least, most, help) REST_PARAM_##id,
#include "controlplane/rest/rest_param.def"
#undef PARAM
	REST_PARAM_N,
};

#define REST_HAS(id) (1u << REST_PARAM_##id)

struct rest_params {
	unsigned given; // REST_HAS of each
	uint64_t number[REST_PARAM_N];
	struct ip_addr remote;
	int state; // enum conn_state
	uint32_t cursor_worker;
	uint32_t cursor_slot;
};

// The parameter's number, or `otherwise` when it was not given.
#define rest_number(params, id, otherwise)                                         \
	(((params)->given & REST_HAS(id)) != 0 ? (params)->number[REST_PARAM_##id] \
					       : (uint64_t)(otherwise))

// Reads ctx->query, and the body when `body` says so. False: the reply says what is wrong and what
// is allowed.
bool rest_params_read(const struct rest_ctx *ctx, unsigned allowed, bool body,
	struct rest_params *params, struct rest_reply *reply) MUST_CHECK;
