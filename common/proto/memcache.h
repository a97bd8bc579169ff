// The classic text protocol of Memcached: which commands there are (memcache_cmd.def), where a
// request ends and what it asks for, where a reply ends.
//
// Bytes are fed chunk by chunk, cut anywhere; nothing is allocated, and of a chunk nothing is kept
// but counters and the beginning of a word or of a reply's line. Data blocks are stepped over
// without being read. What is refused, and the words for it, follow memcached 1.6, where it can be
// done without leaving room for two readings: a line with a control character in it is refused, so
// is a length that memcached would cut to 32 bits, and a number of more than
// MEMCACHE_WORD_MAX digits.
//
// Rows are rows of the session (struct resp_cmd) with numbers behind those of Redis' commands.
//
// Sources: memcached's doc/protocol.txt; observed behaviour of memcached 1.6.18; dynomite.md §2.7.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/compiler.h"
#include "common/base/slice.h"
#include "common/proto/resp.h"
#include "common/proto/resp_cmd.h"

enum memcache_cmd_id {
	MEMCACHE_BEFORE_FIRST = CMD_COUNT,
#define MEMCACHE_CMD(id, ...) MEMCACHE_##id,
#define MEMCACHE_REFUSED(id, ...) MEMCACHE_##id,
#include "common/proto/memcache_cmd.def"
#undef MEMCACHE_CMD
#undef MEMCACHE_REFUSED
	MEMCACHE_END,
};

enum {
	MEMCACHE_KEY_MAX = 250,
	MEMCACHE_WORD_MAX = 24,           // of a word that is no key, this much counts
	MEMCACHE_LINE_MAX = 64 * 1024,    // of a request that only has keys: get, gets
	MEMCACHE_OTHER_LINE_MAX = 2048,   // of any other: memcached ends a connection for more
	MEMCACHE_REPLY_LINE_MAX = 1024,   // no line of a reply is longer
	MEMCACHE_BINARY_HEADER = 24,      // of the binary protocol
	MEMCACHE_DATA_MAX = INT32_MAX - 2 // a longer data block has no length that memcached takes
};

struct memcache_cmd {
	struct resp_cmd row;
	const char *words; // as in the table
	uint32_t least;
	uint32_t most;
	uint32_t quiet;
	struct slice refusal; // whole line; empty when the command is run
};

static inline bool memcache_is(const struct resp_cmd *row)
{
	return (uint32_t)row->id > MEMCACHE_BEFORE_FIRST;
}

// NULL when there is no such command: names are lower case.
const struct memcache_cmd *memcache_lookup(struct slice name);
const struct memcache_cmd *memcache_row(enum memcache_cmd_id id);

// Which word of a request is its first key, the name being 0; 0 for one without.
static inline uint32_t memcache_first_key(const struct resp_cmd *row)
{
	return row->keys.kind == RESP_CMD_KEYS_NONE ? 0 : (uint32_t)row->keys.first;
}

// --- requests

enum memcache_outcome {
	MEMCACHE_RUN,      // a request for a store
	MEMCACHE_ANSWERED, // `answer` is what it asks for
	MEMCACHE_FAILED,   // `answer` is why not
	MEMCACHE_ENDS,     // the client takes its leave
	MEMCACHE_IS_HTTP,  // a web browser was made to talk to us: close without an answer
};

enum memcache_request_state {
	MEMCACHE_REQUEST_START,
	MEMCACHE_REQUEST_LINE,
	MEMCACHE_REQUEST_DATA,
	MEMCACHE_REQUEST_HEADER, // of the binary protocol
	MEMCACHE_REQUEST_OVER,
	MEMCACHE_REQUEST_BROKEN,
};

