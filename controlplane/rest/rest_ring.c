// The ring of the snapshot that is asked for: its nodes, who owns what, and why it is as it is.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/cluster/ring.h"
#include "controlplane/rest/rest_handler.h"

json_t *rest_node_json(const struct snapshot_node *node)
{
	char ip[IP_ADDR_TEXT_MAX];
	json_t *addr = ip_addr_is_any(&node->addr) ? json_null()
						   : json_string(ip_addr_format(&node->addr, ip));

	return json_pack("{s:s, s:o, s:i, s:s, s:b}", "host", node->host, "address", addr, "port",
		node->port, "state", node_state_name((enum node_state)node->state), "local",
		(int)node->is_local);
}

// NULL: the reply says why.
static struct ring *ring_of(const struct rest_ctx *ctx, struct rest_reply *reply)
{
	struct ring *ring = NULL;
	int error = ring_new(cluster_snapshot(ctx->cluster), &ring);

	if (error == 0)
		return ring;
	rest_error(reply, REST_FAILED, strerror(-error));
	return NULL;
}

// How many of the 2^32 points each node of the rack has, added to `shares`, which has a place for
// each node of the snapshot.
static void add_shares(const struct ring_rack *rack, uint64_t *shares)
{
	uint32_t owner = ring_owner(rack, 0);

	if (rack->token_n < 2) {
		if (owner != RING_NO_NODE)
			shares[owner] += UINT64_C(1) << 32;
		return;
	}
	for (uint32_t i = 0; i < rack->token_n; i++) {
		uint32_t before = i > 0 ? i - 1 : rack->token_n - 1;
		uint32_t token = (uint32_t)(rack->point[i] >> 32);

		// What lies behind the token before, round the end of the ring with the first.
		shares[(uint32_t)rack->point[i]] +=
			(uint32_t)(token - (uint32_t)(rack->point[before] >> 32));
	}
}

static json_t *member(const struct snapshot *s, uint32_t i, const uint64_t *shares)
{
	const struct snapshot_node *node = &snapshot_nodes(s)[i];
	json_t *json = rest_node_json(node);
	json_t *tokens = json_array();

	for (uint32_t t = 0; t < node->token_n; t++)
		json_array_append_new(
			tokens, json_integer(snapshot_tokens(s)[node->token_first + t]));
	json_object_set_new(json, "tokens", tokens);
	json_object_set_new(json, "owns_percent",
		json_real((double)shares[i] * 100 / (double)(UINT64_C(1) << 32)));
	return json;
}

static json_t *rack_json(const struct snapshot *s, const struct ring_dc *dc,
	const struct ring_rack *rack, const uint64_t *shares)
{
	json_t *nodes = json_array();

	for (uint32_t i = 0; i < s->node_n; i++)
		if (strcmp(snapshot_nodes(s)[i].dc, dc->name) == 0 &&
			strcmp(snapshot_nodes(s)[i].rack, rack->name) == 0)
			json_array_append_new(nodes, member(s, i, shares));
	return json_pack("{s:s, s:o}", "name", rack->name, "nodes", nodes);
}

// Of another datacentre: the rack that gets what this node forwards there.
static json_t *forward_to(const struct ring *ring, uint32_t dc)
{
	const struct ring_dc *d = &ring->dc[dc];

	return dc == 0 ? json_null() : json_string(d->rack[d->preferred].name);
}

static json_t *tag_json(const struct snapshot *s)
{
	return s->hash_tag[0] != '\0' ? json_stringn(s->hash_tag, sizeof(s->hash_tag))
				      : json_null();
}

static json_t *datacenters(const struct ring *ring, uint64_t *shares)
{
	json_t *dcs = json_array();

	for (uint32_t d = 0; d < ring->dc_n; d++) {
		const struct ring_dc *dc = &ring->dc[d];
		json_t *racks = json_array();

		for (uint32_t r = 0; r < dc->rack_n; r++) {
			add_shares(&dc->rack[r], shares);
			json_array_append_new(
				racks, rack_json(ring->snapshot, dc, &dc->rack[r], shares));
		}
		json_array_append_new(dcs,
			json_pack("{s:s, s:o, s:o}", "name", dc->name, "forward_to",
				forward_to(ring, d), "racks", racks));
	}
	return dcs;
}

