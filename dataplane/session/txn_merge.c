// Replies that are compared, and replies that become one.
#include <string.h>

#include "common/proto/resp_digest.h"
#include "common/proto/resp_merge.h"
#include "dataplane/session/core.h"
#include "dataplane/session/merge_memcache.h"
#include "dataplane/session/txn.h"
#include "dataplane/session/walk.h"
#include "dataplane/session/words.h"

// --- the same?

static bool bytes_same(const struct request *a, const struct request *b)
{
	struct walk x = walk_reply(a);
	struct walk y = walk_reply(b);

	if (x.left != y.left)
		return false;
	while (x.left > 0) {
		struct slice p = walk_piece(&x);
		struct slice q = walk_piece(&y);
		size_t n = p.len < q.len ? p.len : q.len;

		if (memcmp(p.ptr, q.ptr, n) != 0)
			return false;
		walk_skip(&x, n);
		walk_skip(&y, n);
	}
	return true;
}

static struct resp_digest digest(
	const struct session *s, const struct resp_cmd *cmd, const struct request *r)
{
	struct walk w = walk_reply(r);
	struct resp_digester d;

	resp_digest_start(&d, &s->config.secret, cmd->compare);
	while (w.left > 0) {
		struct slice piece = walk_piece(&w);

		resp_digest_feed(&d, piece.ptr, piece.len);
		walk_skip(&w, piece.len);
	}
	return resp_digest_end(&d);
}

bool txn_same(const struct session *s, const struct resp_cmd *cmd, const struct request *a,
	const struct request *b)
{
	struct resp_digest x;
	struct resp_digest y;

	if (bytes_same(a, b))
		return true;
	if (cmd->compare == RESP_CMD_COMPARE_EXACT)
		return false;
	if (cmd->compare == RESP_CMD_COMPARE_UNIQUE)
		return merge_memcache_same(a, b);
	x = digest(s, cmd, a);
	y = digest(s, cmd, b);
	return resp_digest_same(cmd->compare, &x, &y, TXN_ABOUT_MS);
}

// --- one of many

// An element is read to its end before it is taken, so these are two places.
struct merge_at {
	struct walk read;
	struct walk take;
};

// Lies in the session's two buffers, which nobody else uses meanwhile.
struct merge_room {
	struct merge_at *at; // in each part's reply
	struct resp_merge_part *part;
	uint16_t *part_of_key;
};

static_assert(TXN_PARTS_MAX * sizeof(struct merge_at) <= SESSION_GATHER, "fits");
static_assert(
	TXN_PARTS_MAX * sizeof(struct resp_merge_part) + (TXN_KEYS_MAX + 1) * sizeof(uint16_t) <=
		SESSION_SCRATCH,
	"fits");

static struct merge_room room_of(struct session *s)
{
	return (struct merge_room){
		.at = (struct merge_at *)(void *)s->gather,
		.part = (struct resp_merge_part *)(void *)s->scratch,
		.part_of_key = (uint16_t *)(void *)(s->scratch +
			TXN_PARTS_MAX * sizeof(struct resp_merge_part)),
	};
}

static struct slice piece(void *ctx, uint32_t part, uint64_t at)
{
	struct walk *w = &((struct merge_room *)ctx)->at[part].read;

	if (at > w->at)
		walk_skip(w, at - w->at);
	return w->left > 0 ? walk_piece(w) : (struct slice){0};
}

static bool copy_range(struct merge_room *room, const struct resp_range *range, struct reply *out)
{
	struct walk *w = &room->at[range->part].take;

	walk_skip(w, range->at - w->at);
	return walk_copy(*w, range->len, out);
}

// The first part that has no answer; NULL when all have.
static struct part *failed_part(struct txn *txn)
{
	struct part *part = &txn->first;

	while (part && part->chosen)
		part = part->next;
	return part;
}

static void keys_of(const struct txn *txn, uint16_t *part_of_key)
{
	char *to = (char *)part_of_key;

	for (const struct rte_mbuf *m = txn->part_of_key; m; m = m->next) {
		memcpy(to, rte_pktmbuf_mtod(m, const char *), m->data_len);
		to += m->data_len;
	}
}

static bool merge(const struct txn *txn, struct merge_room *room, struct reply *out)
{
	struct resp_merge_plan plan = {
		.merge = txn->cmd->merge,
		.part_of_key = room->part_of_key,
		.key_n = txn->key_n,
		.parts = room->part,
		.part_n = txn->part_n,
	};
	struct resp_source source = {.piece = piece, .ctx = room};
	struct resp_merge m;
	struct resp_range range;

	resp_merge_start(&m, &plan, source);
	if (!reply_copy(out, resp_merge_head(&m)))
		return false;
	for (;;) {
		switch (resp_merge_next(&m, &range)) {
		case RESP_MERGE_END:
			return true;
		case RESP_MERGE_BROKEN:
			return false;
		case RESP_MERGE_RANGE:
			if (!copy_range(room, &range, out))
				return false;
		}
	}
}

// The replies lie where they do for arrays; what is read and what is taken is one walk.
static bool merge_values(struct session *s, const struct txn *txn, const struct request *r,
	struct merge_room *room, struct reply *out)
{
	struct walk *at = (struct walk *)(void *)s->gather;
	const struct part *part = &txn->first;
	struct merge_memcache m = {
		.keys = words_keys(r),
		.key_n = txn->key_n,
		.part_of_key = room->part_of_key,
		.at = at,
		.part_n = txn->part_n,
	};

	for (uint32_t i = 0; part; i++, part = part->next)
		at[i] = walk_reply(part->chosen);
	return merge_memcache(&m, out);
}

void txn_merge(struct session *s, struct txn *txn, struct request *r)
{
	struct merge_room room = room_of(s);
	struct reply out = {.pool = s->config.pool};
	struct part *failed = failed_part(txn);
	const struct part *part = &txn->first;
	uint32_t i = 0;

	if (failed) {
		r->error = failed->error;
		if (failed->text) {
			request_add_reply(r, failed->text);
			failed->text = NULL;
			r->error = REQUEST_ERROR_NONE;
		}
		return;
	}
	do {
		room.at[i].read = walk_reply(part->chosen);
		room.at[i].take = room.at[i].read;
		room.part[i] = (struct resp_merge_part){.len = part->chosen->reply_len};
		i++;
	} while ((part = part->next));
	keys_of(txn, room.part_of_key);
	if (memcache_is(txn->cmd) ? merge_values(s, txn, r, &room, &out)
				  : merge(txn, &room, &out)) {
		request_add_reply(r, out.head);
		return;
	}
	reply_free(&out);
	r->error = REQUEST_ERROR_MEMORY;
}