// Fields up to `answer` may be read by anybody when the line is over: with RESP_DONE, and before
// that when memcache_request_in_data().
struct memcache_request_parser {
	uint64_t at;           // bytes taken so far; after RESP_DONE, the request's size
	uint64_t payload_left; // bytes of the data block still to come, without its line end
	uint32_t line_len;     // with its line end
	uint32_t word_n;       // of the line, with the name
	uint32_t keep;         // of them, those that mean something
	bool quiet;            // no reply is wanted, whatever it would be
	bool as_is;            // the line may be passed on; else: memcache_rewrite()
	enum memcache_outcome outcome;
	const struct memcache_cmd *cmd; // NULL: unknown, or not a line
	struct slice answer;            // constant text

	enum memcache_request_state state;
	uint64_t value_max;
	struct slice error; // the first one that was met in a word
	uint32_t word_len;  // of the word that is under way
	uint32_t words_len; // of all words that are over
	uint32_t first_len; // of the name
	uint64_t bytes;     // of the data block, as the line says
	uint8_t crlf_left;  // bytes of the line end behind the data block still to come
	bool cr;            // the last byte of the line was a carriage return
	bool control;       // the line has a control character
	bool bad_chunk;     // the data block does not end where it should
	bool noreply;       // the last word says so
	bool zero;          // word 2 is "0"
	bool http;          // the last word looks so
	char word[MEMCACHE_WORD_MAX];
};

void memcache_request_init(struct memcache_request_parser *p, uint64_t value_max);

// Takes bytes until one request ends or the chunk does. The call after RESP_DONE begins the next
// request. RESP_ERROR stays: a line that does not end; answer MEMCACHE_LINE_TOO_LONG and close.
MUST_CHECK enum resp_status memcache_request_parse(
	struct memcache_request_parser *p, const uint8_t *data, size_t len, size_t *consumed);

#define MEMCACHE_LINE_TOO_LONG "CLIENT_ERROR line too long\r\n"

// The line is over and known to be good or bad; bytes of its data block are to come.
static inline bool memcache_request_in_data(const struct memcache_request_parser *p)
{
	return p->state == MEMCACHE_REQUEST_DATA;
}

// The first `keep` words of a line, a space between them, and CRLF. Returns the bytes written, of
// which there are at most line.len + 1; 0 when they do not fit.
size_t memcache_rewrite(struct slice line, uint32_t keep, char *out, size_t cap);

// --- replies

enum memcache_want {
	MEMCACHE_WANT_ANY,    // not known
	MEMCACHE_WANT_VALUES, // blocks of VALUE, then END
	MEMCACHE_WANT_LINE,
};

static inline enum memcache_want memcache_want(const struct resp_cmd *row)
{
	return row->merge == RESP_CMD_MERGE_ORDER ? MEMCACHE_WANT_VALUES : MEMCACHE_WANT_LINE;
}

// Begins as resp_reply_parser does, so that a union of both can be looked at as either.
struct memcache_reply_parser {
	uint64_t at;           // bytes of this reply taken so far; after RESP_DONE, its size
	uint64_t payload_left; // bytes of a data block still to come, without its line end
	char type;             // '-' an error, '*' values, '+' any other line; 0: not known yet

	enum resp_reply_state state;
	uint64_t value_max;
	uint8_t crlf_left;
	uint32_t line_len; // bytes in `line`
	char line[MEMCACHE_REPLY_LINE_MAX];
};

void memcache_reply_init(struct memcache_reply_parser *p, uint64_t value_max);

// As resp_reply_parse(). `want` is the same in all calls for one reply; RESP_ERROR too when the
// reply is to no such request.
MUST_CHECK enum resp_status memcache_reply_parse(struct memcache_reply_parser *p,
	enum memcache_want want, const uint8_t *data, size_t len, size_t *consumed);

// A line of a reply, without its line end.
bool memcache_is_error(struct slice line);

// "VALUE key flags bytes" or "VALUE key flags bytes unique".
struct memcache_value {
	struct slice key;
	struct slice before_unique; // all up to the end of the length
	uint64_t bytes;
};

// False for any other line, and for one that is malformed.
MUST_CHECK bool memcache_value_line(struct slice line, struct memcache_value *out);
