#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"
#include "common/cluster/quorum.h"

enum { N_MAX = 6 };

struct vote {
	enum quorum_kind kind;
	uint8_t group;
};

// What becomes of all votes, by the definition alone: an answer, or none.
struct outcome {
	bool is_answer;
	struct vote answer;
};

static const struct outcome no_answer;

static struct outcome answer_of(struct vote v)
{
	return (struct outcome){.is_answer = true, .answer = v};
}

static bool same_outcome(struct outcome a, struct outcome b)
{
	return a.is_answer == b.is_answer &&
		(!a.is_answer ||
			(a.answer.kind == b.answer.kind && a.answer.group == b.answer.group));
}

static int count_kind(const struct vote *v, int n, enum quorum_kind kind)
{
	int found = 0;

	for (int i = 0; i < n; i++)
		found += v[i].kind == kind;
	return found;
}

static struct outcome first_of(const struct vote *v, int n, enum quorum_kind kind)
{
	for (int i = 0; i < n; i++)
		if (v[i].kind == kind)
			return answer_of(v[i]);
	return no_answer;
}

static struct outcome majority_of(const struct vote *v, int n)
{
	for (int i = 0; i < n; i++) {
		int alike = 0;

		for (int k = 0; k < n; k++)
			alike += v[k].kind == v[i].kind && v[k].group == v[i].group;
		if (v[i].kind != QUORUM_FAILED && alike > n / 2)
			return answer_of(v[i]);
	}
	return no_answer;
}

// `v` is in the order of arrival.
static struct outcome model(enum consistency level, const struct vote *v, int n)
{
	int good = count_kind(v, n, QUORUM_GOOD);
	int errors = count_kind(v, n, QUORUM_ERROR);
	struct outcome safe = majority_of(v, n);

	if (level == CONSISTENCY_DC_ONE)
		return first_of(v, n, good > 0 ? QUORUM_GOOD : QUORUM_ERROR);
	if (safe.is_answer || level != CONSISTENCY_DC_QUORUM)
		return safe;
	if (good > n / 2)
		return first_of(v, n, QUORUM_GOOD);
	return good + errors > n / 2 ? first_of(v, n, QUORUM_ERROR) : no_answer;
}

// Votes of one kind take the group numbers 0, 1, 2 in the order in which they first appear, so
// that each way in which answers can be equal is seen once.
static int groups_so_far(const struct vote *v, int n, enum quorum_kind kind)
{
	int most = 0;

	for (int i = 0; i < n; i++)
		if (v[i].kind == kind && v[i].group >= most)
			most = v[i].group + 1;
	return most;
}

struct walk {
	enum consistency level;
	int n;
	struct vote v[N_MAX];
	uint8_t replica[N_MAX]; // whose the i-th vote is
	struct rng rng;
	uint64_t prefixes;
	uint64_t early; // verdicts before the last vote
};

// Calls `each` with every vote that could come next.
static void for_next(
	struct walk *w, int at, void (*each)(struct walk *w, int at, void *arg), void *arg)
{
	for (int kind = QUORUM_GOOD; kind <= QUORUM_FAILED; kind++) {
		int groups = kind == QUORUM_FAILED
			? 1
			: groups_so_far(w->v, at, (enum quorum_kind)kind) + 1;

		for (int group = 0; group < groups; group++) {
			w->v[at] = (struct vote){(enum quorum_kind)kind, (uint8_t)group};
			each(w, at + 1, arg);
		}
	}
}

struct outcomes {
	bool any;
	bool differ;
	struct outcome first;
};

static void collect(struct walk *w, int at, void *arg)
{
	struct outcomes *out = arg;
	struct outcome o;

	if (out->differ)
		return;
	if (at < w->n) {
		for_next(w, at, collect, arg);
		return;
	}
	o = model(w->level, w->v, w->n);
	out->differ = out->any && !same_outcome(o, out->first);
	out->first = out->any ? out->first : o;
	out->any = true;
}

static void shuffle_replicas(struct walk *w)
{
	for (int i = 0; i < w->n; i++) {
		int k = (int)rng_below(&w->rng, (uint32_t)i + 1);

		w->replica[i] = w->replica[k];
		w->replica[k] = (uint8_t)i;
	}
}

