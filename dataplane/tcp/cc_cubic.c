// CUBIC: after a loss, the window is a cubic function of time, flat around the one that was too
// much (W_max), and never behind what Reno would have. Slow start is HyStart++'s.
//
// Time is that in which cwnd was what held us: it stands still for a user with nothing to send.
// Integers only: bytes, and milliseconds, which are fine enough for a curve that takes seconds. An
// addition that is less than a byte is carried to the next ACK.
//
// Source: RFC 9438.
#include "dataplane/tcp/cc_hystart.h"
#include "dataplane/tcp/cc_window.h"

#define BETA_TENTHS 7
// C = 0.4 segments/s³ = 1 / 2.5e9 segments/ms³.
#define MS3_PER_SEGMENT UINT64_C(2500000000)
// The largest window at the smallest mss is 347 s from nothing.
#define CURVE_MS_MAX (UINT32_C(1) << 19)
// What an ACK can come after the one before, before there is a round-trip time.
#define GAP_MS_UNKNOWN 1000

// One stage of congestion avoidance (§4.2).
struct stage {
	uint32_t elapsed; // ms
	uint32_t k;       // ms until the curve is at w_max
	uint32_t w_max;   // 0: unknown
	uint32_t w_est;   // Reno's window; 0: the stage has not begun
	uint32_t prior;   // cwnd before the last reduction
	uint32_t carry;   // of what to add to cwnd, in 1/cwnd bytes
	uint32_t w_est_carry;
};

// What a reduction changed, but for cwnd, which is in the stage's prior.
struct undo {
	uint32_t ssthresh; // 0: nothing to undo
	uint32_t elapsed;
	uint32_t k;
	uint32_t w_max;
	uint32_t w_est;
	uint32_t prior;
};

struct cubic {
	struct cc_use use;
	struct undo undo;
	union {
		struct hystart hystart; // while there is no ssthresh
		struct stage stage;
	};
};

_Static_assert(sizeof(struct cubic) <= sizeof(((struct tcp_cc *)0)->priv), "the state must fit");

static struct cubic *state_of(struct tcp_cc *cc)
{
	return (struct cubic *)cc->priv;
}

static uint32_t cube_root(uint64_t x)
{
	uint64_t root = 0;

	for (int shift = 63; shift >= 0; shift -= 3) {
		uint64_t step;

		root *= 2;
		step = 3 * root * (root + 1) + 1;
		if (x >> shift >= step) {
			x -= step << shift;
			root++;
		}
	}
	return (uint32_t)root;
}

// K, Figure 2: how long the curve takes from `cwnd` to w_max.
static uint32_t time_to_max(const struct tcp_cc *cc, uint32_t w_max, uint32_t cwnd)
{
	uint64_t missing = w_max > cwnd ? w_max - cwnd : 0;

	return cube_root(missing * MS3_PER_SEGMENT / cc_max(cc->mss, 1));
}

// W_cubic, Figure 1.
static uint32_t curve(const struct tcp_cc *cc, const struct stage *s, uint64_t ms)
{
	bool below = ms < s->k;
	uint64_t off = below ? s->k - ms : ms - s->k;
	uint64_t cube, bytes;

	off = off > CURVE_MS_MAX ? CURVE_MS_MAX : off;
	cube = off * off * off; // 57 bits: divided in two steps, neither of which overflows
	bytes = cube / 2500 * cc->mss / (MS3_PER_SEGMENT / 2500);
	if (below)
		return bytes < s->w_max ? s->w_max - (uint32_t)bytes : 0;
	return bytes < CC_CWND_MAX ? cc_min(s->w_max + (uint32_t)bytes, CC_CWND_MAX) : CC_CWND_MAX;
}

// `x` / cwnd, and what is left over for the next time.
static uint32_t per_window(uint64_t x, uint32_t cwnd, uint32_t *carry)
{
	x += *carry;
	*carry = (uint32_t)(x % cwnd);
	return (uint32_t)(x / cwnd);
}

