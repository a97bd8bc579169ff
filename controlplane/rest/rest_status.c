#include <stdio.h>
#include <string.h>

#include "common/base/ip_addr.h"
#include "controlplane/rest/rest_handler.h"

json_t *rest_age_ms(const struct rest_ctx *ctx, bool known, struct mono at)
{
	if (!known)
		return json_null();
	return json_integer((json_int_t)(mono_since(ctx->now, at) / NS_PER_MS));
}

static json_t *text_or_null(const char *text)
{
	return text != NULL && text[0] != '\0' ? json_string(text) : json_null();
}

static json_t *addr_text(const struct ipc_addr *addr, bool with_len)
{
	char ip[IP_ADDR_TEXT_MAX];
	char text[IP_ADDR_TEXT_MAX + 4];
	struct ip_addr a;

	memcpy(a.b, addr->addr, sizeof(a.b));
	if (with_len)
		snprintf(text, sizeof(text), "%s/%u", ip_addr_format(&a, ip), addr->prefix_len);
	else
		ip_addr_format(&a, text);
	return json_string(text);
}

static json_t *addresses(const struct ipc_status *status)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < status->addr_n; i++)
		json_array_append_new(list, addr_text(&status->addr[i], true));
	return list;
}

static json_t *gateways(const struct ipc_status *status)
{
	const struct ipc_addr *both[] = {&status->gateway4, &status->gateway6};
	json_t *list = json_array();
	struct ip_addr a;

	for (unsigned i = 0; i < ARRAY_LEN(both); i++) {
		memcpy(a.b, both[i]->addr, sizeof(a.b));
		if (!ip_addr_is_any(&a))
			json_array_append_new(list, addr_text(both[i], false));
	}
	return list;
}

static const char *steering(const struct ipc_status *status)
{
	switch (status->steering) {
	case IPC_STEER_DEVICE:
		return "device";
	case IPC_STEER_SOFTWARE:
		return "software";
	default:
		return "none";
	}
}

static json_t *port(const struct ipc_status *status)
{
	const uint8_t *mac = status->mac;
	char text[18];

	snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
		mac[3], mac[4], mac[5]);
	return json_pack("{s:s, s:s, s:s, s:i, s:i, s:s, s:I, s:i, s:s, s:o, s:o}", "name",
		status->port, "driver", status->driver, "mac", text, "mtu", status->mtu, "vlan",
		status->vlan, "link", status->link_up ? "up" : "down", "speed_mbps",
		(json_int_t)status->speed_mbps, "queues", status->queue_n, "steering",
		steering(status), "addresses", addresses(status), "gateways", gateways(status));
}

static json_t *workers(const struct ipc_status *status)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < status->worker_n; i++) {
		const struct ipc_worker *worker = &status->worker[i];
		json_t *queue =
			worker->queue == UINT16_MAX ? json_null() : json_integer(worker->queue);

		json_array_append_new(
			list, json_pack("{s:i, s:o}", "core", worker->core, "queue", queue));
	}
	return list;
}

static json_t *control_plane(const struct rest_ctx *ctx)
{
	uint64_t up = ctx->wall_ms > ctx->start_ms ? ctx->wall_ms - ctx->start_ms : 0;

	return json_pack("{s:s, s:I, s:I}", "version", ctx->version, "pid", (json_int_t)ctx->pid,
		"uptime_s", (json_int_t)(up / 1000));
}

// Three reports were missed.
#define SILENT_NS (3 * NS_PER_SEC)

const char *rest_dp_message(const struct rest_ctx *ctx)
{
	const struct dp_view *dp = ctx->dp;

	if (!dp->linked)
		return dp->status_known ? "the data plane is away; this is what it said last"
					: "the data plane has not been seen yet";
	if (!dp->status_known)
		return "the data plane is linked and has not said anything yet";
	if (mono_since(ctx->now, dp->status_at) >= SILENT_NS)
		return "the data plane is linked but silent; this is what it said last";
	return NULL;
}

// Everything in it is as old as `age_ms` says, but for `linked`.
static json_t *data_plane(const struct rest_ctx *ctx)
{
	const struct dp_view *dp = ctx->dp;
	const struct ipc_status *status = &dp->status;
	const char *text = rest_dp_message(ctx);
	json_t *json = json_pack("{s:b, s:o}", "linked", (int)dp->linked, "age_ms",
		rest_age_ms(ctx, dp->status_known, dp->status_at));

	if (text != NULL)
		json_object_set_new(json, "message", json_string(text));
	if (!dp->status_known)
		return json;
	json_object_set_new(json, "version", json_string(status->version));
	json_object_set_new(json, "pid", json_integer(status->pid));
	json_object_set_new(json, "uptime_s", json_integer((json_int_t)(status->uptime_ms / 1000)));
	json_object_set_new(json, "poll", json_string(status->adaptive ? "adaptive" : "busy"));
	json_object_set_new(json, "port", port(status));
	json_object_set_new(json, "workers", workers(status));
	json_object_set_new(
		json, "figures_age_ms", rest_age_ms(ctx, dp->stats_known, dp->stats_at));
	return json;
}

// What the data plane acknowledged on this link, or said it uses when it was last heard.
static json_t *epochs(const struct rest_ctx *ctx)
{
	const struct snapshot *asked = cluster_snapshot(ctx->cluster);
	const struct dp_view *dp = ctx->dp;
	uint64_t applied = dp->status_known ? dp->status.epoch : 0;

	if (dp->linked && dp->acked_epoch > applied)
		applied = dp->acked_epoch;
	return json_pack("{s:I, s:I, s:o}", "asked", (json_int_t)(asked != NULL ? asked->epoch : 0),
		"applied", (json_int_t)applied, "error", text_or_null(dp->error));
}

static json_t *node(const struct rest_ctx *ctx)
{
	const struct snapshot *s = cluster_snapshot(ctx->cluster);
	const struct snapshot_node *local = cluster_local(ctx->cluster);
	json_t *tokens = json_array();

	if (local == NULL) {
		json_decref(tokens);
		return json_null();
	}
	for (uint32_t i = 0; i < local->token_n; i++)
		json_array_append_new(
			tokens, json_integer(snapshot_tokens(s)[local->token_first + i]));
	return json_pack("{s:s, s:s, s:s, s:o}", "datacenter", local->dc, "rack", local->rack,
		"state", node_state_name(local->state), "tokens", tokens);
}

void rest_status(const struct rest_ctx *ctx, struct rest_reply *reply)
{
	rest_reply_json(reply,
		json_pack("{s:o, s:o, s:o, s:o}", "node", node(ctx), "epoch", epochs(ctx),
			"control_plane", control_plane(ctx), "data_plane", data_plane(ctx)));
}