static struct quorum_verdict replay(const struct walk *w, int at)
{
	struct quorum q;
	uint8_t asked[2] = {9, (uint8_t)w->n};
	struct quorum_verdict v = quorum_start(&q, w->level, asked, 2, 1);

	for (int i = 0; i < at; i++) {
		assert_int_equal(quorum_awaits(&q, 1), v.state == QUORUM_WAIT);
		v = quorum_vote(&q, 1, w->replica[i], w->v[i].kind, w->v[i].group);
	}
	return v;
}

static struct outcome outcome_of(const struct walk *w, int at, struct quorum_verdict v)
{
	assert_int_equal(v.dc, 1);
	if (v.state != QUORUM_DONE)
		return no_answer;
	for (int i = 0; i < at; i++)
		if (w->replica[i] == v.replica)
			return answer_of(w->v[i]);
	fail_msg("the answer is from a replica that gave none");
	return no_answer;
}

// After these votes there is a verdict if and only if all that may follow lead to the same.
static void check_prefix(struct walk *w, int at, void *arg)
{
	struct outcomes possible = {0};
	struct quorum_verdict v;

	shuffle_replicas(w);
	v = replay(w, at);
	collect(w, at, &possible);
	assert_int_equal(v.state == QUORUM_WAIT, possible.differ);
	if (v.state != QUORUM_WAIT)
		assert_true(same_outcome(outcome_of(w, at, v), possible.first));
	w->prefixes++;
	w->early += v.state != QUORUM_WAIT && at < w->n;
	if (at < w->n)
		for_next(w, at, check_prefix, arg);
}

static void every_order_of_votes_gives_what_the_definition_says_as_soon_as_it_is_certain(
	void **state)
{
	static const enum consistency levels[] = {
		CONSISTENCY_DC_ONE, CONSISTENCY_DC_QUORUM, CONSISTENCY_DC_SAFE_QUORUM};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		for (int n = 1; n <= N_MAX; n++) {
			struct walk w = {.level = levels[i], .n = n};

			rng_seed(&w.rng, (uint64_t)n);
			check_prefix(&w, 0, NULL);
			assert_true(w.prefixes >= 3);
			assert_true(n < 3 || w.early > 0);
		}
	}
}

// The votes of one datacentre, in the order of arrival.
struct dc_votes {
	struct vote v[QUORUM_RACKS_MAX];
	int n;
};

struct each_run {
	uint8_t asked[QUORUM_DCS_MAX];
	uint8_t dc_n;
	uint8_t local;
	struct dc_votes dcs[QUORUM_DCS_MAX];
	struct vote by_replica[QUORUM_DCS_MAX][QUORUM_RACKS_MAX];
};

// Of the datacentre alone, as far as its votes have come.
static struct quorum_verdict of_alone(const struct each_run *r, uint8_t dc)
{
	struct quorum q;
	struct quorum_verdict v = quorum_start(&q, CONSISTENCY_DC_SAFE_QUORUM, &r->asked[dc], 1, 0);

	for (int i = 0; i < r->dcs[dc].n; i++)
		v = quorum_vote(&q, 0, (uint8_t)i, r->dcs[dc].v[i].kind, r->dcs[dc].v[i].group);
	return v;
}

static void check_each(const struct each_run *r, struct quorum_verdict v)
{
	bool waits = false;
	bool fails = false;
	int error_dc = -1;
	struct quorum_verdict own = of_alone(r, r->local);

	for (uint8_t dc = 0; dc < r->dc_n; dc++) {
		struct quorum_verdict alone = of_alone(r, dc);

		if (r->asked[dc] == 0)
			continue;
		waits |= alone.state == QUORUM_WAIT;
		fails |= alone.state == QUORUM_UNREACHED || alone.state == QUORUM_DISAGREED;
		if (alone.state == QUORUM_DONE &&
			r->dcs[dc].v[alone.replica].kind == QUORUM_ERROR &&
			(error_dc < 0 || dc == r->local))
			error_dc = dc;
	}
	if (fails) {
		assert_true(v.state == QUORUM_UNREACHED || v.state == QUORUM_DISAGREED);
		assert_int_equal(of_alone(r, v.dc).state, v.state);
	} else if (waits) {
		assert_int_equal(v.state, QUORUM_WAIT);
	} else {
		struct vote given = r->by_replica[v.dc][v.replica];
		uint8_t dc = error_dc >= 0 ? (uint8_t)error_dc : r->local;
		struct vote want = r->dcs[dc].v[of_alone(r, dc).replica];

		assert_int_equal(own.state, QUORUM_DONE);
		assert_int_equal(v.state, QUORUM_DONE);
		assert_int_equal(v.dc, dc);
		assert_int_equal(given.kind, want.kind);
		assert_int_equal(given.group, want.group);
	}
}

