// RFC 5681 and 6582, with byte counting (RFC 3465).
#include "dataplane/tcp/cc_window.h"

#define REDUCE_TENTHS 5

struct newreno {
	struct cc_use use;
	uint32_t acked; // bytes towards the next step of congestion avoidance
	uint32_t cwnd;  // before the last reduction; 0: none to undo
	uint32_t ssthresh;
};

_Static_assert(sizeof(struct newreno) <= sizeof(((struct tcp_cc *)0)->priv), "the state must fit");

static struct newreno *state_of(struct tcp_cc *cc)
{
	return (struct newreno *)cc->priv;
}

static void newreno_init(struct tcp_cc *cc, uint32_t mss, bool syn_lost)
{
	cc_window_init(cc, mss, syn_lost);
}

static void newreno_on_ack(struct tcp_cc *cc, const struct cc_ack *ack)
{
	struct newreno *s = state_of(cc);
	uint32_t acked = ack->acked;

	cc_use_ack(cc, &s->use, ack, cc_use_gap(&s->use, ack->now));
	if (!ack->cwnd_limited)
		return;
	if (cc_in_slow_start(cc))
		acked = cc_slow_start(cc, acked);
	if (cc_in_slow_start(cc))
		return;
	s->acked += cc_min(acked, cc->cwnd);
	if (s->acked >= cc->cwnd) {
		s->acked -= cc->cwnd;
		cc_grow(cc, cc->mss);
	}
}

static void reduce(struct tcp_cc *cc, uint32_t in_flight)
{
	struct newreno *s = state_of(cc);

	s->cwnd = cc->cwnd;
	s->ssthresh = cc->ssthresh;
	s->acked = 0;
	cc->ssthresh = cc_reduced(cc, in_flight, REDUCE_TENTHS);
}

static void newreno_on_congestion(struct tcp_cc *cc, uint32_t in_flight, struct mono now)
{
	(void)now;
	reduce(cc, in_flight);
	cc->cwnd = cc->ssthresh;
}

static void newreno_on_recovered(struct tcp_cc *cc, struct mono now)
{
	(void)now;
	if (state_of(cc)->cwnd != 0) // else it was undone meanwhile
		cc->cwnd = cc->ssthresh;
}

static void newreno_on_rto(struct tcp_cc *cc, uint32_t in_flight, bool first, struct mono now)
{
	(void)now;
	if (first)
		reduce(cc, in_flight);
	state_of(cc)->acked = 0;
	cc->cwnd = cc->mss;
}

static void newreno_on_undo(struct tcp_cc *cc, struct mono now)
{
	struct newreno *s = state_of(cc);

	(void)now;
	if (s->cwnd == 0)
		return;
	cc->cwnd = cc_max(cc->cwnd, s->cwnd);
	cc->ssthresh = cc_max(cc->ssthresh, s->ssthresh);
	s->cwnd = 0;
}

static void newreno_on_idle(struct tcp_cc *cc, uint64_t idle, struct mono now)
{
	(void)idle;
	if (cc_restart_idle(cc, &state_of(cc)->use, now))
		state_of(cc)->acked = 0;
}

const struct cc_ops cc_newreno = {
	.name = "newreno",
	.init = newreno_init,
	.on_ack = newreno_on_ack,
	.on_congestion = newreno_on_congestion,
	.on_recovered = newreno_on_recovered,
	.on_rto = newreno_on_rto,
	.on_undo = newreno_on_undo,
	.on_idle = newreno_on_idle,
};
