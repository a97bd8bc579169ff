#include "common/cluster/quorum.h"

#include <stdio.h>

enum {
	GROUPS = 16,
	COUNT_TEXT_MAX = 32,
	MORE_MAX = 24, // ", and 15 more)" and the line's end
};

static int votes_in(uint32_t mask)
{
	return __builtin_popcount(mask);
}

static int answered(const struct quorum_dc *d)
{
	return votes_in(d->good) + votes_in(d->error);
}

static int pending(const struct quorum_dc *d)
{
	return d->asked - answered(d) - votes_in(d->failed);
}

static int majority(const struct quorum_dc *d)
{
	return d->asked / 2 + 1;
}

static unsigned group_of(const struct quorum_dc *d, int replica)
{
	return (unsigned)(d->groups >> (4 * replica)) % GROUPS;
}

struct largest {
	int votes;
	int replica; // one that is in it
};

// The largest group among the replicas in the mask.
static struct largest largest_of(const struct quorum_dc *d, uint32_t mask)
{
	uint8_t votes[GROUPS] = {0};
	struct largest best = {0};

	for (; mask != 0; mask &= mask - 1) {
		int replica = __builtin_ctz(mask);
		int n = ++votes[group_of(d, replica)];

		if (n > best.votes)
			best = (struct largest){.votes = n, .replica = replica};
	}
	return best;
}

// Those of the mask that did not answer as `replica` did.
static uint32_t unlike(const struct quorum_dc *d, uint32_t mask, int replica)
{
	uint32_t out = 0;

	for (; mask != 0; mask &= mask - 1)
		if (group_of(d, __builtin_ctz(mask)) != group_of(d, replica))
			out |= mask & -mask;
	return out;
}

static struct quorum_verdict waiting(void)
{
	return (struct quorum_verdict){.state = QUORUM_WAIT};
}

static struct quorum_verdict failed(enum quorum_state why)
{
	return (struct quorum_verdict){.state = why};
}

static struct quorum_verdict done(int replica, bool agreed)
{
	return (struct quorum_verdict){
		.state = QUORUM_DONE, .replica = (uint8_t)replica, .agreed = agreed};
}

static struct quorum_verdict decide_one(const struct quorum_dc *d)
{
	if (d->good != 0)
		return done(d->first_good, true);
	if (pending(d) > 0)
		return waiting();
	return d->error != 0 ? done(d->first_error, true) : failed(QUORUM_UNREACHED);
}

static struct quorum_verdict decide_safe(const struct quorum_dc *d)
{
	struct largest good = largest_of(d, d->good);
	struct largest error = largest_of(d, d->error);
	int need = majority(d);
	int most = good.votes > error.votes ? good.votes : error.votes;

	if (good.votes >= need)
		return done(good.replica, true);
	if (error.votes >= need)
		return done(error.replica, true);
	if (most + pending(d) >= need)
		return waiting();
	return failed(votes_in(d->failed) > d->asked - need ? QUORUM_UNREACHED : QUORUM_DISAGREED);
}

// `first` is what is answered when there is no majority; only another majority would change it.
// Those of other kinds than the mask's are too few by now.
static struct quorum_verdict fall_back(const struct quorum_dc *d, uint32_t mask, int first)
{
	struct largest rival = largest_of(d, unlike(d, mask, first));

	return rival.votes + pending(d) >= majority(d) ? waiting() : done(first, false);
}

static struct quorum_verdict decide_quorum(const struct quorum_dc *d)
{
	struct quorum_verdict safe = decide_safe(d);
	int need = majority(d);

	if (safe.state == QUORUM_DONE)
		return safe;
	if (votes_in(d->good) >= need)
		return fall_back(d, d->good, d->first_good);
	if (votes_in(d->good) + pending(d) >= need)
		return waiting();
	if (answered(d) >= need)
		return fall_back(d, d->error, d->first_error);
	return answered(d) + pending(d) >= need ? waiting() : failed(QUORUM_UNREACHED);
}

static bool is_failure(enum quorum_state state)
{
	return state == QUORUM_UNREACHED || state == QUORUM_DISAGREED;
}

static struct quorum_verdict decide_each(const struct quorum *q)
{
	struct quorum_verdict answer = decide_safe(&q->dc[q->local]);
	bool is_error = answer.state == QUORUM_DONE && q->dc[q->local].error >> answer.replica & 1;
	bool waits = answer.state == QUORUM_WAIT;

	answer.dc = q->local;
	for (uint8_t i = 0; i < q->dc_n && !is_failure(answer.state); i++) {
		struct quorum_verdict v = decide_safe(&q->dc[i]);

		if (i == q->local || q->dc[i].asked == 0)
			continue;
		v.dc = i;
		waits |= v.state == QUORUM_WAIT;
		if (is_failure(v.state)) {
			answer = v;
		} else if (v.state == QUORUM_DONE && q->dc[i].error >> v.replica & 1 && !is_error) {
			answer = v;
			is_error = true;
		}
	}
	return waits && !is_failure(answer.state) ? waiting() : answer;
}

static struct quorum_verdict decide(const struct quorum *q)
{
	const struct quorum_dc *d = &q->dc[q->local];
	struct quorum_verdict v = {.state = QUORUM_UNREACHED};

	switch (q->level) {
	case CONSISTENCY_DC_ONE:
		v = decide_one(d);
		break;
	case CONSISTENCY_DC_QUORUM:
		v = decide_quorum(d);
		break;
	case CONSISTENCY_DC_SAFE_QUORUM:
		v = decide_safe(d);
		break;
	case CONSISTENCY_DC_EACH_SAFE_QUORUM:
		return decide_each(q);
	}
	v.dc = q->local;
	return v;
}

