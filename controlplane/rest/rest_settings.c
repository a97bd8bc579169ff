// What can be set while the program runs: GET shows it, PUT changes it, and both answer with what
// is in effect and the epoch of the snapshot that says so.
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "controlplane/rest/rest_handler.h"
#include "controlplane/rest/rest_param.h"
#include "controlplane/rest/rest_settings.h"

json_t *rest_body_unpack(const struct rest_ctx *ctx, struct rest_reply *reply, const char *want,
	const char *format, ...)
{
	const struct rest_request *request = ctx->request;
	struct rest_params none;
	json_error_t error = {.text = "it is none"};
	char text[512];
	json_t *json;
	va_list ap;
	int bad = -1;

	if (!rest_params_read(ctx, 0, false, &none, reply))
		return NULL;
	json = json_loadb(request->body, request->body_len, JSON_REJECT_DUPLICATES, &error);
	if (json != NULL) {
		va_start(ap, format);
		bad = json_vunpack_ex(json, &error, JSON_STRICT, format, ap);
		va_end(ap);
	}
	if (bad == 0)
		return json;
	json_decref(json);
	snprintf(
		text, sizeof(text), "the body must be a JSON object like %s: %s", want, error.text);
	rest_error(reply, REST_BAD_REQUEST, text);
	return NULL;
}

static json_int_t epoch(const struct rest_ctx *ctx)
{
	return (json_int_t)cluster_snapshot(ctx->cluster)->epoch;
}

// --- consistency

void rest_consistency(const struct rest_ctx *ctx, struct rest_reply *reply)
{
	const struct snapshot *s = cluster_snapshot(ctx->cluster);
	const struct cluster_settings file = cluster_file(ctx->cluster);

	rest_reply_json(reply,
		json_pack("{s:s, s:s, s:{s:s, s:s}, s:I}", "read",
			consistency_name((enum consistency)s->read_consistency), "write",
			consistency_name((enum consistency)s->write_consistency), "file", "read",
			consistency_name(file.read), "write", consistency_name(file.write), "epoch",
			epoch(ctx)));
}

bool rest_read_level(
	const char *text, const char *what, enum consistency *level, struct rest_reply *reply)
{
	char message[128];

	if (text == NULL || consistency_parse(slice_str(text), level))
		return true;
	snprintf(message, sizeof(message),
		"%s must be DC_ONE, DC_QUORUM, DC_SAFE_QUORUM or DC_EACH_SAFE_QUORUM", what);
	rest_error(reply, REST_BAD_REQUEST, message);
	return false;
}

void rest_change_consistency(
	const struct rest_ctx *ctx, enum consistency read, enum consistency write)
{
	char text[CLUSTER_CAUSE_MAX];

	snprintf(text, sizeof(text), "REST: consistency is %s for reads, %s for writes",
		consistency_name(read), consistency_name(write));
	(void)cluster_set_consistency(ctx->cluster, read, write,
		(struct cluster_why){.wall_ms = ctx->wall_ms, .text = text});
}

void rest_consistency_put(const struct rest_ctx *ctx, struct rest_reply *reply)
{
	const struct snapshot *s = cluster_snapshot(ctx->cluster);
	enum consistency read_level = (enum consistency)s->read_consistency;
	enum consistency write_level = (enum consistency)s->write_consistency;
	const char *read_text = NULL;
	const char *write_text = NULL;
	json_t *json = rest_body_unpack(ctx, reply, "{\"read\": \"DC_ONE\", \"write\": \"DC_ONE\"}",
		"{s?s, s?s}", "read", &read_text, "write", &write_text);

	if (json == NULL)
		return;
	if (rest_read_level(read_text, "read", &read_level, reply) &&
		rest_read_level(write_text, "write", &write_level, reply)) {
		rest_change_consistency(ctx, read_level, write_level);
		rest_consistency(ctx, reply);
	}
	json_decref(json);
}

// --- state

void rest_state(const struct rest_ctx *ctx, struct rest_reply *reply)
{
	const struct snapshot *s = cluster_snapshot(ctx->cluster);

	rest_reply_json(reply,
		json_pack("{s:s, s:s, s:I}", "state", node_state_name((enum node_state)s->state),
			"default", node_state_name(NODE_NORMAL), "epoch", epoch(ctx)));
}

// Whether an operator may ask for it; the others are found out, not set.
static bool may_be_set(enum node_state state)
{
	return state == NODE_NORMAL || state == NODE_STANDBY || state == NODE_WRITES_ONLY ||
		state == NODE_RESUMING;
}

