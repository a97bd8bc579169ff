#include "tests/sim/sim_run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/tcp/tcp_types.h"
#include "tests/sim/sim_conn.h"
#include "tests/support/eal.h"

#define TURNS_MAX UINT64_C(30000000)
#define POOL_SMALL 24576u
#define POOL_JUMBO 8192u
#define PCAP_SNAP 160

// Pools are made once for all seeds of a process.
static struct rte_mempool *lent_pool(bool jumbo, unsigned host)
{
	static struct rte_mempool *pools[2][2];
	struct rte_mempool **pool = &pools[jumbo][host];

	if (*pool == NULL)
		*pool = jumbo ? test_pool_create_room(POOL_JUMBO, 9300)
			      : test_pool_create_room(POOL_SMALL, 2048);
	return *pool;
}

static struct tcp_pair *make_pair(const struct sim_plan *plan)
{
	bool jumbo = plan->mtu[0] > 1500 || plan->mtu[1] > 1500;
	struct tcp_pair_options options = {
		.tcp = {plan->cfg[0], plan->cfg[1]},
		.mbufs = plan->small_pool,
		.mtu = plan->mtu[0],
		.mtu1 = plan->mtu[1],
		.seed = plan->seed,
	};

	test_eal_start_sized(512);
	for (unsigned i = 0; i < 2 && plan->small_pool == 0; i++)
		options.pool[i] = lent_pool(jumbo, i);
	return tcp_pair_new(&options);
}

// --- judging

// Whoever connected and is gone may have left the other end without a word of it.
static void bury_unopened(struct sim *sim)
{
	for (unsigned i = 0; i < sim->plan->conn_n; i++) {
		struct sim_end *end = sim->conn[i].end;

		if (end[0].done && !end[1].done && !end[1].open && end[1].conn == NULL) {
			end[1].done = true;
			end[1].error = ETIMEDOUT;
		}
	}
}

static bool done(struct tcp_pair *pair, void *ctx)
{
	static const struct link_model dead = {.down = true};
	struct sim *sim = ctx;

	if (sim->plan->dead_after > 0 && mono_since(pair->now, sim->begin) >= sim->plan->dead_after)
		pair->own[0] = pair->own[1] = &dead;
	// Whatever was on its way has arrived.
	if (sim->plan->dead_after > 0 &&
		mono_since(pair->now, sim->begin) >= sim->plan->dead_after + 2 * NS_PER_SEC)
		bury_unopened(sim);
	if (pair->turns > TURNS_MAX)
		sim_wrong(sim, "no end of turns");
	return sim->wrong[0] != '\0' || sim_conns_done(sim);
}

static const char *state_name(const struct tcp_conn *conn)
{
	static const char *const names[] = {"CLOSED", "SYN_SENT", "SYN_RECEIVED", "ESTABLISHED",
		"CLOSE_WAIT", "FIN_WAIT_1", "FIN_WAIT_2", "CLOSING", "LAST_ACK"};

	return conn == NULL ? "-" : names[conn->state];
}

static void say_end(const struct sim_end *end)
{
	const struct tcp_conn *conn = end->conn;

	fprintf(stderr,
		"  connection %u end %u on host %u: %s, sent %llu of %llu, read %llu, held %llu,"
		"%s%s%s%s%s error %d\n",
		end->of->index, end == &end->of->end[1], end->host, state_name(conn),
		(unsigned long long)end->made, (unsigned long long)end->plan->total,
		(unsigned long long)end->read, (unsigned long long)end->held,
		end->done ? " done" : "", end->fin ? " fin" : "", end->eof ? " eof" : "",
		end->closed ? " closed" : "", end->aborted ? " aborted" : "", end->error);
	if (conn != NULL && conn->state != TCPS_CLOSED)
		fprintf(stderr, "    una +%u nxt +%u unsent %u wnd %u mss %u cwnd %u retries %u\n",
			conn->snd_una - conn->iss, conn->snd_nxt - conn->iss,
			conn->sq.end - conn->snd_nxt, conn->snd_wnd, conn->mss, conn->cc.cwnd,
			conn->retries);
}