struct ballot {
	uint8_t dc;
	uint8_t replica;
};

static int draw_ballots(struct rng *rng, struct each_run *r, struct ballot *out)
{
	int n = 0;

	r->dc_n = (uint8_t)(1 + rng_below(rng, QUORUM_DCS_MAX));
	r->local = (uint8_t)rng_below(rng, r->dc_n);
	for (uint8_t dc = 0; dc < r->dc_n; dc++) {
		r->asked[dc] = (uint8_t)rng_below(rng, QUORUM_RACKS_MAX + 1);
		if (dc == r->local && r->asked[dc] == 0)
			r->asked[dc] = 1;
		for (uint8_t i = 0; i < r->asked[dc]; i++) {
			int k = (int)rng_below(rng, (uint32_t)n + 1);

			out[n] = out[k];
			out[k] = (struct ballot){dc, i};
			n++;
		}
	}
	return n;
}

static struct vote draw_vote(struct rng *rng, uint32_t trouble)
{
	struct vote v = {.group = 3};

	if (rng_below(rng, 100) < trouble) {
		v.kind = (enum quorum_kind)rng_below(rng, 3);
		v.group = (uint8_t)rng_below(rng, 16);
	} else if (rng_below(rng, 1000) < trouble) {
		v.kind = QUORUM_ERROR;
	}
	return v;
}

static void every_datacentre_has_its_own_majority(void **state)
{
	static const uint32_t troubles[] = {0, 3, 10, 30};
	struct ballot ballots[QUORUM_DCS_MAX * QUORUM_RACKS_MAX];
	int done = 0;
	struct rng rng;

	(void)state;
	rng_seed(&rng, 5);
	for (int run = 0; run < 2000; run++) {
		uint32_t trouble = troubles[rng_below(&rng, ARRAY_LEN(troubles))];
		struct each_run r = {0};
		int n = draw_ballots(&rng, &r, ballots);
		uint32_t all_error = rng_below(&rng, 20); // a datacentre where all refuse
		struct quorum q;
		struct quorum_verdict v =
			quorum_start(&q, CONSISTENCY_DC_EACH_SAFE_QUORUM, r.asked, r.dc_n, r.local);

		assert_int_equal(v.state, QUORUM_WAIT);
		for (int i = 0; i < n && v.state == QUORUM_WAIT; i++) {
			struct vote vote = draw_vote(&rng, trouble);
			struct dc_votes *d = &r.dcs[ballots[i].dc];

			if (ballots[i].dc == all_error)
				vote.kind = QUORUM_ERROR;
			d->v[d->n++] = vote;
			r.by_replica[ballots[i].dc][ballots[i].replica] = vote;
			v = quorum_vote(
				&q, ballots[i].dc, ballots[i].replica, vote.kind, vote.group);
			check_each(&r, v);
		}
		assert_int_not_equal(v.state, QUORUM_WAIT);
		done += v.state == QUORUM_DONE;
	}
	assert_true(done > 200 && done < 1800);
}

static void says_whether_the_answer_was_agreed_on(void **state)
{
	const uint8_t asked = 3;
	struct quorum q;
	struct quorum_verdict v;

	(void)state;
	(void)quorum_start(&q, CONSISTENCY_DC_QUORUM, &asked, 1, 0);
	(void)quorum_vote(&q, 0, 2, QUORUM_GOOD, 2);
	v = quorum_vote(&q, 0, 1, QUORUM_GOOD, 2);
	assert_int_equal(v.state, QUORUM_DONE);
	assert_true(v.agreed);

	(void)quorum_start(&q, CONSISTENCY_DC_QUORUM, &asked, 1, 0);
	(void)quorum_vote(&q, 0, 2, QUORUM_GOOD, 2);
	(void)quorum_vote(&q, 0, 1, QUORUM_GOOD, 1);
	v = quorum_vote(&q, 0, 0, QUORUM_GOOD, 0);
	assert_int_equal(v.state, QUORUM_DONE);
	assert_int_equal(v.replica, 2);
	assert_false(v.agreed);
}