void rest_ring(const struct rest_ctx *ctx, struct rest_reply *reply)
{
	const struct snapshot *s = cluster_snapshot(ctx->cluster);
	struct ring *ring = ring_of(ctx, reply);
	uint64_t *shares;

	if (ring == NULL)
		return;
	shares = calloc(s->node_n, sizeof(*shares));
	if (shares == NULL)
		rest_error(reply, REST_FAILED, strerror(ENOMEM));
	else
		rest_reply_json(reply,
			json_pack("{s:I, s:s, s:s, s:o, s:o}", "epoch", (json_int_t)s->epoch,
				"cause", cluster_event(ctx->cluster, 0)->cause, "hash",
				conf_hash_names[s->hash], "hash_tag", tag_json(s), "datacenters",
				datacenters(ring, shares)));
	free(shares);
	ring_free(ring);
}

void rest_changes(const struct rest_ctx *ctx, struct rest_reply *reply)
{
	const struct cluster_event *event;
	json_t *list = json_array();

	for (unsigned i = 0; (event = cluster_event(ctx->cluster, i)) != NULL; i++) {
		time_t seconds = (time_t)(event->wall_ms / 1000);
		char day[32];
		char text[48];
		struct tm tm;

		strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", gmtime_r(&seconds, &tm));
		snprintf(text, sizeof(text), "%s.%03uZ", day, (unsigned)(event->wall_ms % 1000));
		json_array_append_new(list,
			json_pack("{s:I, s:s, s:s}", "epoch", (json_int_t)event->epoch, "time",
				text, "cause", event->cause));
	}
	rest_reply_json(reply, json_pack("{s:o}", "changes", list));
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// Undoes %-escapes in place: keys are any bytes. The length, or -1 when an escape is none.
static ssize_t unescape(char *text)
{
	ssize_t len = 0;

	for (const char *from = text; *from != '\0'; from++) {
		char c = *from;

		if (c == '%') {
			int high = hex(from[1]);
			int low = high < 0 ? -1 : hex(from[2]);

			if (low < 0)
				return -1;
			c = (char)(high << 4 | low);
			from += 2;
		}
		text[len++] = c;
	}
	return len;
}

static json_t *owners(const struct ring *ring, uint32_t hash)
{
	json_t *dcs = json_array();

	for (uint32_t d = 0; d < ring->dc_n; d++) {
		const struct ring_dc *dc = &ring->dc[d];
		json_t *racks = json_array();

		for (uint32_t r = 0; r < dc->rack_n; r++) {
			uint32_t i = ring_owner(&dc->rack[r], hash);
			json_t *owner = i == RING_NO_NODE
				? json_null()
				: rest_node_json(&snapshot_nodes(ring->snapshot)[i]);

			json_array_append_new(racks,
				json_pack("{s:s, s:o}", "name", dc->rack[r].name, "owner", owner));
		}
		json_array_append_new(dcs,
			json_pack("{s:s, s:o, s:o}", "name", dc->name, "forward_to",
				forward_to(ring, d), "racks", racks));
	}
	return dcs;
}

void rest_key_replicas(const struct rest_ctx *ctx, struct rest_reply *reply)
{
	char *text = strdup(ctx->rest);
	ssize_t len = text != NULL ? unescape(text) : -1;
	struct ring *ring;
	uint32_t hash;
	json_t *key;

	if (len <= 0) {
		rest_error(reply, REST_BAD_REQUEST,
			"the key must have 1 to 4095 bytes, with %-escapes written right");
		free(text);
		return;
	}
	ring = ring_of(ctx, reply);
	if (ring != NULL) {
		hash = ring_hash(ring, slice_make(text, (size_t)len));
		// What is no UTF-8 is shown as it was written.
		key = json_stringn(text, (size_t)len);
		rest_reply_json(reply,
			json_pack("{s:o, s:I, s:I, s:o}", "key",
				key != NULL ? key : json_string(ctx->rest), "hash",
				(json_int_t)hash, "epoch", (json_int_t)ring->snapshot->epoch,
				"datacenters", owners(ring, hash)));
		ring_free(ring);
	}
	free(text);
}
