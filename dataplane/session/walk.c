#include "dataplane/session/walk.h"

#include <string.h>

#include "dataplane/session/core.h"

void walk_skip(struct walk *w, uint64_t n)
{
	n = n < w->left ? n : w->left;
	w->left -= n;
	w->at += n;
	n += w->off;
	while (w->m && n >= w->m->data_len && w->left > 0) {
		n -= w->m->data_len;
		w->m = w->m->next;
	}
	w->off = (uint32_t)n;
}

struct slice walk_piece(const struct walk *w)
{
	uint64_t n = w->m->data_len - w->off;

	return slice_make(rte_pktmbuf_mtod_offset(w->m, const char *, w->off),
		(size_t)(n < w->left ? n : w->left));
}

static char peek(const struct walk *w)
{
	return *rte_pktmbuf_mtod_offset(w->m, const char *, w->off);
}

// "*12\r\n" or "$12\r\n". False at the end of the bytes.
static bool number(struct walk *w, uint64_t *out)
{
	uint64_t v = 0;

	walk_skip(w, 1);
	while (w->left > 0 && peek(w) != '\r') {
		v = v * 10 + (uint64_t)(peek(w) - '0');
		walk_skip(w, 1);
	}
	walk_skip(w, 2);
	*out = v;
	return w->left > 0;
}

struct walk walk_bytes(const struct request *r)
{
	return (struct walk){.m = r->bytes, .off = r->bytes_off, .left = r->len};
}

struct walk walk_reply(const struct request *r)
{
	return (struct walk){
		.m = r->reply,
		.off = r->flags & REQUEST_SLICE ? r->reply_off : 0,
		.left = r->reply_len,
	};
}

struct walk walk_begin(const struct request *r)
{
	struct walk w = walk_bytes(r);
	uint64_t n = 0;

	if (w.left > 0 && number(&w, &n))
		w.args = (uint32_t)n;
	return w;
}

bool walk_next(struct walk *w, struct walk_arg *out)
{
	if (w->args == 0 || w->left == 0)
		return false;
	out->begin = *w;
	if (!number(w, &out->len) || w->left < out->len + 2)
		return false;
	out->text = *w;
	walk_skip(w, out->len + 2);
	w->args--;
	return true;
}

struct slice walk_text(const struct walk_arg *arg, char *buf, size_t cap)
{
	struct walk w = arg->text;
	size_t got = 0;

	if (w.off + arg->len <= w.m->data_len)
		return slice_make(rte_pktmbuf_mtod_offset(w.m, const char *, w.off), arg->len);
	while (got < arg->len && got < cap) {
		size_t n = w.m->data_len - w.off;

		n = n < arg->len - got ? n : (size_t)arg->len - got;
		n = n < cap - got ? n : cap - got;
		memcpy(buf + got, rte_pktmbuf_mtod_offset(w.m, const char *, w.off), n);
		got += n;
		walk_skip(&w, n);
	}
	return slice_make(buf, got);
}

static bool copy_piece(const struct walk *w, uint32_t n, struct reply *out)
{
	// Who refers to a segment that is itself a reference refers to what that one does: fine.
	if (n >= SESSION_REPLY_COPY_MAX)
		return reply_refer(out, w->m, (uint16_t)w->off, n);
	return reply_copy(out, slice_make(rte_pktmbuf_mtod_offset(w->m, const char *, w->off), n));
}

bool walk_copy(struct walk from, uint64_t len, struct reply *out)
{
	if (len > from.left)
		return false;
	while (len > 0) {
		struct slice piece = walk_piece(&from);
		uint64_t n = piece.len < len ? piece.len : len;

		if (!copy_piece(&from, (uint32_t)n, out))
			return false;
		walk_skip(&from, n);
		len -= n;
	}
	return true;
}
