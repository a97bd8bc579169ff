// An inline request, as typed into telnet, becomes an array of bulk strings. Every word is read
// twice or more, because how many there are and how long each is stands before its bytes.
#include "common/proto/resp.h"

#include <errno.h>

struct words {
	const char *pos;
	const char *end;
	char *put;  // where the bytes of a word go, NULL to only measure it
	size_t len; // of the last word
};

enum word_status {
	WORD_FOUND,
	WORD_NONE,
	WORD_BAD,
};

static void word_add(struct words *w, char c)
{
	if (w->put)
		w->put[w->len] = c;
	w->len++;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static char escaped(char c)
{
	switch (c) {
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case 't':
		return '\t';
	case 'b':
		return '\b';
	case 'a':
		return '\a';
	default:
		return c;
	}
}

// The character at pos inside of "...", which may take several bytes.
static char take_in_double(struct words *w)
{
	size_t left = (size_t)(w->end - w->pos);

	if (w->pos[0] != '\\' || left < 2)
		return *w->pos++;
	if (w->pos[1] == 'x' && left >= 4 && hex_value(w->pos[2]) >= 0 &&
		hex_value(w->pos[3]) >= 0) {
		char c = (char)(hex_value(w->pos[2]) * 16 + hex_value(w->pos[3]));

		w->pos += 4;
		return c;
	}
	w->pos += 2;
	return escaped(w->pos[-1]);
}

static char take_in_single(struct words *w)
{
	if (w->pos[0] == '\\' && w->end - w->pos >= 2 && w->pos[1] == '\'')
		w->pos++;
	return *w->pos++;
}

// From behind an opening quote to behind the closing one, which must end the word.
static enum word_status take_quoted(struct words *w, char quote)
{
	while (w->pos < w->end && *w->pos != quote)
		word_add(w, quote == '"' ? take_in_double(w) : take_in_single(w));
	if (w->pos == w->end)
		return WORD_BAD;
	w->pos++;
	return w->pos == w->end || resp_is_space(*w->pos) ? WORD_FOUND : WORD_BAD;
}

static bool ends_plain(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static enum word_status take_word(struct words *w)
{
	w->len = 0;
	while (w->pos < w->end && resp_is_space(*w->pos))
		w->pos++;
	if (w->pos == w->end)
		return WORD_NONE;
	while (w->pos < w->end && !ends_plain(*w->pos)) {
		char c = *w->pos++;

		if (c == '"' || c == '\'')
			return take_quoted(w, c);
		word_add(w, c);
	}
	return WORD_FOUND;
}

static enum word_status measure_word(struct words *w)
{
	w->put = NULL;
	return take_word(w);
}

// -EINVAL for bad quotes anywhere in the line.
static long count_words(struct words w)
{
	long count = 0;
	enum word_status status;

	while ((status = measure_word(&w)) == WORD_FOUND)
		count++;
	return status == WORD_BAD ? -EINVAL : count;
}

// One word, known to be there and well formed.
static void put_word(struct resp_writer *out, struct words *w)
{
	struct words again = *w;

	(void)measure_word(w);
	resp_put_bulk_header(out, w->len);
	if (out->full || w->len > out->cap - out->len) {
		out->full = true;
		return;
	}
	again.put = out->buf + out->len;
	(void)take_word(&again);
	out->len += w->len;
	resp_put_raw(out, SLICE_LIT("\r\n"));
}

long resp_inline_encode(const char *line, size_t len, char *out, size_t cap)
{
	struct resp_writer w = resp_writer_make(out, cap);
	struct words words = {.pos = line, .end = line + len};
	long count = count_words(words);

	if (count < 0)
		return count;
	resp_put_array(&w, (uint64_t)count);
	for (long i = 0; i < count; i++)
		put_word(&w, &words);
	return w.full ? -ENOSPC : (long)w.len;
}
