// The original's paths about the ring (dynomite.md §7), with its texts. Where it says OK and does
// nothing, these say what was wrong; docs/rest.md lists the differences.
#include <stdio.h>
#include <string.h>

#include "controlplane/rest/rest_handler.h"
#include "controlplane/rest/rest_settings.h"

void rest_get_consistency(const struct rest_ctx *ctx, struct rest_reply *reply)
{
	const struct snapshot *s = cluster_snapshot(ctx->cluster);
	char text[128];

	snprintf(text, sizeof(text), "Read Consistency: %s\r\nWrite Consistency: %s\r\n",
		consistency_name((enum consistency)s->read_consistency),
		consistency_name((enum consistency)s->write_consistency));
	rest_reply_text(reply, text);
}

void rest_set_read_consistency(const struct rest_ctx *ctx, struct rest_reply *reply)
{
	const struct snapshot *s = cluster_snapshot(ctx->cluster);
	enum consistency level;

	if (!rest_read_level(ctx->rest, "the level", &level, reply))
		return;
	rest_change_consistency(ctx, level, (enum consistency)s->write_consistency);
	rest_reply_text(reply, "OK\r\n");
}

void rest_set_write_consistency(const struct rest_ctx *ctx, struct rest_reply *reply)
{
	const struct snapshot *s = cluster_snapshot(ctx->cluster);
	enum consistency level;

	if (!rest_read_level(ctx->rest, "the level", &level, reply))
		return;
	rest_change_consistency(ctx, (enum consistency)s->read_consistency, level);
	rest_reply_text(reply, "OK\r\n");
}

void rest_get_timeout_factor(const struct rest_ctx *ctx, struct rest_reply *reply)
{
	char text[64];

	snprintf(text, sizeof(text), "Timeout factor: %u\n", cluster_timeouts(ctx->cluster).factor);
	rest_reply_text(reply, text);
}

// A number out of range is brought into it, as it always was.
void rest_set_timeout_factor(const struct rest_ctx *ctx, struct rest_reply *reply)
{
	struct cluster_timeouts t = cluster_timeouts(ctx->cluster);
	uint64_t factor;

	if (!slice_to_u64(slice_str(ctx->rest), &factor)) {
		rest_error(reply, REST_BAD_REQUEST, "the factor must be a number from 1 to 10");
		return;
	}
	if (factor < 1)
		factor = 1;
	t.factor = factor < CLUSTER_FACTOR_MAX ? (uint32_t)factor : CLUSTER_FACTOR_MAX;
	rest_change_timeouts(ctx, &t);
	rest_reply_text(reply, "OK\r\n");
}

void rest_get_state(const struct rest_ctx *ctx, struct rest_reply *reply)
{
	char text[64];

	snprintf(text, sizeof(text), "State: %s\n",
		node_state_name((enum node_state)cluster_snapshot(ctx->cluster)->state));
	rest_reply_text(reply, text);
}

void rest_set_state(const struct rest_ctx *ctx, struct rest_reply *reply)
{
	if (rest_change_state(ctx, ctx->rest, reply))
		rest_reply_text(reply, "OK\r\n");
}

// The list in `parent` of the object called `name`, in the order in which they come; made when it
// is not there.
static json_t *list_of(json_t *parent, const char *name, const char *list)
{
	json_t *object;
	size_t i;

	json_array_foreach(parent, i, object)
	{
		if (strcmp(json_string_value(json_object_get(object, "name")), name) == 0)
			return json_object_get(object, list);
	}
	object = json_pack("{s:s, s:[]}", "name", name, list);
	json_array_append_new(parent, object);
	return json_object_get(object, list);
}

void rest_cluster_describe(const struct rest_ctx *ctx, struct rest_reply *reply)
{
	const struct snapshot *s = cluster_snapshot(ctx->cluster);
	json_t *dcs = json_array();

	for (uint32_t i = 0; i < s->node_n; i++) {
		const struct snapshot_node *node = &snapshot_nodes(s)[i];
		json_t *servers = list_of(list_of(dcs, node->dc, "racks"), node->rack, "servers");
		char ip[IP_ADDR_TEXT_MAX];
		const char *name =
			ip_addr_is_any(&node->addr) ? node->host : ip_addr_format(&node->addr, ip);
		// The first one alone, as the original does.
		uint32_t token = node->token_n > 0 ? snapshot_tokens(s)[node->token_first] : 0;

		json_array_append_new(servers,
			json_pack("{s:s, s:s, s:i, s:I}", "name", name, "host",
				node->host[0] != '\0' ? node->host : name, "port", node->port,
				"token", (json_int_t)token));
	}
	rest_reply_json(reply, json_pack("{s:o}", "dcs", dcs));
}
