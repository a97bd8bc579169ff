#include "dataplane/session/local.h"

#include <string.h>

local_fn *local_handler(enum resp_cmd_id id)
{
	static local_fn *const handlers[CMD_COUNT] = {
#define LOCAL(id, fn) [CMD_##id] = fn,
#include "dataplane/session/local.def"
#undef LOCAL
	};

	return handlers[id];
}

// The request in one piece.
static struct slice request_bytes(struct session *s, const struct request *r)
{
	const struct rte_mbuf *m = r->bytes;
	uint32_t off = r->bytes_off;
	size_t got = 0;

	if (r->len <= (uint32_t)m->data_len - off)
		return slice_make(rte_pktmbuf_mtod_offset(m, const char *, off), r->len);
	for (; m && got < r->len; m = m->next, off = 0) {
		size_t step = m->data_len - off;

		step = step < r->len - got ? step : r->len - got;
		memcpy(s->gather + got, rte_pktmbuf_mtod_offset(m, const char *, off), step);
		got += step;
	}
	return slice_make(s->gather, got);
}

void local_flush(struct local *l)
{
	if (l->w.len < SESSION_SCRATCH / 2)
		return;
	if (!reply_copy(&l->chain, slice_make(l->w.buf, l->w.len)))
		l->failed = true;
	l->w.len = 0;
}

bool local_answer(struct session *s, struct request *r, struct reply *out, struct mono now)
{
	struct local l = {
		.s = s,
		.c = r->client,
		.cmd = r->cmd,
		.args = args_make(request_bytes(s, r)),
		.now = now,
		.w = resp_writer_make(s->scratch, SESSION_SCRATCH),
		.chain = {.pool = s->config.pool},
	};
	struct slice sub;

	args_next(&l.args, &l.name);
	if (resp_cmd_is_sub(r->cmd))
		args_next(&l.args, &sub);
	l.argc = l.args.left;
	local_handler(r->cmd->id)(&l);
	if (l.chain.head && !l.failed)
		l.failed = !reply_copy(&l.chain, slice_make(l.w.buf, l.w.len));
	else if (!l.failed)
		l.failed = !reply_copy(out, slice_make(l.w.buf, l.w.len));
	if (l.failed) {
		reply_free(&l.chain);
		return false;
	}
	reply_take(out, l.chain.head);
	r->flags |= REQUEST_DONE;
	return true;
}

bool local_match(struct slice pattern, struct slice text)
{
	size_t p = 0;
	size_t t = 0;
	size_t star = SIZE_MAX; // behind the last *, and what it has swallowed up to
	size_t swallowed = 0;

	while (t < text.len) {
		if (p < pattern.len && pattern.ptr[p] == '*') {
			star = ++p;
			swallowed = t;
		} else if (p < pattern.len &&
			(pattern.ptr[p] == '?' ||
				ascii_lower(pattern.ptr[p]) == ascii_lower(text.ptr[t]))) {
			p++;
			t++;
		} else if (star != SIZE_MAX) {
			p = star;
			t = ++swallowed;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.ptr[p] == '*')
		p++;
	return p == pattern.len;
}
