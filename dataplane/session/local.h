// Commands that are answered here: one handler for each row of resp_cmd.def whose route is LOCAL.
//
// They run when it is their turn to be settled, so a client's own order holds for them too, and a
// client that does not read its replies makes none.
#pragma once

#include <stdbool.h>

#include "common/proto/resp.h"
#include "dataplane/session/args.h"
#include "dataplane/session/core.h"
#include "dataplane/session/reply.h"

// What clients that go by the version are told; the commands are those of 7.0.
#define LOCAL_REDIS_VERSION "7.0.0"

struct local {
	struct session *s;
	struct client *c;
	const struct resp_cmd *cmd;
	struct slice name; // of the command as the client spelt it
	struct args args;  // behind the name, or the names of a subcommand
	uint32_t argc;     // of those
	struct mono now;
	struct resp_writer w; // the reply
	struct reply chain;   // the beginning of a long one
	bool failed;          // no buffer
};

typedef void local_fn(struct local *l);

// False when a buffer is missing: nothing was done.
bool local_answer(struct session *s, struct request *r, struct reply *out, struct mono now);

// Between the elements of a long reply: makes room in the writer.
void local_flush(struct local *l);

void local_syntax_error(struct local *l);

// CLIENT SETNAME and HELLO: false when the answer says why not.
bool local_name_is_good(struct local *l, struct slice name);
void local_set_name(struct local *l, struct slice name);

// Whether `text` matches a pattern of * and ?, whatever the case of letters.
bool local_match(struct slice pattern, struct slice text);

// NULL for a row that is not answered here.
local_fn *local_handler(enum resp_cmd_id id);

// One handler may serve several rows.
#define LOCAL(id, fn) extern local_fn fn;
#include "dataplane/session/local.def"
#undef LOCAL