static void say_stuck(const struct sim *sim)
{
	for (unsigned i = 0; i < sim->plan->conn_n; i++)
		for (unsigned e = 0; e < 2; e++)
			if (!sim->conn[i].end[e].done)
				say_end(&sim->conn[i].end[e]);
}

// Whether an end that is over with this error may be so.
static bool excused(struct sim *sim, const struct sim_conn *conn, unsigned e)
{
	const struct sim_end *end = &conn->end[e];
	const struct sim_end *peer = &conn->end[!e];

	switch (end->error) {
	case ECONNREFUSED:
		return conn->plan->kind == SIM_REFUSED;
	case ECONNRESET:
		sim->resets++;
		// A cookie holds for the first segment only (RFC 4987 §3.6): when that one and the
		// handshake's ACK are lost, the next one is a stranger's.
		if (!peer->open && sim->plan->cfg[peer->host].half_open_max < sim->plan->conn_n)
			return true;
		// The other end has all, is gone, and so is what it would need to say so again.
		return peer->aborted || end->refused || peer->refused ||
			(sim->plan->may_reset && peer->done && peer->error == 0 &&
				end->read == peer->plan->total && peer->read == end->plan->total) ||
			(sim->plan->may_time_out && peer->error != 0);
	case ETIMEDOUT:
		// The peer's reset came behind a hole; its host says nothing to ACKs that it does
		// not know as long as they may be a second one of a cookie's handshake.
		if (peer->aborted && sim->plan->cfg[peer->host].half_open_max < sim->plan->conn_n)
			return true;
		// fall through
	case EHOSTUNREACH:
		sim->time_outs++;
		return sim->plan->may_time_out;
	default:
		return false;
	}
}

static void judge_end(struct sim *sim, struct sim_conn *conn, unsigned e)
{
	const struct sim_end *end = &conn->end[e];
	const struct sim_end *peer = &conn->end[!e];
	bool cut_short = end->aborted || peer->aborted || peer->error != 0;

	if (end->error != 0) {
		if (!excused(sim, conn, e))
			sim_wrong(sim, "connection %u: end %u got error %d (%s)", conn->index, e,
				end->error, strerror(end->error));
		return;
	}
	if (conn->plan->kind == SIM_REFUSED && e == 0)
		sim_wrong(sim, "connection %u was not refused", conn->index);
	if (cut_short)
		return;
	if (end->read != peer->plan->total)
		sim_wrong(sim, "connection %u: end %u read %llu of %llu bytes", conn->index, e,
			(unsigned long long)end->read, (unsigned long long)peer->plan->total);
	if (end->plan->close != SIM_CLOSE_FIN && !end->eof)
		sim_wrong(sim, "connection %u: end %u saw no TCP_EOF", conn->index, e);
}

static void judge_clean(struct sim *sim)
{
	for (unsigned i = 0; i < 2; i++) {
		const struct stats *stats = &sim->pair->host[i].stats;

		// Users that send byte by byte can use up the buffers that ACKs need.
		if (sim->pair->host[0].stats.drop[DROP_NO_MBUF] +
				sim->pair->host[1].stats.drop[DROP_NO_MBUF] >
			0)
			return;
		// A delayed ACK may come later than the probe for it.
		if (stats->stat[STAT_tcp_retrans_segs] > stats->stat[STAT_tcp_loss_probes] ||
			stats->stat[STAT_tcp_rto] != 0)
			sim_wrong(sim, "host %u sent %llu segments again on a clean link", i,
				(unsigned long long)stats->stat[STAT_tcp_retrans_segs]);
	}
}

static bool usage_zero(const struct tcp_pair *pair)
{
	for (unsigned i = 0; i < 2; i++) {
		struct tcp_usage usage = tcp_usage(pair->host[i].tcp);
		const struct stats *stats = &pair->host[i].stats;

		if (usage.conns + usage.half_open + usage.time_wait + usage.mem != 0 ||
			stats->stat[STAT_tcp_curr_estab] != 0 ||
			stats->stat[STAT_tcp_half_open] != 0 ||
			stats->stat[STAT_tcp_time_wait] != 0)
			return false;
	}
	return true;
}

