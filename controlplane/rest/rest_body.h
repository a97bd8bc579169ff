// Bodies of HTTP requests, read here and not by nng: that one answers a body that is too long with
// a page of its own, takes what it did not read for the next request, and waits for ever.
//
// A body that is too long, but not very, is read and thrown away, so that the connection stays
// usable and the client, which may still be sending, gets to read the answer. See RFC 9112 §6,
// §9.6.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <nng/nng.h>
#include <nng/supplemental/http/http.h>

#include "common/base/compiler.h"
#include "controlplane/rest/rest.h"

#define REST_BODY_MAX 4096u
#define REST_BODY_SKIP_MAX 65536u // longer ones are not read at all
#define REST_BODY_WAIT_MS 10000   // for all of it; then the connection ends

struct rest_body_plan {
	enum rest_status refuse; // how to answer, after `len` bytes were read; REST_OK: not at all
	bool close;              // the connection after that answer
	size_t len;              // bytes to read
};

// What to do about the body that these headers announce (NULL: there is no such header).
struct rest_body_plan rest_body_plan(
	const char *content_length, const char *transfer_encoding, const char *expect);

// Called on a thread of nng's. `error` of nng, with 0: the body is in the request, or was skipped.
typedef void rest_body_done(nng_aio *aio, const struct rest_body_plan *plan, int error);

// Reads the body of the request that a handler was called with (`aio`), as the plan says, and calls
// `done` once. An error of nng when it can't begin; `done` is not called then.
int rest_body_read(
	nng_aio *aio, const struct rest_body_plan *plan, rest_body_done *done) MUST_CHECK;
