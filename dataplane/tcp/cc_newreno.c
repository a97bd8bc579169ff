// RFC 5681 with the initial window of RFC 6928, and byte counting (RFC 3465) with no limit for one
// ACK: a peer like ourselves acknowledges whole bursts, and slow start would crawl.
#include "dataplane/tcp/cc.h"

#define CWND_MAX (UINT32_C(1) << 30)
#define IW_SEGMENTS 10
#define IW_BYTES 14600

enum {
	PRIV_ACKED, // bytes acknowledged towards the next step of congestion avoidance
	PRIV_CWND,  // before the last reduction
	PRIV_SSTHRESH,
};

static uint32_t initial_window(uint32_t mss)
{
	uint32_t floor = 2 * mss > IW_BYTES ? 2 * mss : IW_BYTES;

	return IW_SEGMENTS * mss < floor ? IW_SEGMENTS * mss : floor;
}

static uint32_t half_flight(const struct tcp_cc *cc, uint32_t in_flight)
{
	uint32_t half = in_flight / 2;

	return half > 2 * cc->mss ? half : 2 * cc->mss;
}

static void newreno_init(struct tcp_cc *cc, uint32_t mss, bool syn_lost)
{
	*cc = (struct tcp_cc){
		.cwnd = syn_lost ? mss : initial_window(mss),
		.ssthresh = UINT32_MAX,
		.mss = mss,
	};
}

static void newreno_on_ack(struct tcp_cc *cc, const struct cc_ack *ack)
{
	if (!ack->cwnd_limited || cc->cwnd >= CWND_MAX)
		return;
	if (cc->cwnd < cc->ssthresh) {
		cc->cwnd += ack->acked;
		return;
	}
	cc->priv[PRIV_ACKED] += ack->acked;
	if (cc->priv[PRIV_ACKED] >= cc->cwnd) {
		cc->priv[PRIV_ACKED] -= cc->cwnd;
		cc->cwnd += cc->mss;
	}
}

static void remember(struct tcp_cc *cc)
{
	cc->priv[PRIV_CWND] = cc->cwnd;
	cc->priv[PRIV_SSTHRESH] = cc->ssthresh;
	cc->priv[PRIV_ACKED] = 0;
}

static void newreno_on_congestion(struct tcp_cc *cc, uint32_t in_flight, struct mono now)
{
	(void)now;
	remember(cc);
	cc->ssthresh = half_flight(cc, in_flight);
	cc->cwnd = cc->ssthresh;
}

static void newreno_on_recovered(struct tcp_cc *cc, struct mono now)
{
	(void)now;
	cc->cwnd = cc->ssthresh;
}

static void newreno_on_rto(struct tcp_cc *cc, uint32_t in_flight, bool first, struct mono now)
{
	(void)now;
	if (first) {
		remember(cc);
		cc->ssthresh = half_flight(cc, in_flight);
	}
	cc->cwnd = cc->mss;
}

static void newreno_on_undo(struct tcp_cc *cc, struct mono now)
{
	(void)now;
	if (cc->cwnd < cc->priv[PRIV_CWND])
		cc->cwnd = cc->priv[PRIV_CWND];
	if (cc->ssthresh < cc->priv[PRIV_SSTHRESH])
		cc->ssthresh = cc->priv[PRIV_SSTHRESH];
}

static void newreno_on_idle(struct tcp_cc *cc, uint64_t idle, struct mono now)
{
	uint32_t iw = initial_window(cc->mss);

	(void)idle;
	(void)now;
	if (cc->cwnd > iw)
		cc->cwnd = iw;
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
