// RESP2, the Redis wire protocol, with no knowledge of any command: where a request ends and its
// arguments lie, where a reply ends, and writers for replies of our own.
//
// Bytes are fed chunk by chunk, cut anywhere; a chunk is only looked at during the call and nothing
// is allocated or kept but counters, so the caller owns all bytes and may stream what is large.
// The payload of a bulk string is stepped over without being read.
//
// Offsets and lengths are bytes; offsets count from the first byte of the request.
//
// What is refused, and the words for it, follow Redis 7.0. Where Redis is lenient in a way that
// another reader of the same bytes need not be (it does not look at the two bytes behind a
// payload, nor at the one behind a carriage return, and stops at a NUL), these parsers are strict:
// nothing that could be read in two ways may reach a store or a peer.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/slice.h"

enum resp_status {
	RESP_MORE,  // all of the chunk was taken, more is needed
	RESP_DONE,  // one whole request or reply ended at *consumed
	RESP_EMPTY, // a request that asks for nothing ended at *consumed: give no reply
	RESP_ERROR, // the stream is beyond repair: answer (requests only) and close
};

enum {
	RESP_ARGS_MAX = 16,        // arguments whose place is remembered
	RESP_LINE_MAX = 64 * 1024, // an inline request, or the line of a length or simple reply
	RESP_DEPTH_MAX = 32,       // nesting of arrays in a reply
	RESP_ERROR_MAX = 64,
	RESP_DIGITS_MAX = 24, // longer than any number that fits, to tell it from one that does not
};

#define RESP_BULK_MAX (512ull << 20) // default of proto-max-bulk-len

struct resp_arg {
	uint64_t at; // offset of the first byte of the payload
	uint64_t len;
};

// A line that may be cut by the end of a chunk.
struct resp_line {
	uint32_t len;               // bytes before the carriage return so far
	bool cr;                    // the carriage return was seen, the line feed was not
	char text[RESP_DIGITS_MAX]; // its beginning, when it did not arrive in one piece
};

enum resp_request_state {
	RESP_REQUEST_START,
	RESP_REQUEST_COUNT,
	RESP_REQUEST_HEADER,
	RESP_REQUEST_PAYLOAD,
	RESP_REQUEST_INLINE,
	RESP_REQUEST_END,
	RESP_REQUEST_BROKEN,
};

// Fields up to `args` may be read by anybody at any time, also after RESP_DONE until the next call.
struct resp_request_parser {
	uint64_t at;           // bytes of this request taken so far; after RESP_DONE, its size
	uint64_t payload_left; // bytes of argument `args_seen - 1` still to come, without its CRLF
	uint32_t argc;         // as announced; 0 for an inline request
	uint32_t args_seen;    // arguments whose length is known
	bool is_inline;        // use resp_inline_encode() before anything else
	struct resp_arg args[RESP_ARGS_MAX]; // the first min(args_seen, RESP_ARGS_MAX)
	char error[RESP_ERROR_MAX]; // after RESP_ERROR: the text, to be sent behind "-ERR "

	enum resp_request_state state;
	uint64_t bulk_max;
	uint8_t crlf_left; // bytes of the CRLF behind a payload still to come
	bool blank;        // of an inline request, only white space so far
	struct resp_line line;
};

void resp_request_init(struct resp_request_parser *p, uint64_t bulk_max);

// Takes bytes until one request ends or the chunk does. The call after RESP_DONE or RESP_EMPTY
// begins the next request; RESP_ERROR stays.
MUST_CHECK enum resp_status resp_request_parse(
	struct resp_request_parser *p, const uint8_t *data, size_t len, size_t *consumed);

// While a request is under way: the argument that the stream is inside, and false if none.
static inline bool resp_request_in_payload(const struct resp_request_parser *p)
{
	return p->state == RESP_REQUEST_PAYLOAD && p->payload_left > 0;
}

// The most that resp_inline_encode() can write for a line of so many bytes.
#define RESP_INLINE_OUT(len) (((len) + 1) / 2 * 7 + 16)

// White space as inline requests know it.
static inline bool resp_is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

// What an inline request with bad quotes is answered with, behind "-ERR ".
#define RESP_ERROR_QUOTES "Protocol error: unbalanced quotes in request"

// Turns an inline request (with or without its line end) into the array that means the same, by
// the quoting rules of Redis: "..." with \n \r \t \b \a \xHH, '...' with \'. Returns the bytes
// written, -EINVAL for unbalanced quotes, -ENOSPC when they do not fit in cap.
MUST_CHECK long resp_inline_encode(const char *line, size_t len, char *out, size_t cap);

enum resp_reply_state {
	RESP_REPLY_HEADER,
	RESP_REPLY_PAYLOAD,
	RESP_REPLY_END,
	RESP_REPLY_BROKEN,
};

// The fields before `state` may be read at any time, also after RESP_DONE until the next call.
struct resp_reply_parser {
	uint64_t at;           // bytes of this reply taken so far; after RESP_DONE, its size
	uint64_t payload_left; // bytes of a bulk string still to come, without its CRLF
	char type;             // first byte of the reply: + - : $ *, or 0 before it came

	enum resp_reply_state state;
	uint64_t bulk_max;
	unsigned depth;
	uint8_t crlf_left; // as in a request
	struct resp_line line;
	uint64_t left[RESP_DEPTH_MAX]; // elements still to come of each open array
};

void resp_reply_init(struct resp_reply_parser *p, uint64_t bulk_max);

// Takes bytes until one reply ends or the chunk does. The call after RESP_DONE begins the next
// reply. RESP_ERROR stays: the place of all later replies is unknown, drop the connection.
MUST_CHECK enum resp_status resp_reply_parse(
	struct resp_reply_parser *p, const uint8_t *data, size_t len, size_t *consumed);

// Replies of our own, into the caller's buffer. What does not fit sets `full` and is not written,
// in part or whole; then nothing later is written either, so one check at the end is enough.
struct resp_writer {
	char *buf;
	size_t cap;
	size_t len;
	bool full;
};

static inline struct resp_writer resp_writer_make(void *buf, size_t cap)
{
	return (struct resp_writer){.buf = buf, .cap = cap};
}

// A line break inside text would end the reply early: it becomes a space.
void resp_put_simple(struct resp_writer *w, struct slice text);
// Text with its code, as in "ERR no such thing".
void resp_put_error(struct resp_writer *w, struct slice text);
void resp_put_errorf(struct resp_writer *w, const char *fmt, ...) PRINTF_LIKE(2, 3);
void resp_put_integer(struct resp_writer *w, int64_t value);
void resp_put_bulk(struct resp_writer *w, struct slice text);
// Its payload and CRLF are then put, or sent, by the caller.
void resp_put_bulk_header(struct resp_writer *w, size_t len);
void resp_put_null(struct resp_writer *w);
void resp_put_array(struct resp_writer *w, uint64_t count);
// Bytes as they are, encoded already.
void resp_put_raw(struct resp_writer *w, struct slice bytes);
