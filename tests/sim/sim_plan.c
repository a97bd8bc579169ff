#include "tests/sim/sim_plan.h"

#include <stdio.h>
#include <string.h>

#include <rte_common.h>

#define US NS_PER_US
#define MS NS_PER_MS
#define MTU_V6_MIN 1280
#define POOL_MBUF 2304u // what one of a small pool costs, about

static struct rng rng; // of the plan that is being drawn

static uint64_t between(uint64_t low, uint64_t high)
{
	return low + rng_u64(&rng) % (high - low + 1);
}

static bool one_in(unsigned n)
{
	return rng_below(&rng, n) == 0;
}

// Evenly spread over the orders of magnitude.
static uint64_t spread(uint64_t low, uint64_t high)
{
	unsigned doublings = 0;
	uint64_t from;

	while (low << (doublings + 1) <= high)
		doublings++;
	from = low << rng_below(&rng, doublings + 1);
	return between(from, RTE_MIN(2 * from, high));
}

// --- links

static void scene_lan(struct link_model *link)
{
	link->delay = spread(5 * US, 2 * MS);
}

static void scene_wan(struct link_model *link)
{
	link->delay = between(5 * MS, 150 * MS);
	link->jitter = one_in(2) ? link->delay / between(4, 40) : 0;
	link->in_order = true;
}

static void scene_bottleneck(struct link_model *link)
{
	uint64_t bdp;

	link->delay = spread(200 * US, 80 * MS);
	link->rate = spread(64 * 1024, 64 << 20);
	bdp = link->rate / 1000 * (2 * link->delay / MS + 1);
	link->queue = (uint32_t)between(
		RTE_MAX(bdp / 4, UINT64_C(30000)), RTE_MAX(2 * bdp, UINT64_C(60000)));
	link->mark = one_in(2) ? link->queue / (uint32_t)between(2, 8) : 0;
}

static void scene_lossy(struct link_model *link)
{
	scene_wan(link);
	link->loss = (uint32_t)spread(100, 50000);
}

static void scene_bursts(struct link_model *link)
{
	scene_wan(link);
	link->burst_enter = (uint32_t)spread(200, 10000);
	link->burst_leave = (uint32_t)between(50000, 500000);
	link->burst_loss = (uint32_t)between(200000, 1000000);
}

static void scene_reorder(struct link_model *link)
{
	link->delay = spread(200 * US, 80 * MS);
	if (one_in(2))
		link->jitter = link->delay * between(5, 100) / 100;
	link->reorder = (uint32_t)spread(1000, 200000);
	link->reorder_delay = link->delay * between(10, 200) / 100;
	link->dup = one_in(2) ? (uint32_t)spread(1000, 100000) : 0;
}

static void scene_awful(struct link_model *link)
{
	link->delay = spread(100 * US, 150 * MS);
	link->jitter = link->delay / 2;
	link->loss = (uint32_t)between(10000, 300000);
	link->dup = (uint32_t)spread(1000, 100000);
	link->reorder = (uint32_t)spread(1000, 100000);
	link->reorder_delay = link->delay;
	link->corrupt = (uint32_t)spread(1000, 50000);
}

// Sizes are set when the MTU is known.
static void scene_hole(struct link_model *link)
{
	link->delay = spread(200 * US, 50 * MS);
	link->hole = 1;
	link->hole_icmp = one_in(2);
	link->loss = one_in(3) ? (uint32_t)spread(100, 20000) : 0;
}

static void scene_cuts(struct link_model *link)
{
	link->delay = spread(200 * US, 80 * MS);
	link->cut_every = between(500, 20000) * MS;
	link->cut_for = link->cut_every * between(5, 60) / 100;
}

static void scene_thin(struct link_model *link)
{
	link->delay = between(2 * MS, 60 * MS);
	link->rate = spread(20000, 400000);
	link->queue = (uint32_t)between(20000, 60000);
	link->thin = true;
}

static const struct {
	const char *name;
	void (*draw)(struct link_model *link);
	unsigned weight;
} scenes[] = {
	{"lan", scene_lan, 10},
	{"wan", scene_wan, 10},
	{"bottleneck", scene_bottleneck, 16},
	{"lossy", scene_lossy, 16},
	{"bursts", scene_bursts, 10},
	{"reorder", scene_reorder, 12},
	{"awful", scene_awful, 10},
	{"hole", scene_hole, 6},
	{"cuts", scene_cuts, 5},
	{"thin", scene_thin, 5},
};