static void votes_that_do_not_count_change_nothing(void **state)
{
	const uint8_t asked[2] = {3, 3};
	struct quorum q;
	struct quorum_verdict v, done;

	(void)state;
	(void)quorum_start(&q, CONSISTENCY_DC_SAFE_QUORUM, asked, 2, 0);
	(void)quorum_vote(&q, 0, 0, QUORUM_GOOD, 0);
	(void)quorum_vote(&q, 0, 0, QUORUM_FAILED, 0);
	(void)quorum_vote(&q, 0, 0, QUORUM_GOOD, 0);
	(void)quorum_vote(&q, 0, 3, QUORUM_GOOD, 0);
	(void)quorum_vote(&q, 0, 255, QUORUM_GOOD, 0);
	(void)quorum_vote(&q, 2, 1, QUORUM_GOOD, 0);
	(void)quorum_vote(&q, 255, 1, QUORUM_GOOD, 0);
	(void)quorum_vote(&q, 1, 1, QUORUM_GOOD, 0);
	v = quorum_vote(&q, 1, 2, QUORUM_GOOD, 0);
	assert_int_equal(v.state, QUORUM_WAIT);
	assert_false(quorum_awaits(&q, 1));
	assert_false(quorum_awaits(&q, 2));
	done = quorum_vote(&q, 0, 1, QUORUM_GOOD, 0);
	assert_int_equal(done.state, QUORUM_DONE);
	v = quorum_vote(&q, 0, 2, QUORUM_ERROR, 1);
	assert_int_equal(v.state, QUORUM_DONE);
	assert_int_equal(v.replica, done.replica);
}

static void nobody_asked_is_nobody_reached(void **state)
{
	const uint8_t asked[3] = {0, 3, 3};
	struct quorum q;

	(void)state;
	for (int level = CONSISTENCY_DC_ONE; level <= CONSISTENCY_DC_EACH_SAFE_QUORUM; level++) {
		enum consistency l = (enum consistency)level;

		assert_int_equal(quorum_start(&q, l, asked, 3, 0).state, QUORUM_UNREACHED);
		assert_int_equal(quorum_start(&q, l, asked, 3, 3).state, QUORUM_UNREACHED);
		assert_int_equal(quorum_start(&q, l, asked, 0, 0).state, QUORUM_UNREACHED);
		assert_int_equal(quorum_start(&q, l, asked, 3, 1).state, QUORUM_WAIT);
	}
	// Of every datacentre, of the one without racks nobody is awaited.
	(void)quorum_start(&q, CONSISTENCY_DC_EACH_SAFE_QUORUM, asked, 2, 1);
	(void)quorum_vote(&q, 1, 0, QUORUM_GOOD, 0);
	assert_int_equal(quorum_vote(&q, 1, 1, QUORUM_GOOD, 0).state, QUORUM_DONE);
}

struct names {
	char dc[SNAPSHOT_NAME_MAX];
	char rack[SNAPSHOT_NAME_MAX];
	size_t pad; // all names are at least so long
};

static struct quorum_name name_of(void *arg, uint8_t dc, uint8_t replica)
{
	struct names *n = arg;

	snprintf(n->dc, sizeof(n->dc), "dc%-*d", (int)n->pad, dc + 1);
	snprintf(n->rack, sizeof(n->rack), "rack%-*d", (int)n->pad, replica + 1);
	return (struct quorum_name){slice_str(n->dc), slice_str(n->rack)};
}

static void assert_error(const struct quorum *q, const char *want)
{
	char buf[QUORUM_ERROR_MAX];
	struct resp_writer w = resp_writer_make(buf, sizeof(buf));
	struct names names = {.pad = 1};

	quorum_put_error(&w, q, name_of, &names);
	assert_false(w.full);
	assert_int_equal(w.len, strlen(want));
	assert_memory_equal(buf, want, w.len);
}

