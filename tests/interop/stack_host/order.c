#include "tests/interop/stack_host/order.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tests/interop/orders.h"

#define CONNS 1024
#define MEM_MAX (UINT64_C(1) << 30)

// --- settings

static bool plan_setting(struct task_plan *plan, const char *key, const char *value)
{
	static const char *const ends[] = {"close", "shutdown", "wait", "abort", "unread", NULL};
	struct {
		const char *key;
		uint64_t *to;
	} numbers[] = {
		{"send", &plan->send},
		{"send_key", &plan->send_key},
		{"recv", &plan->recv},
		{"recv_key", &plan->recv_key},
		{"slow", &plan->slow},
	};
	uint64_t n = 0;
	bool ok;

	for (size_t i = 0; i < RTE_DIM(numbers); i++)
		if (strcmp(key, numbers[i].key) == 0)
			return orders_number(value, UINT64_MAX, numbers[i].to);
	if (strcmp(key, "to") == 0)
		return ip_addr_parse(value, &plan->to);
	if (strcmp(key, "end") == 0) {
		int end = orders_choice(value, ends);

		plan->end = (enum task_end)end;
		return end >= 0;
	}
	ok = orders_number(value, UINT32_MAX, &n);
	if (strcmp(key, "id") == 0)
		plan->id = (uint32_t)n;
	else if (strcmp(key, "port") == 0)
		plan->port = (uint16_t)n;
	else if (strcmp(key, "after_eof") == 0)
		plan->after_eof = n != 0;
	else
		return false;
	return ok;
}

static bool stack_switch(struct tcp_config *tcp, const char *key, const char *value, bool *known)
{
	bool on = strcmp(value, "1") == 0;

	*known = true;
	if (strcmp(key, "timestamps") == 0)
		tcp->timestamps = on;
	else if (strcmp(key, "sack") == 0)
		tcp->sack = on;
	else if (strcmp(key, "window_scaling") == 0)
		tcp->window_scaling = on;
	else
		*known = false;
	return on || strcmp(value, "0") == 0;
}

static bool congestion_control(struct tcp_config *tcp, const char *name)
{
	tcp->cc = cc_find(name);
	return tcp->cc != NULL;
}

static bool stack_setting(struct host_config *config, const char *key, const char *value)
{
	static const char *const ecns[] = {"off", "accept", "offer", NULL};
	struct net_config *net = &config->net;
	uint64_t n = 0;
	bool known;
	bool ok = stack_switch(&config->tcp, key, value, &known);

	if (known)
		return ok;
	if (strcmp(key, "addr") == 0)
		return net->addr_n < NET_ADDRS_MAX &&
			ip_prefix_parse(value, &net->addr[net->addr_n++]);
	if (strcmp(key, "cc") == 0)
		return congestion_control(&config->tcp, value);
	if (strcmp(key, "ecn") == 0) {
		int ecn = orders_choice(value, ecns);

		config->tcp.ecn = (enum tcp_ecn)ecn;
		return ecn >= 0;
	}
	ok = orders_number(value, UINT32_MAX, &n);
	if (strcmp(key, "mtu") == 0)
		net->mtu = (uint16_t)n;
	else if (strcmp(key, "rcv_buf") == 0)
		config->tcp.rcv_buf = (uint32_t)n;
	else if (strcmp(key, "snd_buf") == 0)
		config->tcp.snd_buf = (uint32_t)n;
	else if (strcmp(key, "time_wait_ms") == 0)
		config->tcp.time_wait = n * NS_PER_MS;
	else if (strcmp(key, "seed") == 0)
		config->tcp.seed = config->net.seed = n;
	else
		return false;
	return ok;
}

// --- verbs

static int order_stack(struct host *host, struct task_list *list, char *rest)
{
	struct host_config config = {
		.net = {.mtu = 1500, .neigh_max = 64, .frag_max = 16, .seed = 1},
		.tcp = tcp_config_default(),
	};
	char *key;
	char *value;

	config.tcp.conns_max = CONNS;
	config.tcp.mem_max = MEM_MAX;
	config.tcp.seed = clock_now(&host->clock).ns;
	config.tcp.secret = (struct siphash_key){{config.tcp.seed, ~config.tcp.seed}};
	while (orders_setting(&rest, &key, &value))
		if (!stack_setting(&config, key, value))
			return -EINVAL;
	task_reset(list);
	return host_stack(host, &config) ? 0 : -ENOMEM;
}

static int order_plan(struct task_list *list, const char *verb, char *rest, struct mono now)
{
	struct task_plan plan = {0};
	char *key;
	char *value;

	while (orders_setting(&rest, &key, &value))
		if (!plan_setting(&plan, key, value))
			return -EINVAL;
	if (strcmp(verb, "listen") == 0)
		return task_listen(list, plan.port);
	if (strcmp(verb, "expect") == 0)
		return task_expect(list, &plan);
	return strcmp(verb, "connect") == 0 ? task_connect(list, &plan, now) : -EINVAL;
}

static int order_progress(const struct task_list *list, char *rest, struct mono now)
{
	struct task_plan plan = {0};
	char *key;
	char *value;

	if (!orders_setting(&rest, &key, &value) || !plan_setting(&plan, key, value))
		return -EINVAL;
	return task_progress(list, plan.id, now);
}

static void order_counters(const struct host *host)
{
	struct tcp_usage usage = tcp_usage(host->tcp);

	printf("{\"answer\": \"ok\", \"conns\": %u, \"half_open\": %u, \"time_waits\": %u, "
	       "\"mem\": %" PRIu64 ", \"mbufs\": %u, \"lost\": %" PRIu64,
		usage.conns, usage.half_open, usage.time_wait, usage.mem,
		rte_mempool_in_use_count(host->pool) - host->spare_n - host->tx_n, host->lost);
	for (unsigned i = 0; i < STAT_N; i++)
		if (host->stats.stat[i])
			printf(", \"%s\": %" PRIu64, stat_rows[i].name, host->stats.stat[i]);
	for (unsigned i = 0; i < DROP_N; i++)
		if (host->stats.drop[i])
			printf(", \"drop_%s\": %" PRIu64, drop_rows[i].name, host->stats.drop[i]);
	printf("}\n");
}

void order_run(struct host *host, struct task_list *list, char *line, struct mono now)
{
	char *rest = NULL;
	const char *verb = orders_verb(line, &rest);
	int rc;

	if (verb == NULL)
		return;
	if (strcmp(verb, "stack") == 0) {
		rc = order_stack(host, list, rest);
	} else if (host->tcp == NULL) {
		rc = -ENOTCONN;
	} else if (strcmp(verb, "counters") == 0) {
		order_counters(host);
		return;
	} else if (strcmp(verb, "progress") == 0) {
		rc = order_progress(list, rest, now);
		if (rc == 0)
			return;
	} else {
		rc = order_plan(list, verb, rest, now);
	}
	printf("{\"answer\": \"%s\"}\n", rc == 0 ? "ok" : strerror(-rc));
}
