// What comes back of a transaction is counted; with the last verdict its parent has its answer.
#include "dataplane/session/txn.h"

#include "dataplane/session/core.h"
#include "dataplane/session/hedge.h"
#include "dataplane/session/place.h"
#include "dataplane/session/walk.h"

// --- what a copy's outcome is

static bool begins(const struct request *r, struct slice with)
{
	struct walk w = walk_reply(r);

	while (with.len > 0 && w.left > 0) {
		struct slice piece = walk_piece(&w);
		size_t n = piece.len < with.len ? piece.len : with.len;

		if (memcmp(piece.ptr, with.ptr, n) != 0)
			return false;
		with = slice_make(with.ptr + n, with.len - n);
		walk_skip(&w, n);
	}
	return with.len == 0;
}

static bool is_memcache(const struct request *r)
{
	return unlikely(memcache_is(r->cmd));
}

static bool is_error(const struct request *r)
{
	if (is_memcache(r))
		return begins(r, SLICE_LIT("SERVER_ERROR")) ||
			begins(r, SLICE_LIT("CLIENT_ERROR")) || begins(r, SLICE_LIT("ERROR"));
	return begins(r, SLICE_LIT("-"));
}

static enum request_error memcache_node_error(const struct request *r)
{
	if (!begins(r, SLICE_LIT("SERVER_ERROR ")))
		return REQUEST_ERROR_NONE;
	if (begins(r, SLICE_LIT("SERVER_ERROR Storage: ")))
		return REQUEST_ERROR_STORE;
	if (begins(r, SLICE_LIT("SERVER_ERROR Peer: ")))
		return REQUEST_ERROR_PEER_LOST;
	if (begins(r, SLICE_LIT("SERVER_ERROR Dynomite: ")))
		return REQUEST_ERROR_STATE;
	return REQUEST_ERROR_NONE;
}

// Errors of a node, not of its store's data: it did not carry out the request, or can't say.
enum request_error txn_node_error(const struct request *r)
{
	if (!r->reply)
		return REQUEST_ERROR_STORE;
	if (is_memcache(r))
		return memcache_node_error(r);
	if (!begins(r, SLICE_LIT("-ERR ")))
		return REQUEST_ERROR_NONE;
	if (begins(r, SLICE_LIT("-ERR Storage: ")))
		return REQUEST_ERROR_STORE;
	if (begins(r, SLICE_LIT("-ERR Peer: ")))
		return REQUEST_ERROR_PEER_LOST;
	if (begins(r, SLICE_LIT("-ERR Dynomite: ")))
		return REQUEST_ERROR_STATE;
	return REQUEST_ERROR_NONE;
}

static enum quorum_kind kind_of(struct request *copy)
{
	if (copy->error == REQUEST_ERROR_NONE)
		copy->error = (uint8_t)txn_node_error(copy);
	if (copy->error != REQUEST_ERROR_NONE)
		return QUORUM_FAILED;
	return is_error(copy) ? QUORUM_ERROR : QUORUM_GOOD;
}

// --- verdicts

static struct request *find(const struct part *part, uint8_t dc, uint8_t rack)
{
	struct request *r = part->back;

	while (r && (r->to.dc != dc || r->to.rack != rack))
		r = r->next;
	return r;
}

static void drop_back(struct session *s, struct part *part)
{
	struct request *r = part->back;

	while (r) {
		struct request *next = r->next;

		if (r != part->chosen)
			session_release(s, r);
		r = next;
	}
	part->back = NULL;
}

static void decide(struct session *s, struct part *part, struct request *chosen)
{
	part->chosen = chosen;
	part->decided = true;
	part->txn->undecided--;
	drop_back(s, part);
	rte_pktmbuf_free(part->bytes);
	part->bytes = NULL;
}

// The own rack's answer, or the next one's that was reached; the first of all when hedged.
static void decide_one(struct session *s, struct part *part)
{
	uint16_t left = part->asked & (uint16_t)~part->failed;
	uint16_t awake = left & (uint16_t)~part->late;
	struct request *r = part->back;

	if (left == 0) {
		if (!hedge_now(s, part->txn))
			decide(s, part, NULL);
		return;
	}
	if (!part->txn->hedged)
		r = find(part, 0, (uint8_t)__builtin_ctz(awake ? awake : left));
	if (r)
		decide(s, part, r);
}

void txn_give_up(struct session *s, struct part *part)
{
	decide(s, part, NULL);
}

struct names {
	const struct ring *ring;
	bool known;
};

static struct quorum_name name_of(void *arg, uint8_t dc, uint8_t replica)
{
	const struct names *names = arg;
	struct quorum_name name = {SLICE_LIT("?"), SLICE_LIT("?")};

	if (!names->known || dc >= names->ring->dc_n || replica >= names->ring->dc[dc].rack_n)
		return name;
	name.dc = slice_str(names->ring->dc[dc].name);
	name.rack = slice_str(names->ring->dc[dc].rack[replica].name);
	return name;
}

