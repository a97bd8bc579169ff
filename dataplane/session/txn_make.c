// A transaction, its parts, and a copy for each place.
#include "dataplane/session/core.h"
#include "dataplane/session/state.h"
#include "dataplane/session/txn.h"
#include "dataplane/session/walk.h"

static uint32_t room(const struct pool *pool)
{
	return pool->capacity - pool->used;
}

bool txn_has_room(const struct session *s, uint32_t parts, uint32_t copies)
{
	return room(&s->txns) > 0 && room(&s->parts) >= parts && room(&s->copies) >= copies;
}

static void join_client(struct txn *txn, struct client *c)
{
	txn->client = c;
	txn->client_next = c->txns;
	txn->client_at = &c->txns;
	if (c->txns)
		c->txns->client_at = &txn->client_next;
	c->txns = txn;
}

struct txn *txn_make(struct session *s, struct request *parent, const struct txn_places *places)
{
	struct txn *txn = pool_get(&s->txns);

	*txn = (struct txn){
		.parent = parent,
		.cmd = parent->cmd,
		.undecided = 1,
		.part_n = 1,
		.epoch = s->ring->snapshot->epoch,
		.level = places->level,
		.hedged = places->hedged,
		.first.txn = txn,
	};
	list_push_back(&s->txn_all, &txn->all);
	list_init(&txn->hedge);
	join_client(txn, parent->client);
	parent->txn = txn;
	parent->target = REQUEST_TO_TXN;
	return txn;
}

struct part *txn_add_part(struct session *s, struct txn *txn, struct part *behind)
{
	struct part *part = pool_get(&s->parts);

	*part = (struct part){.txn = txn};
	behind->next = part;
	txn->part_n++;
	txn->undecided++;
	return part;
}

// --- copies

// Each segment that the bytes lie in gets a reference more.
static void share_bytes(struct request *copy, struct rte_mbuf *bytes, uint16_t off, uint32_t len)
{
	struct rte_mbuf *m = bytes;
	uint32_t left = len + off;

	copy->bytes = bytes;
	copy->bytes_off = off;
	copy->len = len;
	for (; left > 0; m = m->next) {
		rte_mbuf_refcnt_update(m, 1);
		left -= left < m->data_len ? left : m->data_len;
	}
}

// To the store, a large request streams: its segments are linked by the store, so they must be its
// own.
static bool own_bytes(const struct session *s, struct request *copy)
{
	struct reply own = {.pool = s->config.pool};
	struct request view = *copy;

	if (!walk_copy(walk_bytes(&view), view.len, &own)) {
		reply_free(&own);
		return false;
	}
	request_drop_bytes(copy);
	copy->bytes = own.head;
	copy->bytes_tail = own.tail;
	copy->bytes_off = 0;
	copy->len = own.len;
	copy->flags |= REQUEST_BULK;
	return true;
}

static struct request *copy_new(
	struct session *s, struct part *part, struct rte_mbuf *bytes, uint32_t len)
{
	const struct request *parent = part->txn->parent;
	struct request *copy = pool_get(&s->copies);

	*copy = (struct request){
		.part = part,
		.cmd = part->txn->cmd,
		.stamp = parent->stamp,
		.flags = REQUEST_COPY | REQUEST_WHOLE | REQUEST_OWN | REQUEST_HOLD,
	};
	if (bytes)
		share_bytes(copy, bytes, 0, len);
	else
		share_bytes(copy, parent->bytes, parent->bytes_off, parent->len);
	return copy;
}

static enum request_error to_store(struct session *s, struct request *copy)
{
	struct txn *txn = copy->part->txn;

	if (!state_allows(s->ring->snapshot, copy->cmd))
		return REQUEST_ERROR_STATE;
	if (copy->len > s->config.bulk_min && !own_bytes(s, copy))
		return REQUEST_ERROR_MEMORY;
	copy->target = REQUEST_TO_STORE;
	if (txn->client)
		txn->client->store_n++;
	request_push(&s->issued, copy);
	return REQUEST_ERROR_NONE;
}

static void to_peer(struct session *s, struct request *copy, bool spread)
{
	copy->target = REQUEST_TO_PEER;
	if (spread)
		copy->flags |= REQUEST_SPREAD;
	request_push(&s->forwarded, copy);
}

static void send_one(struct session *s, struct part *part, const struct txn_place *place,
	struct rte_mbuf *bytes, uint32_t len)
{
	struct request_to to = {.node = place->node, .dc = place->dc, .rack = place->rack};
	enum request_error error = REQUEST_ERROR_NONE;
	struct request *copy;

	if (place->node == RING_NO_NODE) {
		txn_vote_failed(s, part, to, REQUEST_ERROR_NO_OWNER);
		return;
	}
	copy = copy_new(s, part, bytes, len);
	copy->to = to;
	copy->flags |= REQUEST_HELD;
	part->txn->out++;
	if (place->node == s->ring->local_node)
		error = to_store(s, copy);
	else
		to_peer(s, copy, place->spread);
	if (error == REQUEST_ERROR_NONE)
		return;
	part->txn->out--;
	copy->flags &= (uint16_t)~REQUEST_HELD;
	session_release(s, copy);
	txn_vote_failed(s, part, to, error);
}

// How many replicas of each datacentre have a vote.
static void count_votes(struct part *part, const struct txn_places *places, const struct ring *ring)
{
	uint8_t asked[RING_DCS_MAX] = {0};

	for (uint32_t i = 0; i < places->n; i++)
		if (places->at[i].dc != TXN_NO_VOTE)
			asked[places->at[i].dc]++;
	part->asked = (uint16_t)((1u << asked[0]) - 1);
	if (part->txn->level != CONSISTENCY_DC_ONE)
		(void)quorum_start(&part->quorum, (enum consistency)part->txn->level, asked,
			(uint8_t)ring->dc_n, 0);
}

void txn_send_more(struct session *s, struct part *part, const struct txn_place *place)
{
	part->asked |= (uint16_t)(1u << place->rack);
	send_one(s, part, place, part->bytes, part->len);
}

void txn_send(struct session *s, struct part *part, const struct txn_places *places,
	struct rte_mbuf *bytes, uint32_t len)
{
	if (places->hedged) {
		part->bytes = bytes;
		part->len = len;
		txn_send_more(s, part, &places->at[0]);
		return;
	}
	count_votes(part, places, s->ring);
	for (uint32_t i = 0; i < places->n; i++)
		send_one(s, part, &places->at[i], bytes, len);
	rte_pktmbuf_free(bytes);
}
