// /v1/connections: pages of facts in the style of `ss -ti`.
#include <string.h>

#include "common/base/ip_addr.h"
#include "common/ipc/ipc.h"
#include "controlplane/rest/rest_pages.h"

static json_t *address(const struct ip_addr *addr)
{
	char text[IP_ADDR_TEXT_MAX];

	return json_string(ip_addr_format(addr, text));
}

static json_t *options(uint32_t bits)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < CONN_OPTION_N; i++)
		if ((bits & (1u << i)) != 0)
			json_array_append_new(list, json_string(conn_option_names[i]));
	return list;
}

static json_t *row(const struct conn_info *info, uint32_t worker)
{
	json_t *json = json_pack("{s:i, s:i, s:o, s:i, s:o, s:i, s:s, s:o, s:s, s:s, s:s}",
		"worker", (int)worker, "slot", (int)info->slot, "local", address(&info->local),
		"local_port", info->local_port, "remote", address(&info->remote), "remote_port",
		info->remote_port, "state", conn_state_names[info->state], "options",
		options(info->options), "cc", info->cc, "cc_phase", conn_phase_names[info->phase],
		"timer", conn_timer_names[info->timer]);

	for (unsigned i = 0; json != NULL && i < CONN_NUM_N; i++)
		json_object_set_new(
			json, conn_num_rows[i].name, json_integer((json_int_t)info->num[i]));
	return json;
}

static void question(const struct rest_pages *pages, uint32_t max, union ipc_any_ask *out)
{
	const struct rest_params *params = &pages->params;

	out->conns = (struct ipc_conns_ask){
		.remote = params->remote,
		.from = pages->slot,
		.max = max,
		.port = (uint16_t)rest_number(params, port, 0),
		.state = params->state < 0 ? IPC_ANY_STATE : (uint8_t)params->state,
	};
}

static uint32_t take(struct rest_pages *pages, const struct rest_ctx *ctx, const char *answer)
{
	const char *at = answer + sizeof(struct ipc_conns);
	struct ipc_conns page;

	(void)ctx;
	memcpy(&page, answer, sizeof(page));
	for (uint32_t i = 0; i < page.n; i++, at += sizeof(struct conn_info)) {
		struct conn_info info;

		memcpy(&info, at, sizeof(info));
		conn_info_clean(&info);
		json_array_append_new(pages->rows, row(&info, pages->worker));
	}
	return page.next;
}

void rest_connections(const struct rest_ctx *ctx, struct rest_reply *reply)
{
	static const struct rest_pages_kind kind = {
		.name = "connections",
		.ask = IPC_CONNS_ASK,
		.params = REST_PAGES_PARAMS | REST_HAS(remote) | REST_HAS(port) | REST_HAS(state),
		.ask_max = IPC_CONNS_MAX,
		.question = question,
		.take = take,
	};

	_Static_assert(REST_PAGES_END == IPC_CONNS_END, "the end of its pages");
	rest_pages(&kind, ctx, reply);
}
