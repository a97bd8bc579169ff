#include "dataplane/session/keys.h"

#include <errno.h>

#include "common/proto/resp_cmd.h"
#include "dataplane/session/walk.h"
#include "dataplane/session/words.h"

// Of an argument in pieces that is no key, this much is looked at.
#define WORD_GATHER 64

// Arguments that say where keys are: the name of an option, a number.
static uint32_t words(struct session *s, const struct request *r, struct slice *out, uint32_t max)
{
	struct walk w = walk_begin(r);
	struct walk_arg arg;
	uint32_t n = 0;

	for (; n < max && walk_next(&w, &arg); n++)
		out[n] = walk_text(&arg, s->gather + n * WORD_GATHER, WORD_GATHER);
	return n;
}

// As resp_cmd_keys().
static int find_places(struct session *s, const struct request *r, struct resp_cmd_keys *keys)
{
	enum resp_cmd_key_kind kind = r->cmd->keys.kind;
	uint32_t argc = walk_begin(r).args;
	struct slice word[SESSION_WORDS_MAX];
	uint32_t n = 0;

	if (kind != RESP_CMD_KEYS_RANGE && kind != RESP_CMD_KEYS_NONE)
		n = words(s, r, word, SESSION_WORDS_MAX);
	return resp_cmd_keys(r->cmd, argc, word, n, keys);
}

static bool is_key(const struct resp_cmd_keys *keys, uint32_t i)
{
	if (i == keys->extra && i > 0)
		return true;
	return keys->first > 0 && i >= keys->first && i <= keys->last &&
		(keys->step == 1 || (i - keys->first) % keys->step == 0);
}

bool keys_hash(struct session *s, const struct walk_arg *arg, uint32_t *hash)
{
	struct slice key = walk_text(arg, s->gather, SESSION_KEY_MAX);

	if (key.len < arg->len)
		return false;
	*hash = ring_hash(s->ring, key);
	return true;
}

static enum keys_kind add(struct session *s, struct keys *keys, const struct walk_arg *arg)
{
	struct owners owners;
	uint32_t hash;

	if (!keys_hash(s, arg, &hash))
		return KEYS_TOO_BIG;
	if (keys->kind == KEYS_NONE) {
		keys->hash = hash;
		owners_find(s->ring, hash, &keys->owners);
		return KEYS_ONE;
	}
	if (hash == keys->hash)
		return keys->kind;
	owners_find(s->ring, hash, &owners);
	return owners_same(s->ring, &owners, &keys->owners) ? keys->kind : KEYS_MANY;
}

// Of a line of words. All that is behind the first one is a key too, or there is only one.
static void find_in_words(struct session *s, const struct request *r, struct keys *out)
{
	struct walk w = words_keys(r);
	struct walk_arg arg;

	out->kind = KEYS_NONE;
	if (memcache_first_key(r->cmd) == 0)
		return;
	while (words_next(&w, &arg)) {
		out->kind = add(s, out, &arg);
		if (out->kind == KEYS_MANY || out->kind == KEYS_TOO_BIG ||
			r->cmd->merge == RESP_CMD_MERGE_NONE)
			return;
	}
}

static void find_in_array(struct session *s, const struct request *r, struct keys *out)
{
	struct walk w = walk_begin(r);
	struct resp_cmd_keys where;
	struct walk_arg arg;
	int rc = find_places(s, r, &where);

	out->kind = KEYS_NONE;
	if (rc != 0) {
		// There may be a key among more arguments than are looked at.
		out->kind = rc == -ENODATA ? KEYS_MANY : KEYS_BROKEN;
		return;
	}
	if (where.first == 0 && where.extra == 0)
		return;
	for (uint32_t i = 0; walk_next(&w, &arg); i++) {
		if (!is_key(&where, i))
			continue;
		out->kind = add(s, out, &arg);
		if (out->kind == KEYS_MANY || out->kind == KEYS_TOO_BIG)
			return;
		if (i >= where.last && i >= where.extra)
			return;
	}
}

void keys_find(struct session *s, const struct request *r, struct keys *out)
{
	if (unlikely(memcache_is(r->cmd)))
		find_in_words(s, r, out);
	else
		find_in_array(s, r, out);
}
