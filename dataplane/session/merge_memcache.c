#include "dataplane/session/merge_memcache.h"

#include <string.h>

#include "common/proto/memcache.h"
#include "dataplane/session/words.h"

// A block's first line, and what its end takes.
#define CRLF_LEN 2
#define END SLICE_LIT("END")
#define BROKEN                                                                              \
	SLICE_LIT("SERVER_ERROR Dynomite: An answer to a part of the request is not as it " \
		  "should be\r\n")

struct line {
	struct slice text;
	struct memcache_value value;
	bool is_value;
	char buf[MEMCACHE_REPLY_LINE_MAX];
};

// False behind the last line.
static bool next_line(struct walk *w, struct line *out)
{
	if (!words_line(w, out->buf, sizeof(out->buf), &out->text))
		return false;
	out->is_value = memcache_value_line(out->text, &out->value);
	return true;
}

// --- the same?

static bool same_bytes(struct walk *x, struct walk *y, uint64_t n)
{
	if (x->left < n || y->left < n)
		return false;
	while (n > 0) {
		struct slice p = walk_piece(x);
		struct slice q = walk_piece(y);
		size_t step = p.len < q.len ? p.len : q.len;

		step = step < n ? step : (size_t)n;
		if (memcmp(p.ptr, q.ptr, step) != 0)
			return false;
		walk_skip(x, step);
		walk_skip(y, step);
		n -= step;
	}
	return true;
}

static struct slice compared(const struct line *line)
{
	return line->is_value ? line->value.before_unique : line->text;
}

bool merge_memcache_same(const struct request *a, const struct request *b)
{
	struct walk x = walk_reply(a);
	struct walk y = walk_reply(b);
	struct line p;
	struct line q;

	while (next_line(&x, &p)) {
		if (!next_line(&y, &q) || !slice_eq(compared(&p), compared(&q)))
			return false;
		if (p.is_value && !same_bytes(&x, &y, p.value.bytes + CRLF_LEN))
			return false;
	}
	return x.left == 0 && y.left == 0;
}

// --- one of many

// The first part that is an error, or part_n.
static uint32_t first_error(const struct merge_memcache *m)
{
	struct line line;
	uint32_t i;

	for (i = 0; i < m->part_n; i++) {
		struct walk w = m->at[i];

		if (next_line(&w, &line) && memcache_is_error(line.text))
			break;
	}
	return i;
}

// The part's next block, if it is this key's. False when a buffer is missing.
static bool take_block(struct walk *w, struct slice key, struct reply *out)
{
	struct walk behind = *w;
	struct line line;
	uint64_t len;

	if (!next_line(&behind, &line) || !line.is_value || !slice_eq(line.value.key, key))
		return true;
	len = behind.at - w->at + line.value.bytes + CRLF_LEN;
	if (!walk_copy(*w, len, out))
		return false;
	walk_skip(w, len);
	return true;
}

// All blocks of all parts were taken.
static bool all_ended(const struct merge_memcache *m)
{
	struct line line;

	for (uint32_t i = 0; i < m->part_n; i++) {
		struct walk w = m->at[i];

		if (!next_line(&w, &line) || !slice_eq(line.text, END))
			return false;
	}
	return true;
}

bool merge_memcache(struct merge_memcache *m, struct reply *out)
{
	uint32_t error = first_error(m);
	char buf[MEMCACHE_KEY_MAX];
	struct walk_arg key;

	if (error < m->part_n)
		return walk_copy(m->at[error], m->at[error].left, out);
	for (uint32_t i = 0; i < m->key_n && words_next(&m->keys, &key); i++)
		if (!take_block(&m->at[m->part_of_key[i]], walk_text(&key, buf, sizeof(buf)), out))
			return false;
	if (all_ended(m))
		return reply_copy(out, SLICE_LIT("END\r\n"));
	reply_free(out);
	return reply_copy(out, BROKEN);
}
