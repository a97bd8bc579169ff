#include "dataplane/session/hedge.h"

#include "dataplane/session/place.h"
#include "dataplane/session/txn.h"

bool hedge_wanted(const struct session *s, const struct request *r)
{
	return s->ring->snapshot->read_hedge_ms > 0 && s->ring->dc[0].rack_n > 1 &&
		!(r->flags & REQUEST_BULK);
}

bool hedge_begin(
	struct session *s, struct request *r, const struct keys *keys, const struct peer_view *view)
{
	struct txn_place place = {.node = RING_NO_NODE};
	struct txn *txn;

	// The second copy finds its room when it is due, or is not made.
	if (!txn_has_room(s, 0, 1))
		return false;
	(void)place_nearest(s->ring, &keys->owners, view, 0, &place);
	txn = txn_make(s, r, CONSISTENCY_DC_ONE);
	txn->hash = keys->hash;
	txn->hedged = true;
	txn->hedge_at =
		mono_add(s->routed_at, s->ring->snapshot->read_hedge_ms * (uint64_t)NS_PER_MS);
	list_push_back(&s->hedges, &txn->hedge);
	txn_send_more(s, &txn->first, &place);
	txn_sent(s, txn);
	return true;
}

bool hedge_now(struct session *s, struct txn *txn)
{
	if (!txn->parent || !list_linked(&txn->hedge))
		return false;
	list_remove(&txn->hedge);
	txn->hedge_at = s->routed_at;
	list_push_front(&s->hedges, &txn->hedge);
	return true;
}

static void ask_another(struct session *s, const struct peer_view *view, struct txn *txn)
{
	struct part *part = &txn->first;
	struct owners owners;
	struct txn_place place;

	owners_find(s->ring, txn->hash, &owners);
	if (txn_has_room(s, 0, 1) && place_nearest(s->ring, &owners, view, part->asked, &place)) {
		stat_inc(s->stats, STAT_read_hedges);
		txn_send_more(s, part, &place);
	} else if (part->asked == part->failed) {
		txn_give_up(s, part);
	}
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
			ask_another(s, view, txn);
	}
}

struct mono hedge_next(const struct session *s)
{
	if (list_empty(&s->hedges))
		return MONO_NEVER;
	return list_entry(s->hedges.next, struct txn, hedge)->hedge_at;
}
