#include "dataplane/session/words.h"

#include <string.h>

// A word is of bytes that are above a space: the parser lets no other control characters pass.
static void skip_while(struct walk *w, bool above)
{
	while (w->left > 0) {
		struct slice piece = walk_piece(w);
		size_t n = 0;

		while (n < piece.len &&
			(above ? (unsigned char)piece.ptr[n] > ' ' : piece.ptr[n] == ' '))
			n++;
		walk_skip(w, n);
		if (n < piece.len)
			return;
	}
}

bool words_next(struct walk *w, struct walk_arg *out)
{
	skip_while(w, false);
	out->begin = *w;
	out->text = *w;
	skip_while(w, true);
	out->len = w->at - out->text.at;
	return out->len > 0;
}

struct walk words_keys(const struct request *r)
{
	struct walk w = walk_bytes(r);
	struct walk_arg skipped;

	for (uint32_t i = memcache_first_key(r->cmd); i > 0; i--)
		if (!words_next(&w, &skipped))
			break;
	return w;
}

bool words_line(struct walk *w, char *buf, size_t cap, struct slice *line)
{
	size_t got = 0;

	while (w->left > 0) {
		struct slice piece = walk_piece(w);
		const char *lf = memchr(piece.ptr, '\n', piece.len);
		size_t n = lf ? (size_t)(lf - piece.ptr) + 1 : piece.len;

		if (lf && got == 0 && n >= 2) {
			*line = slice_make(piece.ptr, n - 2);
			walk_skip(w, n);
			return true;
		}
		if (n > cap - got)
			return false;
		memcpy(buf + got, piece.ptr, n);
		got += n;
		walk_skip(w, n);
		if (!lf)
			continue;
		*line = slice_make(buf, got - 2);
		return got >= 2;
	}
	return false;
}
