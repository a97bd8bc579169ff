// /v1/peers: how other nodes fare, as each worker sees them. What a node is called stands in the
// control plane's own snapshot, under the number that the worker says.
#include <string.h>

#include "common/base/ip_addr.h"
#include "common/ipc/ipc.h"
#include "controlplane/rest/rest_pages.h"

// NULL: the worker counts the nodes of another snapshot, or the node is in none any more.
static const struct snapshot_node *node_of(
	const struct rest_ctx *ctx, uint64_t epoch, const struct peer_info *info)
{
	const struct snapshot *s = cluster_snapshot(ctx->cluster);

	if (s == NULL || epoch != s->epoch || info->node >= s->node_n)
		return NULL;
	return &snapshot_nodes(s)[info->node];
}

static json_t *address(const struct ip_addr *addr)
{
	char text[IP_ADDR_TEXT_MAX];

	return ip_addr_is_any(addr) ? json_null() : json_string(ip_addr_format(addr, text));
}

static json_t *row(const struct peer_info *info, const struct snapshot_node *node, uint32_t worker)
{
	json_t *json = json_pack("{s:i, s:s?, s:s?, s:s?, s:o, s:i, s:b, s:s?, s:b, s:s}", "worker",
		(int)worker, "host", node != NULL ? node->host : NULL, "datacenter",
		node != NULL ? node->dc : NULL, "rack", node != NULL ? node->rack : NULL, "address",
		address(&info->addr), "port", info->port, "same_datacenter", (int)info->same_dc,
		"state", node != NULL ? node_state_name((enum node_state)node->state) : NULL,
		"gone", (int)(info->node == PEER_INFO_GONE), "health",
		peer_health_names[info->health]);

	for (unsigned i = 0; json != NULL && i < PEER_NUM_N; i++)
		json_object_set_new(
			json, peer_num_rows[i].name, json_integer((json_int_t)info->num[i]));
	return json;
}

static void question(const struct rest_pages *pages, uint32_t max, union ipc_any_ask *out)
{
	out->peers = (struct ipc_peers_ask){.from = pages->slot, .max = max};
}

static uint32_t take(struct rest_pages *pages, const struct rest_ctx *ctx, const char *answer)
{
	const char *at = answer + sizeof(struct ipc_peers);
	struct ipc_peers page;

	memcpy(&page, answer, sizeof(page));
	for (uint32_t i = 0; i < page.n; i++, at += sizeof(struct peer_info)) {
		struct peer_info info;

		memcpy(&info, at, sizeof(info));
		peer_info_clean(&info);
		json_array_append_new(
			pages->rows, row(&info, node_of(ctx, page.epoch, &info), pages->worker));
	}
	return page.next;
}

void rest_peers(const struct rest_ctx *ctx, struct rest_reply *reply)
{
	static const struct rest_pages_kind kind = {
		.name = "peers",
		.ask = IPC_PEERS_ASK,
		.params = REST_PAGES_PARAMS,
		.ask_max = IPC_PEERS_MAX,
		.question = question,
		.take = take,
	};

	_Static_assert(REST_PAGES_END == IPC_PEERS_END, "the end of its pages");
	rest_pages(&kind, ctx, reply);
}
