#include "dataplane/session/split.h"

#include <errno.h>
#include <string.h>

#include "common/proto/resp_split.h"
#include "dataplane/session/hedge.h"
#include "dataplane/session/keys.h"
#include "dataplane/session/reply.h"
#include "dataplane/session/txn.h"
#include "dataplane/session/walk.h"
#include "dataplane/session/words.h"

// Twice the parts, so that a place is found soon.
#define TABLE (2 * TXN_PARTS_MAX)
#define NO_OWNER UINT16_MAX

// Sets of owners that were met, by the hash of the first key that had them.
struct sets {
	uint16_t n;
	uint32_t hash[TXN_PARTS_MAX];
	uint16_t table[TABLE]; // index + 1, by all owners together
};

// What a split needs; in the session's scratch, since all of it is gone when the copies are made.
struct work {
	struct sets sets;
	struct resp_split_part parts[TXN_PARTS_MAX];
	uint16_t part_of_owner[TXN_PARTS_MAX];
	uint16_t part_of_key[TXN_KEYS_MAX + 1];
};

static_assert(sizeof(struct work) <= SESSION_SCRATCH, "fits");
static_assert(SESSION_KEY_MAX + TXN_PARTS_MAX * sizeof(struct reply) <= SESSION_GATHER, "fits");

static uint64_t mix(const struct ring *ring, const struct owners *owners)
{
	uint64_t h = 0;

	for (uint32_t d = 0; d < ring->dc_n; d++)
		for (uint32_t k = 0; k < ring->dc[d].rack_n; k++)
			h = (h ^ owners->node[d][k]) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ (h >> 32);
}

// The number of the set of owners of this hash; NO_OWNER when there are too many sets.
static uint16_t set_of(const struct ring *ring, struct sets *sets, uint32_t hash)
{
	struct owners owners;
	struct owners other;
	uint64_t at;

	owners_find(ring, hash, &owners);
	for (at = mix(ring, &owners) % TABLE; sets->table[at]; at = (at + 1) % TABLE) {
		uint16_t set = (uint16_t)(sets->table[at] - 1);

		owners_find(ring, sets->hash[set], &other);
		if (owners_same(ring, &owners, &other))
			return set;
	}
	if (sets->n == TXN_PARTS_MAX)
		return NO_OWNER;
	sets->hash[sets->n] = hash;
	sets->table[at] = (uint16_t)(sets->n + 1);
	return sets->n++;
}

static uint32_t count_words(const struct request *r)
{
	struct walk w = words_keys(r);
	struct walk_arg arg;
	uint32_t n = 0;

	if (r->cmd->merge == RESP_CMD_MERGE_NONE)
		return 0;
	while (words_next(&w, &arg))
		n++;
	return n;
}

static bool find_owners_of_words(
	struct session *s, const struct request *r, uint32_t key_n, struct work *work)
{
	struct walk w = words_keys(r);
	struct walk_arg arg;
	uint32_t key = 0;

	work->sets.n = 0;
	memset(work->sets.table, 0, sizeof(work->sets.table));
	while (key < key_n && words_next(&w, &arg)) {
		uint32_t hash;

		if (!keys_hash(s, &arg, &hash))
			return false;
		work->part_of_key[key] = set_of(s->ring, &work->sets, hash);
		if (work->part_of_key[key++] == NO_OWNER)
			return false;
	}
	return key == key_n;
}

// Whose each key is. False when it can't be said.
static bool find_owners(
	struct session *s, const struct request *r, uint32_t key_n, struct work *work)
{
	uint32_t step = (uint32_t)r->cmd->keys.step;
	struct walk w;
	struct walk_arg arg;
	uint32_t key = 0;

	if (unlikely(memcache_is(r->cmd)))
		return find_owners_of_words(s, r, key_n, work);
	w = walk_begin(r);
	work->sets.n = 0;
	memset(work->sets.table, 0, sizeof(work->sets.table));
	for (uint32_t i = 0; key < key_n && walk_next(&w, &arg); i++) {
		uint32_t hash;

		if (i == 0 || (i - 1) % step != 0)
			continue;
		if (!keys_hash(s, &arg, &hash))
			return false;
		work->part_of_key[key] = set_of(s->ring, &work->sets, hash);
		if (work->part_of_key[key++] == NO_OWNER)
			return false;
	}
	return key == key_n;
}

// --- bytes of the parts

struct writing {
	struct walk read;  // where the split reads
	struct walk refer; // where pieces are taken
	struct reply *out; // of each part
};

static struct slice piece(void *ctx, uint32_t part, uint64_t at)
{
	struct writing *w = ctx;

	(void)part;
	if (at > w->read.at)
		walk_skip(&w->read, at - w->read.at);
	return w->read.left > 0 ? walk_piece(&w->read) : (struct slice){0};
}

static int copy(void *ctx, uint32_t part, struct slice bytes)
{
	struct writing *w = ctx;

	return reply_copy(&w->out[part], bytes) ? 0 : -ENOMEM;
}

static int refer(void *ctx, struct resp_range range)
{
	struct writing *w = ctx;

	if (range.at > w->refer.at)
		walk_skip(&w->refer, range.at - w->refer.at);
	return walk_copy(w->refer, range.len, &w->out[range.part]) ? 0 : -ENOMEM;
}

