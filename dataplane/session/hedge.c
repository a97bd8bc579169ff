#include "dataplane/session/hedge.h"

#include "dataplane/session/place.h"
#include "dataplane/session/txn.h"

bool hedge_wanted(const struct session *s, const struct request *r)
{
	return s->ring->snapshot->read_hedge_ms > 0 && s->ring->dc[0].rack_n > 1 &&
		!(r->flags & REQUEST_BULK);
}

void hedge_start(struct session *s, struct txn *txn)
{
	const uint64_t wait = s->ring->snapshot->read_hedge_ms * (uint64_t)NS_PER_MS;

	// What failed at once is there already.
	if (wait == 0 || list_linked(&txn->hedge))
		return;
	txn->hedge_at = mono_add(s->routed_at, wait);
	list_push_back(&s->hedges, &txn->hedge);
}

bool hedge_now(struct session *s, struct txn *txn)
{
	if (!txn->parent || !txn->hedged)
		return false;
	list_remove(&txn->hedge);
	txn->hedge_at = s->routed_at;
	list_push_front(&s->hedges, &txn->hedge);
	return true;
}

static void ask_another(struct session *s, const struct peer_view *view, struct part *part)
{
	bool failed = part->asked == part->failed;
	struct owners owners;
	struct txn_place place;

	owners_find(s->ring, part->hash, &owners);
	if (txn_has_room(s, 0, 1) && place_nearest(s->ring, &owners, view, part->asked, &place)) {
		stat_inc(s->stats, failed ? STAT_read_failovers : STAT_read_hedges);
		txn_send_more(s, part, &place);
	} else if (failed) {
		txn_give_up(s, part);
	}
}

static void ask_for_parts(struct session *s, const struct peer_view *view, struct txn *txn)
{
	bool all = txn->late || s->ring->snapshot->read_hedge_ms > 0;

	txn->late = false;
	for (struct part *part = &txn->first; part; part = part->next)
		if (!part->decided && (all || part->asked == part->failed))
			ask_another(s, view, part);
	txn_sent(s, txn);
}

void hedge_run(struct session *s, const struct peer_view *view, struct mono now)
{
	while (!list_empty(&s->hedges)) {
		struct txn *txn = list_entry(s->hedges.next, struct txn, hedge);

		if (!s->ring || !mono_due(now, txn->hedge_at))
			return;
		list_remove(&txn->hedge);
		if (txn->parent && txn->undecided > 0)
			ask_for_parts(s, view, txn);
	}
}

struct mono hedge_next(const struct session *s)
{
	if (list_empty(&s->hedges))
		return MONO_NEVER;
	return list_entry(s->hedges.next, struct txn, hedge)->hedge_at;
}