// Begins where cwnd is. Below a w_max that is known the curve leads there, otherwise (§4.8, §4.10)
// it leaves from here.
static void stage_begin(struct tcp_cc *cc, struct stage *s)
{
	*s = (struct stage){
		.w_max = cc_max(s->w_max, cc->cwnd),
		.w_est = cc->cwnd,
		.prior = s->prior,
	};
	s->k = time_to_max(cc, s->w_max, cc->cwnd);
}

// W_est, §4.3, Figure 4: as fast as Reno's on average, and as Reno once it is where the loss was.
static void reno_window(const struct tcp_cc *cc, struct stage *s, uint32_t acked)
{
	uint64_t step = (uint64_t)acked * cc->mss;
	uint32_t more;

	if (s->w_est < s->prior)
		step = step * 9 / 17; // 3 (1 - beta) / (1 + beta)
	more = per_window(step, cc->cwnd, &s->w_est_carry);
	s->w_est = cc_min(cc_add(s->w_est, more), CC_CWND_MAX);
}

static void avoid(struct tcp_cc *cc, struct stage *s, uint32_t acked, uint32_t srtt)
{
	uint32_t limit = cc_min(cc->cwnd + cc->cwnd / 2, CC_CWND_MAX);
	uint32_t target;

	if (s->w_est == 0)
		stage_begin(cc, s);
	acked = cc_min(acked, cc->cwnd);
	reno_window(cc, s, acked);
	if (curve(cc, s, s->elapsed) < s->w_est) {
		cc->cwnd = cc_max(cc->cwnd, s->w_est);
		return;
	}
	target = curve(cc, s, (uint64_t)s->elapsed + srtt / 1000);
	target = cc_max(cc->cwnd, cc_min(target, limit));
	cc_grow(cc, per_window((uint64_t)(target - cc->cwnd) * acked, cc->cwnd, &s->carry));
}

static void first_slow_start(struct tcp_cc *cc, struct cubic *c, const struct cc_ack *ack)
{
	bool over;

	cc_grow(cc, hystart_ack(&c->hystart, ack, &over));
	if (!over)
		return;
	cc->ssthresh = cc->cwnd;
	c->stage = (struct stage){.prior = cc->cwnd};
}

// The part of `gap` that belongs to the curve: whom cwnd limits has an ACK each round trip, and
// what is longer was a pause.
static uint32_t active(const struct cc_ack *ack, uint32_t gap)
{
	return cc_min(gap, ack->srtt == 0 ? GAP_MS_UNKNOWN : ack->srtt / 500 + 1);
}

static void cubic_init(struct tcp_cc *cc, uint32_t mss, bool syn_lost)
{
	cc_window_init(cc, mss, syn_lost);
}

static void cubic_on_ack(struct tcp_cc *cc, const struct cc_ack *ack)
{
	struct cubic *c = state_of(cc);
	uint32_t gap = cc_use_gap(&c->use, ack->now);
	uint32_t acked = ack->acked;
	bool first = cc->ssthresh == CC_SSTHRESH_NONE;

	if (cc_use_ack(cc, &c->use, ack, gap) && !first)
		c->stage.w_est = 0;
	if (!ack->cwnd_limited)
		return;
	if (first) {
		first_slow_start(cc, c, ack);
		return;
	}
	if (cc_in_slow_start(cc))
		acked = cc_slow_start(cc, acked);
	if (cc_in_slow_start(cc) || acked == 0)
		return;
	c->stage.elapsed = cc_min(cc_add(c->stage.elapsed, active(ack, gap)), CURVE_MS_MAX);
	avoid(cc, &c->stage, acked, ack->srtt);
}

