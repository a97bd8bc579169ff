// What a plan's links excuse, and how long its connections may take at the worst.
#include <math.h>

#include <rte_common.h>

#include "tests/sim/sim_plan.h"

#define MILLION 1e6
// Beyond this chance that an exchange fails, a connection may need many more tries.
#define BAD 0.05
#define RETRIES_BAD 60
// Cuts in a rhythm that time-outs of a minute are close to hit many in a row.
#define RETRIES_CUTS 250
// Nor must a burst last through so many probes of a keep-alive.
#define BURST_PROBES 6
#define BURST_BAD 0.001

static double seconds(uint64_t ns)
{
	return (double)ns / 1e9;
}

// The chance that a frame does not arrive.
static double loss_of(const struct link_model *link)
{
	double loss = (link->loss + link->corrupt) / MILLION;

	if (link->burst_enter > 0) {
		double in = link->burst_enter;

		loss += in / (in + link->burst_leave) * link->burst_loss / MILLION;
	}
	if (link->cut_for > 0)
		loss += (double)link->cut_for / (double)link->cut_every;
	return fmin(loss, 0.9);
}

// A burst lasts for frames, not for a time: a connection that is alone sends a time-out's worth of
// them, all into the same burst.
static bool bursts_last(const struct link_model *link)
{
	double next = (1 - link->burst_leave / MILLION) * link->burst_loss / MILLION;

	return link->burst_enter > 0 && pow(next, BURST_PROBES) > BURST_BAD;
}

static bool link_clean(const struct link_model *link)
{
	return loss_of(link) == 0 && link->rate == 0 && link->dup == 0 && link->reorder == 0 &&
		(link->jitter == 0 || link->in_order) && link->hole == 0 && link->cut_for == 0;
}

// A round trip behind full queues.
static double round_trip(const struct sim_plan *plan)
{
	double rtt = 2 * seconds(plan->step) + 0.001;

	for (unsigned i = 0; i < 2; i++) {
		const struct link_model *link = &plan->link[i];

		rtt += seconds(link->delay + link->jitter + link->reorder_delay);
		if (link->rate > 0)
			rtt += (link->queue + 10000.0) / (double)link->rate;
	}
	return rtt;
}

// Seconds for `total` bytes from host `from`, if no other connection were there.
static double transfer(const struct sim_plan *plan, const struct sim_end_plan *reader,
	uint64_t total, unsigned from, double rtt, double failing)
{
	const struct tcp_config *sender = &plan->cfg[from];
	const struct tcp_config *receiver = &plan->cfg[!from];
	double window = RTE_MIN(sender->snd_buf, receiver->rcv_buf);
	double mss = RTE_MIN(plan->mtu[0], plan->mtu[1]) - 80.0;
	double segments = (double)total / RTE_MIN(mss, window) + 1;
	double bytes = (double)total;
	double time;

	if (!sender->window_scaling || !receiver->window_scaling)
		window = fmin(window, 65535);
	if (plan->small_pool > 0)
		window = fmin(window, 2 * mss);
	if (plan->link[from].hole > 0)
		mss = fmin(mss, 400);
	// Windows of a segment or two wait for the delayed ACK every time.
	time = bytes / window * (rtt + seconds(receiver->delayed_ack));
	if (plan->link[from].rate > 0)
		time += bytes / (double)plan->link[from].rate;
	time += segments * failing * (1 + 20 * failing) * (fmax(0.3, 3 * rtt));
	if (reader->read_pause > 0)
		time += 2 * (bytes / reader->read_max + 1) * seconds(reader->read_pause);
	return time;
}

static double conn_time(
	const struct sim_plan *plan, const struct sim_conn_plan *conn, double rtt, double failing)
{
	double time = 0;
	double rounds = 10;

	for (unsigned e = 0; e < 2; e++)
		time += transfer(
			plan, &conn->end[!e], conn->end[e].total, conn->opener ^ e, rtt, failing);
	// Slow start, or each request and its reply.
	if (conn->end[0].total + conn->end[1].total > 0)
		rounds += log2((double)(conn->end[0].total + conn->end[1].total));
	if (conn->kind == SIM_ASK)
		rounds += 4.0 * (double)conn->end[0].total / conn->end[0].ask;
	// Whoever pauses after reading answers no sooner.
	time += rounds * seconds(conn->end[0].read_pause + conn->end[1].read_pause);
	time += rounds * (rtt + seconds(plan->cfg[0].delayed_ack + plan->cfg[1].delayed_ack));
	return time + rounds * failing * (1 + 20 * failing) * fmax(1, 3 * rtt);
}

