// Changes that both /v1 and the original's paths can ask for. Each makes a new snapshot when it
// changes something, with a cause that says REST.
#pragma once

#include "controlplane/rest/rest_handler.h"

// Reads a level into *level; NULL leaves it as it is. False: the reply says what `what` must be.
bool rest_read_level(const char *text, const char *what, enum consistency *level,
	struct rest_reply *reply) MUST_CHECK;
void rest_change_consistency(
	const struct rest_ctx *ctx, enum consistency read, enum consistency write);

// By name, in any case. False: the reply says what it must be.
bool rest_change_state(
	const struct rest_ctx *ctx, const char *name, struct rest_reply *reply) MUST_CHECK;

void rest_change_timeouts(const struct rest_ctx *ctx, const struct cluster_timeouts *timeouts);
