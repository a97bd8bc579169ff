// Where a request goes: nowhere, since it is answered here; to this node's store; to a peer; or, as
// a transaction, to several.
#include "dataplane/session/core.h"
#include "dataplane/session/hedge.h"
#include "dataplane/session/keys.h"
#include "dataplane/session/place.h"
#include "dataplane/session/split.h"
#include "dataplane/session/state.h"
#include "dataplane/session/txn.h"
#include "dataplane/session/walk.h"

static void refuse(struct session *s, struct request *r, enum request_error error)
{
	r->error = (uint8_t)error;
	r->flags |= REQUEST_DONE;
	r->flags &= (uint16_t)~REQUEST_KEEP;
	request_drop_bytes(r);
	client_settle_later(s, r->client);
}

// --- one place: the request goes itself

static void to_store(struct session *s, struct request *r)
{
	if (!state_allows(s->ring->snapshot, r->cmd)) {
		refuse(s, r, REQUEST_ERROR_STATE);
		return;
	}
	r->target = REQUEST_TO_STORE;
	r->client->store_n++;
	r->flags |= REQUEST_HELD;
	request_push(&s->issued, r);
}

static void to_peer(struct session *s, struct request *r, const struct txn_place *place)
{
	// It was gathered; its bytes are sent as those of others.
	r->flags &= (uint16_t)~REQUEST_BULK;
	r->target = REQUEST_TO_PEER;
	r->to = (struct request_to){.node = place->node, .dc = place->dc, .rack = place->rack};
	r->flags |= REQUEST_HELD;
	request_push(&s->forwarded, r);
}

// A read that one rack answers; if that can't, another one may.
static void to_nearest(struct session *s, struct request *r, const struct owners *owners,
	const struct peer_view *view)
{
	struct txn_place place;

	if (!place_nearest(s->ring, owners, view, r->tried, &place)) {
		refuse(s, r, r->tried ? REQUEST_ERROR_PEER_AWAY : REQUEST_ERROR_NO_OWNER);
		return;
	}
	if (s->ring->dc[0].rack_n > 1 && !(r->flags & REQUEST_BULK)) {
		r->flags |= REQUEST_KEEP;
		r->tried |= (uint16_t)(1u << place.rack);
	}
	if (place.node == s->ring->local_node)
		to_store(s, r);
	else
		to_peer(s, r, &place);
}

// --- several places

static uint8_t level_of(const struct session *s, const struct request *r)
{
	bool write = r->cmd->access == RESP_CMD_WRITE;
	uint8_t own = write ? r->client->write_level : r->client->read_level;

	if (own != CLIENT_LEVEL_GLOBAL)
		return own;
	return write ? s->ring->snapshot->write_consistency : s->ring->snapshot->read_consistency;
}

static bool is_simple_read(const struct session *s, const struct request *r)
{
	return r->cmd->access != RESP_CMD_WRITE && level_of(s, r) == CONSISTENCY_DC_ONE &&
		!client_is_peer(r->client);
}

static void choose(struct session *s, const struct request *r, const struct owners *owners,
	const struct peer_view *view, struct txn_places *out)
{
	uint8_t level = level_of(s, r);

	if (client_is_peer(r->client))
		places_spread(s->ring, owners, out);
	else if (r->cmd->access == RESP_CMD_WRITE)
		places_write(s->ring, owners, view, level, out);
	else if (is_simple_read(s, r))
		places_one(s->ring, owners, view, out);
	else
		places_read(s->ring, owners, level, out);
}

// False: no room for its copies now. `hash` is of its key, if it has one.
static bool to_places(struct session *s, struct request *r, uint32_t hash)
{
	struct txn *txn;

	if (!txn_has_room(s, 0, s->places->n))
		return false;
	r->flags &= (uint16_t)~REQUEST_BULK;
	txn = txn_make(s, r, s->places);
	txn->first.hash = hash;
	txn_send(s, &txn->first, s->places, NULL, 0);
	if (txn->hedged)
		hedge_start(s, txn);
	txn_sent(s, txn);
	return true;
}

static bool split(struct session *s, struct request *r, const struct peer_view *view)
{
	enum request_error error;

	r->flags &= (uint16_t)~REQUEST_BULK;
	switch (split_run(s, r, view, choose, &error)) {
	case SPLIT_SENT:
		return true;
	case SPLIT_LATER:
		return false;
	case SPLIT_REFUSED:
		refuse(s, r, error);
		break;
	case SPLIT_BROKEN:
		to_store(s, r);
		break;
	}
	return true;
}

// The keys have one owner in each rack.
static bool route_key(
	struct session *s, struct request *r, const struct keys *keys, const struct peer_view *view)
{
	const struct owners *owners = &keys->owners;

