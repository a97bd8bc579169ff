// The stack as a whole: its memory, its settings.
#include "dataplane/tcp/tcp.h"

#include <stdlib.h>

#include "dataplane/tcp/tcp_conn.h"
#include "dataplane/tcp/tcp_half_open.h"
#include "dataplane/tcp/tcp_time_wait.h"

#define RST_PER_SECOND 1000
#define CHALLENGE_PER_SECOND 1000
// At this rate it takes most of a day to guess one of 28 bits (tcp_cookie.h).
#define COOKIE_MISSES_PER_SECOND 4096
// Segments in flight that a connection has a record for, on average, beside its own first one.
#define RECORDS_PER_CONN 16
// What is in flight or out of order pins packet buffers, and all of these together are bounded: so
// are the records of it. A million connections do not each need their own.
#define MEM_PER_RECORD 512
#define MEM_PER_REASM 4096
#define POOL_MIN 1024
#define POOL_MAX (UINT64_C(1) << 26)

struct tcp_config tcp_config_default(void)
{
	return (struct tcp_config){
		.conns_max = 65536,
		.half_open_max = 4096,
		.time_wait_max = 32768,
		.rcv_buf = 256 * 1024,
		.snd_buf = 256 * 1024,
		.mem_max = UINT64_C(256) << 20,
		.rto_min = 200 * NS_PER_MS,
		.rto_max = 60 * NS_PER_SEC,
		.delayed_ack = 0,
		.keepalive_idle = 60 * NS_PER_SEC,
		.keepalive_interval = 10 * NS_PER_SEC,
		.keepalive_probes = 6,
		.syn_retries = 5,
		.data_retries = 15,
		.persist_silence = 100 * NS_PER_SEC,
		.fin_wait_2 = 60 * NS_PER_SEC,
		.time_wait = 60 * NS_PER_SEC,
		.syn_cookies = true,
		.timestamps = true,
		.window_scaling = true,
		.sack = true,
		.ecn = TCP_ECN_ACCEPT,
		.cc = &cc_cubic,
	};
}

static int make_pools(struct tcp *tcp)
{
	const struct tcp_config *cfg = &tcp->cfg;
	uint64_t records = RTE_MIN((uint64_t)cfg->conns_max * RECORDS_PER_CONN,
		cfg->mem_max / MEM_PER_RECORD + POOL_MIN);
	uint64_t reasms =
		RTE_MIN((uint64_t)cfg->conns_max, cfg->mem_max / MEM_PER_REASM + POOL_MIN);
	int rc = pool_init(&tcp->conns, sizeof(struct tcp_conn), cfg->conns_max);

	if (rc == 0)
		rc = pool_init(&tcp->half_opens, sizeof(struct tcp_half_open), cfg->half_open_max);
	if (rc == 0)
		rc = pool_init(&tcp->time_waits, sizeof(struct tcp_time_wait), cfg->time_wait_max);
	if (rc == 0)
		rc = pool_init(&tcp->flights, sizeof(struct tcp_flight), cfg->conns_max);
	if (rc == 0)
		rc = pool_init(
			&tcp->sents, sizeof(struct tcp_sent), (uint32_t)RTE_MIN(records, POOL_MAX));
	if (rc == 0)
		rc = pool_init(&tcp->reasms, sizeof(struct tcp_reasm),
			(uint32_t)RTE_MIN(reasms, POOL_MAX));
	if (rc == 0)
		rc = tcp_table_init(
			&tcp->table, cfg->conns_max + cfg->half_open_max + cfg->time_wait_max);
	if (rc == 0)
		rc = trace_ring_init(&tcp->trace);
	tcp->table.pools[TCP_KIND_CONN] = &tcp->conns;
	tcp->table.pools[TCP_KIND_HALF_OPEN] = &tcp->half_opens;
	tcp->table.pools[TCP_KIND_TIME_WAIT] = &tcp->time_waits;
	tcp->table.is[TCP_KIND_HALF_OPEN] = tcp_half_open_is;
	tcp->table.is[TCP_KIND_TIME_WAIT] = tcp_time_wait_is;
	tcp->table.ctx = tcp;
	return rc;
}

static void free_pools(struct tcp *tcp)
{
	tcp_table_fini(&tcp->table);
	pool_fini(&tcp->conns);
	pool_fini(&tcp->half_opens);
	pool_fini(&tcp->time_waits);
	pool_fini(&tcp->flights);
	pool_fini(&tcp->sents);
	pool_fini(&tcp->reasms);
	trace_ring_fini(&tcp->trace);
}

// The smallest shift with which the largest window can be said.
static uint8_t wscale_for(const struct tcp_config *cfg)
{
	uint32_t largest = RTE_MAX(cfg->rcv_buf, cfg->wide_buf);
	uint8_t shift = 0;

	while (shift < TCP_WSCALE_MAX && (UINT32_C(0xffff) << shift) < largest)
		shift++;
	return cfg->window_scaling ? shift : 0;
}

struct tcp *tcp_new(const struct tcp_config *config, struct net *net, struct rte_mempool *pool,
	struct stats *stats, struct mono now)
{
	struct tcp *tcp = aligned_alloc(CACHE_LINE, RTE_ALIGN_CEIL(sizeof(*tcp), CACHE_LINE));

	if (tcp == NULL)
		return NULL;
	memset(tcp, 0, sizeof(*tcp));
	tcp->cfg = *config;
	tcp->net = net;
	tcp->pool = pool;
	tcp->stats = stats;
	tcp->cc = config->cc;
	tcp->now = now;
	if (make_pools(tcp) != 0) {
		free_pools(tcp);
		free(tcp);
		return NULL;
	}
	list_init(&tcp->out);
	list_init(&tcp->events);
	tcp->starved.offset = offsetof(struct tcp_conn, starved_link);
	list_init(&tcp->listeners);
	wheel_init(&tcp->wheel, now);
	wheel_timer_init(&tcp->time_wait_timer);
	wheel_timer_init(&tcp->half_open_timer);
	tcp->rcv_wscale = wscale_for(config);
	tcp->rst_rate.per_second = RST_PER_SECOND;
	tcp->challenge_rate.per_second = CHALLENGE_PER_SECOND;
	tcp->cookie_rate.per_second = COOKIE_MISSES_PER_SECOND;
	tcp->syn_ack_credit = (struct tcp_credit){.since = now, .left = TCP_CREDIT_MAX};
	rng_seed(&tcp->rng, config->seed);
	tcp->port_next = (uint32_t)rng_u64(&tcp->rng);
	return tcp;
}

void tcp_free(struct tcp *tcp)
{
	if (tcp == NULL)
		return;
	for (uint32_t i = 0; i < tcp->conns.touched; i++) {
		struct tcp_conn *conn = tcp_conn_at(tcp, i);

		if (conn != NULL)
			tcp_conn_free(conn);
	}
	while (!list_empty(&tcp->listeners)) {
		struct list *link = list_pop_front(&tcp->listeners);

		free(list_entry(link, struct tcp_listener, link));
	}
	free_pools(tcp);
	free(tcp);
}

struct tcp_usage tcp_usage(const struct tcp *tcp)
{
	return (struct tcp_usage){
		.conns = tcp->conns.used,
		.half_open = tcp->half_opens.used,
		.time_wait = tcp->time_waits.used,
		.mem = tcp->mem,
	};
}
