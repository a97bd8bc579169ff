// Rows that are gathered from the workers, one question after the other, and answered page by page:
// {"age_ms", "workers", NAME: [...], "next"}. `next` is the cursor of the page after, or null.
#pragma once

#include "controlplane/rest/rest_job.h"
#include "controlplane/rest/rest_param.h"

struct rest_pages {
	struct rest_job job;
	struct rest_params params;
	uint32_t limit;
	uint32_t worker; // where the next question goes on
	uint32_t slot;
	bool ended;
	struct mono until;
	uint64_t wall_ns;  // of the first answer
	uint32_t worker_n; // as the last answer said; 0: none yet
	json_t *rows;
};

#define REST_PAGES_END UINT32_MAX

// What is gathered.
struct rest_pages_kind {
	const char *name;
	enum ipc_id ask;
	unsigned params;  // REST_HAS of those that it takes
	uint32_t ask_max; // rows of one answer
	// Fills in all of the question but its worker; at most `max` rows, from pages->slot on.
	void (*question)(const struct rest_pages *pages, uint32_t max, union ipc_any_ask *out);
	// Appends the rows of a checked answer to pages->rows; returns the slot to go on at, or
	// REST_PAGES_END.
	uint32_t (*take)(struct rest_pages *pages, const struct rest_ctx *ctx, const char *answer);
};

#define REST_PAGES_PARAMS (REST_HAS(worker) | REST_HAS(cursor) | REST_HAS(rows_limit))

// A handler's whole work. `kind` must stay.
void rest_pages(
	const struct rest_pages_kind *kind, const struct rest_ctx *ctx, struct rest_reply *reply);