static void failures_are_told_with_who_did_not_answer(void **state)
{
	const uint8_t asked[2] = {3, 5};
	struct quorum q;

	(void)state;
	(void)quorum_start(&q, CONSISTENCY_DC_QUORUM, asked, 2, 0);
	(void)quorum_vote(&q, 0, 1, QUORUM_FAILED, 0);
	(void)quorum_vote(&q, 0, 0, QUORUM_GOOD, 0);
	assert_int_equal(quorum_vote(&q, 0, 2, QUORUM_FAILED, 0).state, QUORUM_UNREACHED);
	assert_error(&q,
		"-ERR Dynomite: Failed to achieve Quorum (1 of 3 answered; no answer from "
		"dc1/rack2, dc1/rack3)\r\n");

	(void)quorum_start(&q, CONSISTENCY_DC_SAFE_QUORUM, asked, 2, 0);
	(void)quorum_vote(&q, 0, 0, QUORUM_GOOD, 0);
	(void)quorum_vote(&q, 0, 1, QUORUM_GOOD, 1);
	assert_int_equal(quorum_vote(&q, 0, 2, QUORUM_ERROR, 1).state, QUORUM_DISAGREED);
	assert_error(
		&q, "-ERR Dynomite: Failed to achieve Quorum (3 of 3 answered, not alike)\r\n");

	(void)quorum_start(&q, CONSISTENCY_DC_EACH_SAFE_QUORUM, asked, 2, 0);
	(void)quorum_vote(&q, 1, 0, QUORUM_FAILED, 0);
	(void)quorum_vote(&q, 1, 1, QUORUM_FAILED, 0);
	(void)quorum_vote(&q, 0, 1, QUORUM_GOOD, 0);
	assert_int_equal(quorum_vote(&q, 1, 4, QUORUM_FAILED, 0).state, QUORUM_UNREACHED);
	assert_error(&q,
		"-ERR Dynomite: Failed to achieve Quorum (0 of 5 in dc2 answered; no answer from "
		"dc2/rack1, dc2/rack2, dc2/rack5; not waited for dc2/rack3, dc2/rack4)\r\n");

	(void)quorum_start(&q, CONSISTENCY_DC_ONE, asked, 0, 0);
	assert_error(&q, "-ERR Dynomite: Failed to achieve Quorum (0 of 0 answered)\r\n");
}

// Whatever the names' lengths and whoever is missing, it fits and counts all.
static void names_that_do_not_fit_are_counted(void **state)
{
	const uint8_t asked = QUORUM_RACKS_MAX;

	(void)state;
	for (size_t pad = 1; pad < 60; pad++) {
		for (uint8_t good = 0; good < 9; good++) {
			char buf[QUORUM_ERROR_MAX + 1];
			struct resp_writer w = resp_writer_make(buf, QUORUM_ERROR_MAX);
			struct names names = {.pad = pad};
			struct quorum q;
			int named = 0;
			int more = 0;

			(void)quorum_start(&q, CONSISTENCY_DC_EACH_SAFE_QUORUM, &asked, 1, 0);
			for (uint8_t i = 0; i < good; i++)
				(void)quorum_vote(&q, 0, i, QUORUM_GOOD, i);
			for (uint8_t i = good; i < asked && !quorum_is_decided(&q); i++)
				(void)quorum_vote(&q, 0, i, QUORUM_FAILED, 0);
			assert_true(quorum_is_decided(&q));
			quorum_put_error(&w, &q, name_of, &names);
			assert_false(w.full);
			buf[w.len] = '\0';
			assert_string_equal(buf + w.len - 3, ")\r\n");
			for (const char *at = buf; (at = strstr(at, "/rack")) != NULL; at++)
				named++;
			for (const char *at = buf; (at = strstr(at, " more")) != NULL; at++) {
				const char *digit = at;

				while (digit[-1] >= '0' && digit[-1] <= '9')
					digit--;
				more += atoi(digit);
			}
			assert_int_equal(named + more, asked - good);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			every_order_of_votes_gives_what_the_definition_says_as_soon_as_it_is_certain),
		cmocka_unit_test(every_datacentre_has_its_own_majority),
		cmocka_unit_test(says_whether_the_answer_was_agreed_on),
		cmocka_unit_test(votes_that_do_not_count_change_nothing),
		cmocka_unit_test(nobody_asked_is_nobody_reached),
		cmocka_unit_test(failures_are_told_with_who_did_not_answer),
		cmocka_unit_test(names_that_do_not_fit_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