static const size_t scene_n = sizeof(scenes) / sizeof(scenes[0]);

static void draw_links(struct sim_plan *plan)
{
	unsigned at = rng_below(&rng, 100);
	size_t i = 0;

	while (i + 1 < scene_n && at >= scenes[i].weight)
		at -= scenes[i++].weight;
	plan->scene = scenes[i].name;
	scenes[i].draw(&plan->link[0]);
	plan->link[1] = plan->link[0];
	// The way back is like it, or plain with the same delay, or another one of its kind.
	if (plan->link[0].thin) {
		// What is thinned must be the way of the ACKs.
		plan->link[0] = (struct link_model){.delay = plan->link[1].delay};
	} else if (one_in(3)) {
		plan->link[1] = (struct link_model){.delay = plan->link[0].delay};
	} else if (one_in(3)) {
		plan->link[1] = (struct link_model){0};
		scenes[i].draw(&plan->link[1]);
	}
}

// --- hosts

static uint32_t draw_buffer(void)
{
	if (one_in(8))
		return (uint32_t)between(1500, 6000);
	return (uint32_t)spread(8192, 4 << 20);
}

static void draw_config(struct sim_plan *plan, struct tcp_config *cfg, unsigned host)
{
	static const uint64_t delays[] = {0, 0, 5 * MS, 40 * MS};

	*cfg = tcp_config_default();
	cfg->conns_max = 64;
	cfg->half_open_max = one_in(8) ? 2 : 16;
	cfg->time_wait_max = 64;
	cfg->cc = one_in(4) ? &cc_newreno : &cc_cubic;
	cfg->secret = (struct siphash_key){{plan->seed * 2 + host, ~plan->seed}};
	cfg->seed = plan->seed * 2 + host;
	cfg->timestamps = !one_in(5);
	cfg->window_scaling = !one_in(5);
	cfg->sack = !one_in(4);
	cfg->ecn = (enum tcp_ecn)rng_below(&rng, 3);
	cfg->delayed_ack = delays[rng_below(&rng, 4)];
	cfg->rcv_buf = draw_buffer();
	cfg->snd_buf = draw_buffer();
	cfg->wide_buf = one_in(4) ? draw_buffer() : 0;
	cfg->wide_keepalive = one_in(4) ? NS_PER_SEC : 0;
}

static void draw_hosts(struct sim_plan *plan)
{
	static const uint16_t mtus[] = {576, 1280, 1400, 1500, 1500, 1500, 1500, 4000, 9000};
	static const uint64_t steps[] = {0, 0, 10 * US, 50 * US, 200 * US};
	uint16_t mtu = mtus[rng_below(&rng, 9)];

	plan->mtu[0] = mtu;
	plan->mtu[1] = one_in(6) ? mtus[rng_below(&rng, 9)] : mtu;
	plan->step = steps[rng_below(&rng, 5)];
	plan->backlog = one_in(6) ? (unsigned)between(1, 3) : SIM_CONNS_MAX;
	for (unsigned i = 0; i < 2; i++)
		draw_config(plan, &plan->cfg[i], i);
	if (one_in(20) && RTE_MAX(plan->mtu[0], plan->mtu[1]) <= 1500) {
		plan->small_pool = (unsigned)between(300, 1200);
		for (unsigned i = 0; i < 2; i++)
			plan->cfg[i].mem_max = plan->small_pool / 2 * POOL_MBUF;
	}
}

// --- connections

static uint64_t draw_total(const struct sim_plan *plan)
{
	bool slow = plan->link[0].loss + plan->link[1].loss > 100000 || plan->small_pool > 0;

	if (one_in(12))
		return 0;
	return slow          ? spread(1, 64 << 10)
		: one_in(40) ? spread(1 << 20, 8 << 20)
			     : spread(1, 512 << 10);
}

