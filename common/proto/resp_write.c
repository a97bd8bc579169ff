#include "common/proto/resp.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
	NUMBER_LEN_MAX = 32, // type, sign, 20 digits, CRLF
	ERRORF_MAX = 1024,   // a longer text is cut
};

static bool room(struct resp_writer *w, size_t n)
{
	if (w->full || n > w->cap - w->len) {
		w->full = true;
		return false;
	}
	return true;
}

static void append(struct resp_writer *w, const char *bytes, size_t n)
{
	memcpy(w->buf + w->len, bytes, n);
	w->len += n;
}

static void put_line(struct resp_writer *w, char type, struct slice text)
{
	if (!room(w, text.len + 3))
		return;
	w->buf[w->len++] = type;
	for (size_t i = 0; i < text.len; i++)
		w->buf[w->len++] = text.ptr[i] == '\r' || text.ptr[i] == '\n' ? ' ' : text.ptr[i];
	append(w, "\r\n", 2);
}

static void put_number(struct resp_writer *w, char type, int64_t value)
{
	char text[NUMBER_LEN_MAX];
	int n = snprintf(text, sizeof(text), "%c%" PRId64 "\r\n", type, value);

	resp_put_raw(w, slice_make(text, (size_t)n));
}

void resp_put_raw(struct resp_writer *w, struct slice bytes)
{
	if (bytes.len > 0 && room(w, bytes.len))
		append(w, bytes.ptr, bytes.len);
}

void resp_put_simple(struct resp_writer *w, struct slice text)
{
	put_line(w, '+', text);
}

void resp_put_error(struct resp_writer *w, struct slice text)
{
	put_line(w, '-', text);
}

void resp_put_errorf(struct resp_writer *w, const char *fmt, ...)
{
	char text[ERRORF_MAX];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	put_line(w, '-', slice_make(text, n < ERRORF_MAX ? (size_t)n : sizeof(text) - 1));
}

void resp_put_integer(struct resp_writer *w, int64_t value)
{
	put_number(w, ':', value);
}

void resp_put_bulk(struct resp_writer *w, struct slice text)
{
	size_t before = w->len;

	resp_put_bulk_header(w, text.len);
	resp_put_raw(w, text);
	resp_put_raw(w, SLICE_LIT("\r\n"));
	if (w->full)
		w->len = before;
}

void resp_put_bulk_header(struct resp_writer *w, size_t len)
{
	put_number(w, '$', (int64_t)len);
}

void resp_put_null(struct resp_writer *w)
{
	resp_put_raw(w, SLICE_LIT("$-1\r\n"));
}

void resp_put_array(struct resp_writer *w, uint64_t count)
{
	put_number(w, '*', (int64_t)count);
}