	if (is_simple_read(s, r) && !hedge_wanted(s, r)) {
		to_nearest(s, r, owners, view);
		return true;
	}
	choose(s, r, owners, view, s->places);
	if (s->places->n > 1 && unlikely((uint32_t)r->cmd->id == MEMCACHE_CAS)) {
		refuse(s, r, REQUEST_ERROR_CAS);
		return true;
	}
	if (s->places->n > 1 || s->places->hedged)
		return to_places(s, r, keys->hash);
	if (s->places->at[0].node == RING_NO_NODE)
		refuse(s, r, REQUEST_ERROR_NO_OWNER);
	else if (s->places->at[0].node == s->ring->local_node)
		to_store(s, r);
	else
		to_peer(s, r, &s->places->at[0]);
	return true;
}

static bool route_keys(struct session *s, struct request *r, const struct peer_view *view)
{
	struct keys keys;

	keys_find(s, r, &keys);
	switch (keys.kind) {
	case KEYS_NONE:
	case KEYS_BROKEN:
		to_store(s, r);
		return true;
	case KEYS_ONE:
		return route_key(s, r, &keys, view);
	case KEYS_TOO_BIG:
		refuse(s, r, REQUEST_ERROR_KEY_TOO_BIG);
		return true;
	case KEYS_MANY:
		break;
	}
	return split(s, r, view);
}

// Scripts and functions are loaded everywhere; everything else without a key is about one store.
static bool route_keyless(struct session *s, struct request *r)
{
	if (r->cmd->access != RESP_CMD_WRITE || client_is_peer(r->client)) {
		to_store(s, r);
		return true;
	}
	places_all(s->ring, s->places);
	return to_places(s, r, 0);
}

// --- all requests

static bool is_local(const struct request *r)
{
	return r->cmd->route == RESP_CMD_ROUTE_LOCAL && !(r->flags & REQUEST_BULK);
}

// A peer chose us. Only what it wants spread is ours to route.
static bool route_from_peer(struct session *s, struct request *r, const struct peer_view *view)
{
	if (r->cmd->route == RESP_CMD_ROUTE_LOCAL && r->cmd->id != CMD_PING &&
		r->cmd->id != CMD_ECHO) {
		refuse(s, r, REQUEST_ERROR_BETWEEN_NODES);
		return true;
	}
	if (!(r->flags & REQUEST_SPREAD) || r->cmd->route != RESP_CMD_ROUTE_KEY) {
		to_store(s, r);
		return true;
	}
	return route_keys(s, r, view);
}

static bool is_streaming(const struct request *r)
{
	return (r->flags & (REQUEST_BULK | REQUEST_WHOLE)) == REQUEST_BULK;
}

// Counts for what comes behind it, which is routed before this is answered.
static void choose_level(struct session *s, const struct request *r)
{
	struct walk w = walk_begin(r);
	enum consistency level;
	struct walk_arg arg;

	if (walk_next(&w, &arg) && walk_next(&w, &arg) &&
		consistency_parse(walk_text(&arg, s->gather, SESSION_GATHER), &level)) {
		r->client->read_level = (uint8_t)level;
		r->client->write_level = (uint8_t)level;
	}
}

static void answer_here(struct session *s, struct request *r)
{
	if (unlikely(r->cmd->id == CMD_DYNO_CONSISTENCY))
		choose_level(s, r);
	r->target = REQUEST_TO_LOCAL;
	client_settle_later(s, r->client);
}

// Before there is a ring, what does not need one. PING and ECHO ask whether the node serves.
static bool needs_ring(const struct request *r)
{
	return !is_local(r) || r->cmd->id == CMD_PING || r->cmd->id == CMD_ECHO;
}

static bool route_in_ring(struct session *s, struct request *r, const struct peer_view *view)
{
	bool alone = s->ring->snapshot->node_n == 1;

	if (!alone && is_streaming(r)) {
		r->flags |= REQUEST_GATHER; // comes again when it is whole
		return true;
	}
	if (client_is_peer(r->client))
		return route_from_peer(s, r, view);
	if (is_local(r) && state_allows(s->ring->snapshot, r->cmd)) {
		answer_here(s, r);
		return true;
	}
	if (alone || is_local(r)) {
		to_store(s, r);
		return true;
	}
	return r->cmd->route == RESP_CMD_ROUTE_KEY ? route_keys(s, r, view) : route_keyless(s, r);
}

// False: not now; try again in the next turn.
static bool route(struct session *s, struct request *r, const struct peer_view *view)
{
	if (r->flags & REQUEST_DONE)
		client_settle_later(s, r->client);
	else if (s->ring)
		return route_in_ring(s, r, view);
	else if (needs_ring(r))
		refuse(s, r, REQUEST_ERROR_STATE);
	else
		answer_here(s, r);
	return true;
}

unsigned route_run(
	struct session *s, const struct ring *ring, const struct peer_view *view, struct mono now)
{
	unsigned n = s->routed.n;
	struct request *r;

	s->ring = ring;
	s->view = view;
	s->routed_at = now;
	hedge_run(s, view, now);
	while ((r = request_pop(&s->routed))) {
		r->flags &= (uint16_t)~REQUEST_HELD;
		if (!r->client) {
			session_release(s, r);
		} else if (!route(s, r, view)) {
			r->flags |= REQUEST_HELD;
			request_push_front(&s->routed, r);
			break;
		}
	}
	return n - s->routed.n;
}