// By so much Memcached's beginning of an error is longer than Redis'.
#define EXPLAIN_MORE (sizeof("SERVER_ERROR ") - sizeof("-ERR "))

static void explain(struct session *s, struct part *part)
{
	struct names names = {
		.ring = s->ring, .known = s->ring && s->ring->snapshot->epoch == part->txn->epoch};
	struct rte_mbuf *m = rte_pktmbuf_alloc(s->config.pool);
	struct resp_writer w;

	part->error = REQUEST_ERROR_QUORUM;
	if (!m)
		return;
	w = resp_writer_make(rte_pktmbuf_mtod(m, char *), rte_pktmbuf_tailroom(m));
	if (memcache_is(part->txn->cmd))
		w = resp_writer_make(w.buf + EXPLAIN_MORE, w.cap - EXPLAIN_MORE);
	quorum_put_error(&w, &part->quorum, name_of, &names);
	if (memcache_is(part->txn->cmd)) {
		memcpy(w.buf - EXPLAIN_MORE, "SERVER_ERROR ", sizeof("SERVER_ERROR ") - 1);
		w.len += EXPLAIN_MORE;
	}
	m->data_len = (uint16_t)w.len;
	part->text = m;
}

static void decide_quorum(struct session *s, struct part *part)
{
	const struct quorum_verdict *v = &part->quorum.verdict;
	bool write = part->txn->cmd->access == RESP_CMD_WRITE;

	if (v->state == QUORUM_WAIT)
		return;
	if (v->state == QUORUM_DONE) {
		if (!v->agreed)
			stat_inc(s->stats,
				write ? STAT_client_non_quorum_w_responses
				      : STAT_client_non_quorum_r_responses);
		decide(s, part, find(part, v->dc, v->replica));
		return;
	}
	explain(s, part);
	decide(s, part, NULL);
}

// --- votes

// The first that gave the same answer; itself when it is the first.
static uint8_t group_of(const struct session *s, const struct part *part,
	const struct request *copy, enum quorum_kind kind)
{
	if (!quorum_awaits(&part->quorum, copy->to.dc))
		return copy->to.rack;
	for (const struct request *r = part->back; r; r = r->next)
		if (r->to.dc == copy->to.dc && (kind == QUORUM_ERROR) == is_error(r) &&
			txn_same(s, part->txn->cmd, r, copy))
			return (uint8_t)r->to.group;
	return copy->to.rack;
}

static void vote_good(
	struct session *s, struct part *part, struct request *copy, enum quorum_kind kind)
{
	bool one = part->txn->level == CONSISTENCY_DC_ONE;
	struct request_to to = copy->to;

	// The number of the group is kept where the racks that were asked are of others.
	to.group = one ? to.rack : group_of(s, part, copy, kind);
	copy->to = to;
	copy->next = part->back;
	part->back = copy;
	if (one) {
		decide_one(s, part);
	} else {
		quorum_vote(&part->quorum, to.dc, to.rack, kind, (uint8_t)to.group);
		decide_quorum(s, part);
	}
}

void txn_vote_failed(
	struct session *s, struct part *part, struct request_to to, enum request_error error)
{
	// A replica that missed a write: whoever brings it up to date begins here.
	if (part->txn->cmd->access == RESP_CMD_WRITE)
		stat_inc(s->stats, STAT_missed_writes);
	if (to.dc == TXN_NO_VOTE || part->decided)
		return;
	if (part->error == REQUEST_ERROR_NONE)
		part->error = (uint8_t)error;
	if (part->txn->level == CONSISTENCY_DC_ONE) {
		part->failed |= (uint16_t)(1u << to.rack);
		decide_one(s, part);
	} else {
		quorum_vote(&part->quorum, to.dc, to.rack, QUORUM_FAILED, 0);
		decide_quorum(s, part);
	}
}

// Returns whether the copy is the part's from now on.
static bool vote(struct session *s, struct request *copy, struct request_to to)
{
	struct part *part = copy->part;
	enum quorum_kind kind = kind_of(copy);

	copy->flags |= REQUEST_VOTED;
	if (kind == QUORUM_FAILED) {
		txn_vote_failed(s, part, to, (enum request_error)copy->error);
		return false;
	}
	if (to.dc == TXN_NO_VOTE || part->decided)
		return false;
	copy->to = to;
	vote_good(s, part, copy, kind);
	return true;
}

// --- the end

static void take_answer(struct request *r, struct part *part)
{
	struct request *from = part->chosen;

	if (part->text) {
		request_add_reply(r, part->text);
		part->text = NULL;
	} else if (!from) {
		r->error = part->error;
	} else {
		r->reply = from->reply;
		r->reply_tail = from->reply_tail;
		r->reply_off = from->reply_off;
		r->reply_len = from->reply_len;
		r->flags |= from->flags & REQUEST_SLICE;
		r->client->unsent += r->reply_len;
		from->reply = NULL;
		from->reply_len = 0;
		from->flags &= (uint16_t)~REQUEST_SLICE;
	}
}

