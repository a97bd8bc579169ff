// A request that needs answers of the data plane. Its handler asks, says that it waits, and is
// called again; what it has so far is its job. Each job has one question under way.
#pragma once

#include "controlplane/link/dp_ask.h"
#include "controlplane/rest/rest_handler.h"

struct rest_job {
	struct dp_asks *asks;
	uint64_t ask;                       // question under way; 0: none
	void (*free)(struct rest_job *job); // frees what the handler put behind it, and the job
};

// A zeroed job of `size` bytes, which begins with struct rest_job, kept by the request. NULL: the
// reply says that the data plane is away, or that there is no memory.
void *rest_job_new(const struct rest_ctx *ctx, size_t size, void (*free)(struct rest_job *job),
	struct rest_reply *reply) MUST_CHECK;

// Asks, in the place of an earlier question of this job; the reply then waits, or says why not.
void rest_job_ask(struct rest_job *job, const struct rest_ctx *ctx, enum ipc_id id,
	const union ipc_any_ask *ask, struct rest_reply *reply);

// The answer, which is copied into `fixed` as far as its fixed part goes; NULL when there is none:
// the reply then waits, or says why.
const char *rest_job_answer(const struct rest_job *job, const struct rest_ctx *ctx, void *fixed,
	size_t fixed_len, struct rest_reply *reply);
