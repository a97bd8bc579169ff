// A plan in words, for whoever looks at a seed that failed.
#include <stdio.h>

#include "tests/sim/sim_plan.h"

static void print_link(const struct link_model *link, unsigned from)
{
	printf("  link from host %u: delay %.3f ms", from, (double)link->delay / 1e6);
	if (link->jitter > 0)
		printf(", jitter %.3f ms%s", (double)link->jitter / 1e6,
			link->in_order ? " in order" : "");
	if (link->rate > 0)
		printf(", %llu bytes/s, queue %u", (unsigned long long)link->rate, link->queue);
	if (link->mark > 0)
		printf(", marks from %u", link->mark);
	if (link->loss > 0)
		printf(", loss %.3f %%", link->loss / 1e4);
	if (link->burst_enter > 0)
		printf(", bursts in %.3f %% out %.3f %% loss %.1f %%", link->burst_enter / 1e4,
			link->burst_leave / 1e4, link->burst_loss / 1e4);
	if (link->dup > 0)
		printf(", dup %.3f %%", link->dup / 1e4);
	if (link->reorder > 0)
		printf(", reorder %.3f %% by %.3f ms", link->reorder / 1e4,
			(double)link->reorder_delay / 1e6);
	if (link->corrupt > 0)
		printf(", corrupt %.3f %%", link->corrupt / 1e4);
	if (link->hole > 0)
		printf(", hole above %u %s ICMP", link->hole, link->hole_icmp ? "with" : "without");
	if (link->cut_for > 0)
		printf(", cut for %.3f of %.3f s", (double)link->cut_for / 1e9,
			(double)link->cut_every / 1e9);
	printf("%s\n", link->thin ? ", thinned" : "");
}

static void print_config(const struct sim_plan *plan, unsigned host)
{
	static const char *const ecn[] = {"off", "accepted", "offered"};
	const struct tcp_config *cfg = &plan->cfg[host];

	printf("  host %u: mtu %u, %s,%s%s%s ecn %s, delayed ack %llu ms, rcv_buf %u, snd_buf %u, "
	       "half-open %u\n",
		host, plan->mtu[host], cfg->cc->name, cfg->timestamps ? " timestamps" : "",
		cfg->window_scaling ? " scaling" : "", cfg->sack ? " sack" : "", ecn[cfg->ecn],
		(unsigned long long)(cfg->delayed_ack / NS_PER_MS), cfg->rcv_buf, cfg->snd_buf,
		cfg->half_open_max);
}

static void print_end(const struct sim_end_plan *end)
{
	static const char *const fins[] = {"sent", "read", "eof", "both"};
	static const char *const closes[] = {"late", "eof", "fin", "abort"};

	printf(" | %llu bytes by %u, fin %s, close %s", (unsigned long long)end->total, end->chunk,
		fins[end->fin], closes[end->close]);
	if (end->close == SIM_CLOSE_ABORT)
		printf(" at %llu", (unsigned long long)end->abort_at);
	if (end->ask > 0)
		printf(", rounds of %u", end->ask);
	if (end->read_pause > 0)
		printf(", reads %u each %.3f ms", end->read_max, (double)end->read_pause / 1e6);
}

void sim_plan_print(const struct sim_plan *plan)
{
	static const char *const kinds[] = {"stream", "ask", "answer", "refused"};

	printf("seed %llu: %s%s, %u connections, step %.3f ms, backlog %u, bound %.1f s",
		(unsigned long long)plan->seed, plan->scene, plan->clean ? " (clean)" : "",
		plan->conn_n, (double)plan->step / 1e6, plan->backlog, (double)plan->bound / 1e9);
	if (plan->small_pool > 0)
		printf(", pools of %u", plan->small_pool);
	if (plan->dead_after > 0)
		printf(", dead after %.3f s", (double)plan->dead_after / 1e9);
	printf("\n");
	for (unsigned i = 0; i < 2; i++) {
		print_link(&plan->link[i], i);
		print_config(plan, i);
	}
	for (unsigned i = 0; i < plan->conn_n; i++) {
		const struct sim_conn_plan *conn = &plan->conn[i];

		printf("  %u: %s by host %u, %s%s, at %.3f s", i, kinds[conn->kind], conn->opener,
			conn->v6 ? "IPv6" : "IPv4", conn->both_open ? ", simultaneous" : "",
			(double)conn->start / 1e9);
		print_end(&conn->end[0]);
		print_end(&conn->end[1]);
		printf("\n");
	}
	fflush(stdout);
}