static void leave_client(struct txn *txn)
{
	if (!txn->client)
		return;
	*txn->client_at = txn->client_next;
	if (txn->client_next)
		txn->client_next->client_at = txn->client_at;
	txn->client = NULL;
}

static void answer_parent(struct session *s, struct txn *txn)
{
	struct request *r = txn->parent;

	txn->parent = NULL;
	r->txn = NULL;
	if (txn->part_n == 1)
		take_answer(r, &txn->first);
	else
		txn_merge(s, txn, r);
	request_drop_bytes(r);
	r->flags |= REQUEST_DONE;
	client_settle_later(s, r->client);
}

static void drop_part(struct session *s, struct part *part)
{
	drop_back(s, part);
	if (part->chosen)
		session_release(s, part->chosen);
	part->chosen = NULL;
	rte_pktmbuf_free(part->text);
	part->text = NULL;
	rte_pktmbuf_free(part->bytes);
	part->bytes = NULL;
}

static void drop_parts(struct session *s, struct txn *txn)
{
	for (struct part *part = &txn->first; part; part = part->next)
		drop_part(s, part);
	rte_pktmbuf_free(txn->part_of_key);
	txn->part_of_key = NULL;
}

void txn_free(struct session *s, struct txn *txn)
{
	struct part *part = txn->first.next;

	drop_parts(s, txn);
	while (part) {
		struct part *next = part->next;

		pool_put(&s->parts, part);
		part = next;
	}
	leave_client(txn);
	list_remove(&txn->hedge);
	list_remove(&txn->all);
	pool_put(&s->txns, txn);
}

void txn_sent(struct session *s, struct txn *txn)
{
	if (txn->undecided > 0)
		return;
	if (txn->parent) {
		answer_parent(s, txn);
		drop_parts(s, txn);
	}
	if (txn->out == 0)
		txn_free(s, txn);
}

static void left_store(struct txn *txn)
{
	struct client *c = txn->client;

	if (c && --c->store_n == 0)
		c->lane = CLIENT_LANE_NONE;
}

// A write for another datacentre that its node was not even sent may go by the next one there. Only
// at once: behind it others may be on that way already.
static bool enters_elsewhere(struct session *s, struct request *copy, struct mono now)
{
	struct owners owners;
	uint32_t node;
	uint16_t tried = copy->to.group;

	if (likely(!(copy->flags & REQUEST_SPREAD)) || copy->to.dc != TXN_NO_VOTE ||
		copy->error != REQUEST_ERROR_PEER_AWAY || copy->store_at.ns != now.ns ||
		!copy->bytes || !s->ring || s->ring->snapshot->epoch != copy->part->txn->epoch)
		return false;
	owners_find(s->ring, copy->part->hash, &owners);
	if (!place_entry(s->ring, &owners, s->view, copy->to.node, &tried, &node))
		return false;
	copy->to.node = node;
	copy->to.group = tried;
	copy->error = REQUEST_ERROR_NONE;
	copy->flags &= (uint16_t)~REQUEST_DONE;
	copy->flags |= REQUEST_HELD;
	request_push(&s->forwarded, copy);
	stat_inc(s->stats, STAT_write_failovers);
	return true;
}

void txn_late(struct session *s, struct request *copy)
{
	struct part *part = copy->part;
	struct txn *txn = part->txn;

	if (part->decided || txn->level != CONSISTENCY_DC_ONE || copy->to.dc != 0)
		return;
	part->late |= (uint16_t)(1u << copy->to.rack);
	if (!txn->hedged)
		decide_one(s, part);
	else if (hedge_now(s, txn))
		txn->late = true;
	txn_sent(s, txn);
}

void txn_answer(struct session *s, struct request *copy, struct mono now)
{
	struct part *part = copy->part;
	struct txn *txn = part->txn;
	bool is_back = !(copy->flags & REQUEST_HELD);
	struct request_to to = copy->to;

	if (is_back && enters_elsewhere(s, copy, now))
		return;

	// While it is at the store the same bytes are the store's. It is of the own rack.
	if (copy->target == REQUEST_TO_STORE)
		to = (struct request_to){0};
	if (is_back) {
		txn->out--;
		if (copy->target == REQUEST_TO_STORE)
			left_store(txn);
	}
	if ((copy->flags & REQUEST_VOTED) || (!is_back && copy->error == REQUEST_ERROR_NONE) ||
		!vote(s, copy, to)) {
		if (is_back)
			session_release(s, copy);
	}
	txn_sent(s, txn);
}

void txn_abandon(struct txn *txn)
{
	txn->parent = NULL;
	leave_client(txn);
}