// §4.6, and what to say when it was wrong.
static void reduce(struct tcp_cc *cc, uint32_t in_flight)
{
	struct cubic *c = state_of(cc);
	struct stage *s = &c->stage;

	if (cc->ssthresh == CC_SSTHRESH_NONE)
		*s = (struct stage){0};
	c->undo = (struct undo){
		.ssthresh = cc->ssthresh,
		.elapsed = s->elapsed,
		.k = s->k,
		.w_max = s->w_max,
		.w_est = s->w_est,
		.prior = s->prior,
	};
	s->prior = cc->cwnd;
	cc->ssthresh = cc_reduced(cc, in_flight, BETA_TENTHS);
}

// §4.7: whose window ends below that of the last time leaves room for others. Of one that was not
// used by half (RFC 7661 §4.2) only what was used counts.
static uint32_t next_w_max(const struct tcp_cc *cc, uint32_t w_max, uint32_t in_flight)
{
	uint32_t reached = in_flight < cc->cwnd / 2 ? in_flight : cc->cwnd;

	return reached < w_max ? (uint32_t)((uint64_t)reached * (10 + BETA_TENTHS) / 20) : reached;
}

static void cubic_on_congestion(struct tcp_cc *cc, uint32_t in_flight, struct mono now)
{
	struct cubic *c = state_of(cc);
	uint32_t w_max;

	reduce(cc, in_flight);
	w_max = next_w_max(cc, c->stage.w_max, in_flight);
	cc->cwnd = cc->ssthresh;
	c->stage.w_max = w_max;
	stage_begin(cc, &c->stage);
	c->use.seen_ms = cc_ms(now);
}

static void cubic_on_recovered(struct tcp_cc *cc, struct mono now)
{
	struct cubic *c = state_of(cc);

	c->use.seen_ms = cc_ms(now);
	if (c->undo.ssthresh != 0) // else it was undone meanwhile
		cc->cwnd = cc->ssthresh;
}

// §4.8: the curve after it begins where slow start ends.
static void cubic_on_rto(struct tcp_cc *cc, uint32_t in_flight, bool first, struct mono now)
{
	struct cubic *c = state_of(cc);

	if (first)
		reduce(cc, in_flight);
	if (cc->ssthresh != CC_SSTHRESH_NONE) {
		c->stage.w_est = 0;
		c->stage.w_max = 0;
	}
	cc->cwnd = cc->mss;
	c->use.seen_ms = cc_ms(now);
}

// §4.9. A window that has grown beyond that of then goes on with its own stage.
static void cubic_on_undo(struct tcp_cc *cc, struct mono now)
{
	struct cubic *c = state_of(cc);
	struct undo u = c->undo;

	if (u.ssthresh == 0)
		return;
	c->undo.ssthresh = 0;
	c->use.seen_ms = cc_ms(now);
	if (u.ssthresh == CC_SSTHRESH_NONE) {
		cc->cwnd = cc_max(cc->cwnd, c->stage.prior);
		c->hystart = (struct hystart){0};
	} else if (cc->cwnd < c->stage.prior) {
		cc->cwnd = c->stage.prior;
		c->stage = (struct stage){
			.elapsed = u.elapsed,
			.k = u.k,
			.w_max = u.w_max,
			.w_est = u.w_est,
			.prior = u.prior,
		};
	}
	cc->ssthresh = cc_max(cc->ssthresh, u.ssthresh);
}

static void cubic_on_idle(struct tcp_cc *cc, uint64_t idle, struct mono now)
{
	struct cubic *c = state_of(cc);
	bool less = cc_restart_idle(cc, &c->use, now);

	(void)idle;
	if (cc->ssthresh == CC_SSTHRESH_NONE)
		c->hystart = (struct hystart){0};
	else if (less)
		c->stage.w_est = 0;
}

const struct cc_ops cc_cubic = {
	.name = "cubic",
	.init = cubic_init,
	.on_ack = cubic_on_ack,
	.on_congestion = cubic_on_congestion,
	.on_recovered = cubic_on_recovered,
	.on_rto = cubic_on_rto,
	.on_undo = cubic_on_undo,
	.on_idle = cubic_on_idle,
};