bool rest_change_state(const struct rest_ctx *ctx, const char *name, struct rest_reply *reply)
{
	enum node_state state;
	char text[CLUSTER_CAUSE_MAX];

	if (!node_state_parse(slice_str(name), &state) || !may_be_set(state)) {
		rest_error(reply, REST_BAD_REQUEST,
			"the state must be NORMAL, STANDBY, WRITES_ONLY or RESUMING");
		return false;
	}
	snprintf(text, sizeof(text), "REST: this node is %s", node_state_name(state));
	(void)cluster_set_state(
		ctx->cluster, state, (struct cluster_why){.wall_ms = ctx->wall_ms, .text = text});
	return true;
}

void rest_state_put(const struct rest_ctx *ctx, struct rest_reply *reply)
{
	const char *name;
	json_t *json =
		rest_body_unpack(ctx, reply, "{\"state\": \"NORMAL\"}", "{s:s}", "state", &name);

	if (json == NULL)
		return;
	if (rest_change_state(ctx, name, reply))
		rest_state(ctx, reply);
	json_decref(json);
}

// --- timeouts

void rest_timeouts(const struct rest_ctx *ctx, struct rest_reply *reply)
{
	const struct cluster_timeouts t = cluster_timeouts(ctx->cluster);
	const struct cluster_settings file = cluster_file(ctx->cluster);

	rest_reply_json(reply,
		json_pack("{s:I, s:I, s:I, s:I, s:{s:I, s:I}, s:I}", "timeout_ms",
			(json_int_t)t.timeout_ms, "factor", (json_int_t)t.factor, "effective_ms",
			(json_int_t)cluster_snapshot(ctx->cluster)->timeout_ms, "read_hedge_ms",
			(json_int_t)t.read_hedge_ms, "file", "timeout_ms",
			(json_int_t)file.timeout_ms, "read_hedge_ms",
			(json_int_t)file.read_hedge_ms, "epoch", epoch(ctx)));
}

void rest_change_timeouts(const struct rest_ctx *ctx, const struct cluster_timeouts *t)
{
	char text[CLUSTER_CAUSE_MAX];

	snprintf(text, sizeof(text),
		"REST: timeout %" PRIu32 " ms times %" PRIu32 ", read_hedge %" PRIu32 " ms",
		t->timeout_ms, t->factor, t->read_hedge_ms);
	(void)cluster_set_timeouts(
		ctx->cluster, t, (struct cluster_why){.wall_ms = ctx->wall_ms, .text = text});
}

static bool in_range(const char *name, json_int_t value, json_int_t least, json_int_t most,
	struct rest_reply *reply)
{
	char text[96];

	if (value >= least && value <= most)
		return true;
	snprintf(text, sizeof(text),
		"%s must be a number from %" JSON_INTEGER_FORMAT " to %" JSON_INTEGER_FORMAT, name,
		least, most);
	rest_error(reply, REST_BAD_REQUEST, text);
	return false;
}

void rest_timeouts_put(const struct rest_ctx *ctx, struct rest_reply *reply)
{
	const struct cluster_timeouts old = cluster_timeouts(ctx->cluster);
	json_int_t timeout_ms = old.timeout_ms;
	json_int_t factor = old.factor;
	json_int_t read_hedge_ms = old.read_hedge_ms;
	json_t *json = rest_body_unpack(ctx, reply,
		"{\"timeout_ms\": 500, \"factor\": 1, \"read_hedge_ms\": 0}", "{s?I, s?I, s?I}",
		"timeout_ms", &timeout_ms, "factor", &factor, "read_hedge_ms", &read_hedge_ms);

	if (json == NULL)
		return;
	if (in_range("timeout_ms", timeout_ms, 0, INT32_MAX, reply) &&
		in_range("factor", factor, 1, CLUSTER_FACTOR_MAX, reply) &&
		in_range("read_hedge_ms", read_hedge_ms, 0, CLUSTER_HEDGE_MAX_MS, reply)) {
		const struct cluster_timeouts t = {.timeout_ms = (uint32_t)timeout_ms,
			.factor = (uint32_t)factor,
			.read_hedge_ms = (uint32_t)read_hedge_ms};

		rest_change_timeouts(ctx, &t);
		rest_timeouts(ctx, reply);
	}
	json_decref(json);
}
