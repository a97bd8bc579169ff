// Connections opened by a peer and closed by it first, as clients do, in bursts.
#include "dataplane/tcp/tcp_seg.h"
#include "tests/bench/tcp_cost/figure.h"

static inline unsigned turn(
	struct bench *bench, struct rte_mbuf **in, unsigned n, struct rte_mbuf **out)
{
	rig_input(&bench->rig, in, n);
	return rig_output(&bench->rig, out, NET_BURST);
}

static MEASURED unsigned measured_open_syn(
	struct bench *bench, struct rte_mbuf **in, unsigned n, struct rte_mbuf **out)
{
	return turn(bench, in, n, out);
}

static MEASURED unsigned measured_open_ack(struct bench *bench, struct rte_mbuf **in, unsigned n,
	struct rte_mbuf **out, struct tcp_conn **conns)
{
	unsigned accepted = 0;

	rig_input(&bench->rig, in, n);
	while (accepted < n && (conns[accepted] = tcp_accept(bench->rig.listener)) != NULL)
		accepted++;
	if (accepted != n || rig_output(&bench->rig, out, NET_BURST) != 0)
		rig_die("%u of %u connections came", accepted, n);
	return accepted;
}

// The user closes what its peer closed.
static MEASURED unsigned measured_close_fin(
	struct bench *bench, struct rte_mbuf **in, unsigned n, struct rte_mbuf **out)
{
	struct tcp_conn *conn;
	unsigned events;

	rig_input(&bench->rig, in, n);
	while ((conn = tcp_event(bench->rig.tcp, &events)) != NULL)
		if (events & TCP_EOF)
			tcp_close(conn);
	return rig_output(&bench->rig, out, NET_BURST);
}

static MEASURED unsigned measured_close_last(
	struct bench *bench, struct rte_mbuf **in, unsigned n, struct rte_mbuf **out)
{
	return turn(bench, in, n, out);
}

static void make(
	struct bench *bench, uint32_t from, struct rte_mbuf **in, unsigned n, uint8_t flags)
{
	for (unsigned i = 0; i < n; i++)
		in[i] = peer_segment(&bench->peer, from + i, flags, 0);
	rig_step(&bench->rig);
}

static void begin(struct bench *bench, bool measured)
{
	if (measured)
		meter_begin(&bench->meter);
}

static void hold(struct bench *bench, bool measured)
{
	if (measured)
		meter_hold(&bench->meter);
}

// One burst of connections, from the first to the last segment. `opening` or closing is measured.
static void life(struct bench *bench, uint32_t from, unsigned n, bool opening)
{
	struct rte_mbuf *in[RIG_BURST];
	struct rte_mbuf *out[NET_BURST];
	struct tcp_conn *conns[RIG_BURST];
	unsigned sent;

	make(bench, from, in, n, TCP_SYN);
	begin(bench, opening);
	sent = measured_open_syn(bench, in, n, out);
	hold(bench, opening);
	peer_take(&bench->peer, out, sent);
	make(bench, from, in, n, TCP_ACK);
	begin(bench, opening);
	measured_open_ack(bench, in, n, out, conns);
	if (opening)
		meter_end(&bench->meter, n);

	make(bench, from, in, n, TCP_FIN | TCP_ACK);
	begin(bench, !opening);
	sent = measured_close_fin(bench, in, n, out);
	hold(bench, !opening);
	peer_take(&bench->peer, out, sent);
	make(bench, from, in, n, TCP_ACK);
	begin(bench, !opening);
	sent = measured_close_last(bench, in, n, out);
	if (!opening)
		meter_end(&bench->meter, n);
	peer_take(&bench->peer, out, sent);
}

static void lives(struct bench *bench, bool opening)
{
	unsigned n = RTE_MIN(bench->conns, (uint32_t)RIG_BURST);
	uint32_t bursts = bench->conns / n;

	for (uint32_t s = 0; s < bench->samples; s++)
		life(bench, s % bursts * n, n, opening);
	if (tcp_usage(bench->rig.tcp).conns != 0)
		rig_die("%u connections are left", tcp_usage(bench->rig.tcp).conns);
}

void figure_open(struct bench *bench)
{
	lives(bench, true);
}

void figure_close(struct bench *bench)
{
	lives(bench, false);
}