struct quorum_verdict quorum_start(
	struct quorum *q, enum consistency level, const uint8_t *asked, uint8_t dc_n, uint8_t local)
{
	*q = (struct quorum){.level = level, .dc_n = dc_n};
	if (dc_n > QUORUM_DCS_MAX)
		q->dc_n = QUORUM_DCS_MAX;
	if (local >= q->dc_n) {
		q->dc_n = 0;
		q->verdict = failed(QUORUM_UNREACHED);
		return q->verdict;
	}
	q->local = local;
	for (uint8_t i = 0; i < q->dc_n; i++)
		q->dc[i].asked = asked[i] < QUORUM_RACKS_MAX ? asked[i] : QUORUM_RACKS_MAX;
	q->verdict = decide(q);
	return q->verdict;
}

static void count_vote(struct quorum_dc *d, uint8_t replica, enum quorum_kind kind, uint8_t group)
{
	uint16_t bit = (uint16_t)(1u << replica);

	d->groups |= (uint64_t)(group % GROUPS) << (4 * replica);
	switch (kind) {
	case QUORUM_GOOD:
		if (d->good == 0)
			d->first_good = replica;
		d->good |= bit;
		break;
	case QUORUM_ERROR:
		if (d->error == 0)
			d->first_error = replica;
		d->error |= bit;
		break;
	case QUORUM_FAILED:
		d->failed |= bit;
		break;
	}
}

struct quorum_verdict quorum_vote(
	struct quorum *q, uint8_t dc, uint8_t replica, enum quorum_kind kind, uint8_t group)
{
	struct quorum_dc *d = &q->dc[dc < q->dc_n ? dc : 0];

	if (quorum_is_decided(q) || dc >= q->dc_n || replica >= d->asked ||
		((d->good | d->error | d->failed) >> replica & 1))
		return q->verdict;
	count_vote(d, replica, kind, group);
	q->verdict = decide(q);
	return q->verdict;
}

bool quorum_awaits(const struct quorum *q, uint8_t dc)
{
	if (quorum_is_decided(q) || dc >= q->dc_n)
		return false;
	if (q->level != CONSISTENCY_DC_EACH_SAFE_QUORUM)
		return dc == q->local;
	return decide_safe(&q->dc[dc]).state == QUORUM_WAIT;
}

struct namer {
	struct quorum_name (*name)(void *arg, uint8_t dc, uint8_t replica);
	void *arg;
	uint8_t dc;
};

// "; no answer from dc/rack, dc/rack, and 3 more": as many as fit.
static void put_names(
	struct resp_writer *text, const char *what, uint32_t mask, const struct namer *namer)
{
	const char *before = what;

	for (; mask != 0; mask &= mask - 1, before = ", ") {
		struct quorum_name n =
			namer->name(namer->arg, namer->dc, (uint8_t)__builtin_ctz(mask));
		size_t room = text->cap - text->len;

		if (n.dc.len + n.rack.len + strlen(before) + 1 + 2 * MORE_MAX > room)
			break;
		resp_put_raw(text, slice_str(before));
		resp_put_raw(text, n.dc);
		resp_put_raw(text, SLICE_LIT("/"));
		resp_put_raw(text, n.rack);
	}
	if (mask != 0) {
		char more[MORE_MAX];
		int n = snprintf(more, sizeof(more), "%s%d more",
			before == what ? "; without " : ", and ", votes_in(mask));

		resp_put_raw(text, slice_make(more, (size_t)n));
	}
}

static void put_count(struct resp_writer *text, const struct quorum *q, const struct quorum_dc *d,
	const struct namer *namer)
{
	char count[COUNT_TEXT_MAX];
	int n = snprintf(count, sizeof(count), " (%d of %u", answered(d), d->asked);

	resp_put_raw(text, slice_make(count, (size_t)n));
	if (q->level == CONSISTENCY_DC_EACH_SAFE_QUORUM && d->asked > 0) {
		struct slice dc = namer->name(namer->arg, namer->dc, 0).dc;

		resp_put_raw(text, SLICE_LIT(" in "));
		resp_put_raw(text, slice_make(dc.ptr, dc.len < SNAPSHOT_NAME_MAX ? dc.len : 0));
	}
	resp_put_raw(text, SLICE_LIT(" answered"));
}

void quorum_put_error(struct resp_writer *w, const struct quorum *q,
	struct quorum_name (*name)(void *arg, uint8_t dc, uint8_t replica), void *arg)
{
	const struct quorum_dc *d = &q->dc[q->verdict.dc];
	const struct namer namer = {.name = name, .arg = arg, .dc = q->verdict.dc};
	uint32_t voted = d->good | d->error | d->failed;
	char buf[QUORUM_ERROR_MAX - 3];
	struct resp_writer text = resp_writer_make(buf, sizeof(buf));

	resp_put_raw(&text, SLICE_LIT("ERR Dynomite: Failed to achieve Quorum"));
	put_count(&text, q, d, &namer);
	if (q->verdict.state == QUORUM_DISAGREED)
		resp_put_raw(&text, SLICE_LIT(", not alike"));
	put_names(&text, "; no answer from ", d->failed, &namer);
	put_names(&text, "; not waited for ", ~voted & ((1u << d->asked) - 1), &namer);
	resp_put_raw(&text, SLICE_LIT(")"));
	resp_put_error(w, slice_make(buf, text.len));
}