static int write_array(const struct request *r, const struct resp_split *split, struct reply *out)
{
	struct writing w = {.read = walk_bytes(r), .refer = walk_bytes(r), .out = out};
	struct resp_source source = {.piece = piece, .ctx = &w};
	struct resp_split_sink sink = {.copy = copy, .refer = refer, .ctx = &w};

	return resp_split_write(split, &source, &sink);
}

// The bytes before the first key are the same in all parts.
static int write_words(const struct request *r, const struct resp_split *split, struct reply *out)
{
	struct walk head = walk_bytes(r);
	struct walk w = words_keys(r);
	struct walk_arg arg;

	for (uint32_t i = 0; i < split->part_n; i++)
		if (!walk_copy(head, w.at, &out[i]))
			return -ENOMEM;
	for (uint32_t key = 0; key < split->key_n && words_next(&w, &arg); key++) {
		struct reply *part = &out[split->part_of_key[key]];

		if (!reply_copy(part, SLICE_LIT(" ")) || !walk_copy(arg.text, arg.len, part))
			return -ENOMEM;
	}
	for (uint32_t i = 0; i < split->part_n; i++)
		if (!reply_copy(&out[i], SLICE_LIT("\r\n")))
			return -ENOMEM;
	return 0;
}

static bool write_parts(struct session *s, const struct request *r, const struct resp_split *split,
	struct reply *out)
{
	int rc;

	for (uint32_t i = 0; i < split->part_n; i++)
		out[i] = (struct reply){.pool = s->config.pool};
	rc = memcache_is(r->cmd) ? write_words(r, split, out) : write_array(r, split, out);
	if (rc == 0)
		return true;
	for (uint32_t i = 0; i < split->part_n; i++)
		reply_free(&out[i]);
	return false;
}

// --- the transaction

static struct rte_mbuf *keep_keys(struct session *s, const struct resp_split *split)
{
	struct reply kept = {.pool = s->config.pool};

	if (reply_copy(&kept, slice_make(split->part_of_key, split->key_n * sizeof(uint16_t))))
		return kept.head;
	return NULL;
}

static struct part *add_parts(struct session *s, struct txn *txn, uint32_t n)
{
	struct part *part = &txn->first;

	for (uint32_t i = 1; i < n; i++)
		part = txn_add_part(s, txn, part);
	return &txn->first;
}

static enum split_result send_parts(struct session *s, struct request *r,
	const struct peer_view *view, split_places_fn *choose, const struct resp_split *split,
	const struct sets *sets, enum request_error *error)
{
	struct reply *out = (struct reply *)(void *)(s->gather + SESSION_KEY_MAX);
	struct rte_mbuf *keys = keep_keys(s, split);
	struct part *part;
	struct txn *txn;

	*error = REQUEST_ERROR_MEMORY;
	if (!keys || !write_parts(s, r, split, out)) {
		rte_pktmbuf_free(keys);
		return SPLIT_REFUSED;
	}
	txn = txn_make(s, r, s->places);
	txn->part_of_key = keys;
	txn->key_n = split->key_n;
	part = add_parts(s, txn, split->part_n);
	for (uint32_t i = 0; i < split->part_n; i++, part = part->next) {
		struct owners owners;

		owners_find(s->ring, sets->hash[split->parts[i].owner], &owners);
		part->hash = sets->hash[split->parts[i].owner];
		choose(s, r, &owners, view, s->places);
		txn_send(s, part, s->places, out[i].head, out[i].len);
	}
	if (txn->hedged)
		hedge_start(s, txn);
	txn_sent(s, txn);
	return SPLIT_SENT;
}

enum split_result split_run(struct session *s, struct request *r, const struct peer_view *view,
	split_places_fn *choose, enum request_error *error)
{
	struct work *work = (struct work *)(void *)s->scratch;
	struct resp_split split = {
		.row = r->cmd,
		.part_of_key = work->part_of_key,
		.key_n = memcache_is(r->cmd) ? count_words(r)
					     : resp_split_keys(r->cmd, walk_begin(r).args),
		.parts = work->parts,
	};
	struct owners owners;

	*error = REQUEST_ERROR_SPAN;
	if (split.key_n == 0)
		return r->cmd->merge == RESP_CMD_MERGE_NONE ? SPLIT_REFUSED : SPLIT_BROKEN;
	*error = REQUEST_ERROR_TOO_MANY_KEYS;
	if (split.key_n > TXN_KEYS_MAX || !find_owners(s, r, split.key_n, work) ||
		resp_split_plan(&split, work->part_of_owner, work->sets.n) != 0)
		return SPLIT_REFUSED;
	// As many copies for each part, or nearly.
	owners_find(s->ring, work->sets.hash[0], &owners);
	choose(s, r, &owners, view, s->places);
	if ((uint64_t)split.part_n * s->places->n > s->copies.capacity / 2)
		return SPLIT_REFUSED;
	if (!txn_has_room(s, split.part_n, split.part_n * s->places->n))
		return SPLIT_LATER;
	return send_parts(s, r, view, choose, &split, &work->sets, error);
}