static double cut_factor(const struct sim_plan *plan)
{
	double factor = 1;

	for (unsigned i = 0; i < 2; i++) {
		const struct link_model *link = &plan->link[i];

		if (link->cut_for > 0)
			factor *= 4 * (double)link->cut_every /
				(double)(link->cut_every - link->cut_for);
	}
	return factor;
}

static void stretch_retries(struct sim_plan *plan)
{
	bool cuts = plan->link[0].cut_for > 0 || plan->link[1].cut_for > 0;

	for (unsigned i = 0; i < 2; i++) {
		plan->cfg[i].syn_retries = RETRIES_BAD;
		plan->cfg[i].data_retries = cuts ? RETRIES_CUTS : RETRIES_BAD;
		plan->cfg[i].keepalive_probes = RETRIES_BAD;
		plan->cfg[i].persist_silence = RETRIES_BAD * plan->cfg[i].rto_max;
	}
}

static bool has(const struct sim_plan *plan, enum sim_end_kind kind)
{
	for (unsigned i = 0; i < plan->conn_n; i++)
		if (plan->conn[i].end[0].close == kind || plan->conn[i].end[1].close == kind)
			return true;
	return false;
}

void sim_plan_excuse(struct sim_plan *plan)
{
	double l0 = loss_of(&plan->link[0]);
	double l1 = loss_of(&plan->link[1]);
	double failing = 1 - (1 - l0) * (1 - l1);
	bool bad = failing > BAD || bursts_last(&plan->link[0]) || bursts_last(&plan->link[1]);
	double rtt = round_trip(plan);
	double time = 0;
	double start = 0;
	const struct tcp_config *cfg = &plan->cfg[0];
	bool slow = false;

	if (bad)
		stretch_retries(plan);
	for (unsigned i = 0; i < plan->conn_n; i++) {
		const struct sim_conn_plan *conn = &plan->conn[i];

		time += conn_time(plan, conn, rtt, failing);
		start = fmax(start, seconds(conn->start));
		slow |= conn->end[0].read_pause > 0 || conn->end[1].read_pause > 0;
	}
	plan->clean = link_clean(&plan->link[0]) && link_clean(&plan->link[1]) &&
		plan->small_pool == 0 && plan->dead_after == 0 && plan->backlog >= SIM_CONNS_MAX &&
		plan->cfg[0].half_open_max > 2 && plan->cfg[1].half_open_max > 2;
	plan->may_reset = !plan->clean || slow;
	// Cuts that are in step with time-outs, which are whole seconds, meet every try.
	plan->may_time_out =
		plan->dead_after > 0 || plan->link[0].cut_for > 0 || plan->link[1].cut_for > 0;
	time = plan->clean ? start + 0.5 + 2 * time : start + 60 + 8 * time * cut_factor(plan);
	// Each size of packets that is tried costs a time-out, of 3 s at first when a SYN was lost.
	if (plan->link[0].hole > 0 || plan->link[1].hole > 0)
		time += 60;
	// Many doublings of the time-out in a row.
	if (bad)
		time += 10 * seconds(cfg->rto_max);
	// Whoever does not hear the reset finds out by asking.
	if (has(plan, SIM_CLOSE_ABORT) || plan->dead_after > 0)
		time += seconds(cfg->keepalive_idle) +
			cfg->keepalive_probes * seconds(cfg->keepalive_interval);
	if (plan->dead_after > 0)
		time += seconds(plan->dead_after) +
			(RTE_MAX(cfg->data_retries, cfg->syn_retries) + 1) * seconds(cfg->rto_max);
	plan->bound = (uint64_t)(time * 1e9);
	plan->drain =
		(cfg->data_retries + cfg->syn_retries + 2) * (cfg->rto_max + 256 * NS_PER_SEC) +
		cfg->fin_wait_2 + cfg->time_wait + 10 * NS_PER_SEC;
}