static void draw_end(struct sim_plan *plan, struct sim_end_plan *end, const struct tcp_config *cfg)
{
	end->total = draw_total(plan);
	end->chunk = (uint32_t)spread(1, 65536);
	end->chunk = RTE_MAX(end->chunk, (uint32_t)(end->total / 2000));
	end->fin = (enum sim_fin)rng_below(&rng, SIM_FIN_BOTH);
	end->close = (enum sim_end_kind)rng_below(&rng, SIM_CLOSE_ABORT);
	if (one_in(8)) {
		end->read_max = (uint32_t)spread(RTE_MAX(cfg->rcv_buf / 50, 100u), cfg->rcv_buf);
		end->read_pause = spread(100 * US, 100 * MS);
	}
}

static void draw_rounds(struct sim_conn_plan *conn)
{
	uint64_t rounds = spread(1, 60);

	for (unsigned e = 0; e < 2; e++) {
		conn->end[e].ask = (uint32_t)spread(1, 8192);
		conn->end[e].total = conn->end[e].ask * rounds;
	}
}

static void draw_conn(struct sim_plan *plan, struct sim_conn_plan *conn, unsigned i)
{
	static const enum sim_kind kinds[] = {SIM_STREAM, SIM_STREAM, SIM_STREAM, SIM_STREAM,
		SIM_ASK, SIM_ASK, SIM_ANSWER, SIM_ANSWER};

	conn->kind = one_in(40) ? SIM_REFUSED : kinds[rng_below(&rng, 8)];
	conn->opener = one_in(4);
	conn->v6 = plan->conn[0].v6;
	if (RTE_MIN(plan->mtu[0], plan->mtu[1]) < MTU_V6_MIN)
		conn->v6 = false;
	conn->start = i == 0 || one_in(2) ? 0 : spread(1 * MS, 2000 * MS);
	for (unsigned e = 0; e < 2; e++)
		draw_end(plan, &conn->end[e], &plan->cfg[conn->opener ^ e]);
	if (conn->kind == SIM_ASK)
		draw_rounds(conn);
	if (conn->kind == SIM_ANSWER) {
		conn->end[0].fin = SIM_FIN_SENT;
		if (conn->end[0].close == SIM_CLOSE_FIN)
			conn->end[0].close = SIM_CLOSE_LATE;
	}
	// Somebody has to begin.
	if (conn->end[0].fin == SIM_FIN_EOF && conn->end[1].fin == SIM_FIN_EOF)
		conn->end[one_in(2)].fin = SIM_FIN_READ;
	if (conn->kind != SIM_ANSWER && one_in(6))
		conn->end[0].fin = conn->end[1].fin = SIM_FIN_BOTH;
	conn->both_open = conn->kind != SIM_REFUSED && one_in(10);
	conn->local_port = conn->both_open || one_in(3) ? (uint16_t)(SIM_PORT_BOTH + i) : 0;
	if (!conn->both_open && conn->kind != SIM_REFUSED && one_in(12)) {
		struct sim_end_plan *end = &conn->end[one_in(2)];

		end->close = SIM_CLOSE_ABORT;
		end->abort_at = between(0, conn->end[0].total + conn->end[1].total);
	}
}

static void draw_conns(struct sim_plan *plan)
{
	plan->conn_n = one_in(3) ? 1 : (unsigned)spread(1, SIM_CONNS_MAX);
	plan->conn[0].v6 = one_in(2);
	for (unsigned i = 0; i < plan->conn_n; i++)
		draw_conn(plan, &plan->conn[i], i);
}

// What depends on the sizes of packets.
static void draw_holes(struct sim_plan *plan)
{
	unsigned floor = plan->conn[0].v6 ? MTU_V6_MIN : 600;
	unsigned mtu = plan->mtu[0] < plan->mtu[1] ? plan->mtu[0] : plan->mtu[1];

	for (unsigned i = 0; i < 2; i++)
		if (plan->link[i].hole > 0)
			plan->link[i].hole = mtu > floor ? (uint32_t)between(floor, mtu) : 0;
}

void sim_plan_draw(struct sim_plan *plan, uint64_t seed)
{
	memset(plan, 0, sizeof(*plan));
	rng_seed(&rng, seed ^ UINT64_C(0x51a7e0b5));
	plan->seed = seed;
	draw_links(plan);
	draw_hosts(plan);
	draw_conns(plan);
	draw_holes(plan);
	if (one_in(40))
		plan->dead_after = spread(1 * MS, 20000 * MS);
	sim_plan_excuse(plan);
}
