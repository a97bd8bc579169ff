// What a worker answers to the control plane about itself: its connections, its peers, its trace,
// packets that it captured. Runs on the worker between two turns; each answer is bounded, so that
// no packet waits long for it.
#pragma once

#include "dataplane/link/link_desk.h"
#include "dataplane/net/capture.h"
#include "dataplane/peer/peer.h"
#include "dataplane/tcp/tcp.h"

// What it answers from.
struct answer_ctx {
	const struct tcp *tcp;
	const struct peers *peers;
	struct capture *capture;
	struct mono now;
	uint64_t wall_ns; // Unix time now
};

void answer(const struct answer_ctx *ctx, struct link_desk *desk);