static bool drained(struct tcp_pair *pair, void *ctx)
{
	(void)ctx;
	return usage_zero(pair);
}

static void drain(struct sim *sim)
{
	struct tcp_pair *pair = sim->pair;

	if (tcp_pair_until(pair, sim->plan->drain, drained, sim))
		return;
	for (unsigned i = 0; i < 2; i++) {
		struct tcp_usage usage = tcp_usage(pair->host[i].tcp);

		sim_wrong(sim,
			"host %u keeps %u connections, %u half-open, %u in TIME_WAIT, %llu bytes",
			i, usage.conns, usage.half_open, usage.time_wait,
			(unsigned long long)usage.mem);
	}
}

// --- running

static void listen_both(struct sim *sim)
{
	for (unsigned i = 0; i < 2; i++)
		if (tcp_listen(sim->pair->host[i].tcp, NULL, SIM_PORT, sim->plan->backlog,
			    &sim->listener[i]) != 0)
			sim_wrong(sim, "tcp_listen");
}

static void open_pcaps(struct tcp_pair *pair, const char *path)
{
	char peer[4096];

	snprintf(peer, sizeof(peer), "%s.peer", path);
	pair->pcap[0] = pcap_file_open(path, PCAP_SNAP);
	pair->pcap[1] = pcap_file_open(peer, PCAP_SNAP);
	if (pair->pcap[0] == NULL || pair->pcap[1] == NULL)
		fprintf(stderr, "tcp_sim: %s: %s\n", path, strerror(errno));
}

static void run(struct sim *sim)
{
	struct tcp_pair *pair = sim->pair;

	sim->begin = pair->now;
	listen_both(sim);
	sim_conns_init(sim);
	for (unsigned i = 0; i < 2; i++) {
		pair->own[i] = &sim->plan->link[i];
		pair->user[i] = sim_conns_turn;
		pair->user_ctx[i] = sim;
	}
	pair->step = sim->plan->step;
	pair->check_seldom = true;
	if (!tcp_pair_until(pair, sim->plan->bound, done, sim)) {
		sim_wrong(sim, "not done within %.3f s", (double)sim->plan->bound / 1e9);
		say_stuck(sim);
	}
	for (unsigned i = 0; i < sim->plan->conn_n && sim->wrong[0] == '\0'; i++)
		for (unsigned e = 0; e < 2; e++)
			judge_end(sim, &sim->conn[i], e);
	if (sim->plan->clean && sim->wrong[0] == '\0')
		judge_clean(sim);
	if (sim->wrong[0] == '\0')
		drain(sim);
}

static void add(struct sim_totals *totals, const struct sim *sim)
{
	totals->conns += sim->plan->conn_n;
	totals->turns += sim->pair->turns;
	totals->resets += sim->resets;
	totals->time_outs += sim->time_outs;
	for (unsigned i = 0; i < sim->plan->conn_n; i++)
		totals->bytes += sim->conn[i].end[0].read + sim->conn[i].end[1].read;
}

bool sim_run(const struct sim_plan *plan, const char *pcap, struct sim_totals *totals)
{
	struct sim *sim = calloc(1, sizeof(*sim));
	bool ok;

	if (sim == NULL)
		abort();
	sim->plan = plan;
	sim->pair = make_pair(plan);
	if (pcap != NULL)
		open_pcaps(sim->pair, pcap);
	run(sim);
	ok = sim->wrong[0] == '\0';
	if (!ok)
		fprintf(stderr, "seed %llu, at %.6f s: %s\n", (unsigned long long)plan->seed,
			(double)sim->pair->now.ns / 1e9, sim->wrong);
	pcap_file_close(sim->pair->pcap[0]);
	pcap_file_close(sim->pair->pcap[1]);
	add(totals, sim);
	// A run that failed may hold anything: its process ends.
	if (ok)
		tcp_pair_free(sim->pair);
	free(sim);
	return ok;
}
