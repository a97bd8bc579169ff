// Requests and replies of Memcached's text protocol, cut at places that the input chooses: each
// must be taken as the same bytes in one piece are; what is passed on must read as itself. Input:
// what to read, how to cut, the stream.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/proto/memcache.h"

enum { VALUE_MAX = 1000, STREAM_MAX = 1 << 17 };

#define CHECK(ok)                                                        \
	do {                                                             \
		if (!(ok)) {                                             \
			fprintf(stderr, "line %d: %s\n", __LINE__, #ok); \
			abort();                                         \
		}                                                        \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// A small generator, so that the cuts follow from the input.
static size_t next_cut(uint32_t *seed, size_t left)
{
	size_t n;

	*seed = *seed * 1664525 + 1013904223;
	n = 1 + (*seed >> 24) % ((*seed >> 20) % 4 ? 8 : 200);
	return n < left ? n : left;
}

static enum resp_status feed_request(struct memcache_request_parser *p, const uint8_t *stream,
	size_t len, size_t *pos, uint32_t *seed)
{
	enum resp_status status = RESP_MORE;

	while (status == RESP_MORE && *pos < len) {
		size_t n = next_cut(seed, len - *pos);
		uint8_t *chunk = malloc(n);
		size_t used;

		memcpy(chunk, stream + *pos, n);
		status = memcache_request_parse(p, chunk, n, &used);
		free(chunk);
		CHECK(used <= n && (status != RESP_MORE || used == n));
		*pos += used;
	}
	return status;
}

// The line as it would be passed on is one that runs, asks for the same, and is passed on as it is.
static void check_rewritten(const struct memcache_request_parser *p, const uint8_t *line)
{
	static char out[MEMCACHE_LINE_MAX + 2];
	struct memcache_request_parser again;
	size_t used;
	size_t n = memcache_rewrite(slice_make(line, p->line_len), p->keep, out, sizeof(out));

	CHECK(n > 0 && n <= p->line_len + 1u);
	CHECK(!p->as_is || (n == p->line_len && memcmp(out, line, n) == 0));
	memcache_request_init(&again, VALUE_MAX);
	CHECK(memcache_request_parse(&again, (const uint8_t *)out, n, &used) ==
		(strchr(p->cmd->words, 'b') ? RESP_MORE : RESP_DONE));
	CHECK(used == n && again.outcome == MEMCACHE_RUN && again.as_is);
	CHECK(again.cmd == p->cmd && !again.quiet && again.bytes == p->bytes);
}

static void check_requests(const uint8_t *stream, size_t len, uint32_t seed)
{
	struct memcache_request_parser cut, whole;
	size_t pos = 0;

	memcache_request_init(&cut, VALUE_MAX);
	memcache_request_init(&whole, VALUE_MAX);
	while (pos < len) {
		size_t from = pos;
		size_t used;
		enum resp_status status =
			memcache_request_parse(&whole, stream + pos, len - pos, &used);

		CHECK(feed_request(&cut, stream, len, &pos, &seed) == status);
		if (status != RESP_DONE)
			return;
		CHECK(pos == from + used && cut.at == used && whole.at == used);
		CHECK(cut.outcome == whole.outcome && cut.quiet == whole.quiet);
		CHECK(cut.cmd == whole.cmd && cut.as_is == whole.as_is && cut.keep == whole.keep);
		CHECK(slice_eq(cut.answer, whole.answer));
		CHECK((cut.outcome == MEMCACHE_RUN || cut.outcome == MEMCACHE_ENDS ||
			      cut.outcome == MEMCACHE_IS_HTTP) == (cut.answer.len == 0));
		if (cut.outcome == MEMCACHE_RUN)
			check_rewritten(&cut, stream + from);
	}
}

static void check_replies(const uint8_t *stream, size_t len, enum memcache_want want, uint32_t seed)
{
	struct memcache_reply_parser cut, whole;
	size_t pos = 0;

	memcache_reply_init(&cut, VALUE_MAX);
	memcache_reply_init(&whole, VALUE_MAX);
	while (pos < len) {
		size_t used;
		size_t from = pos;
		enum resp_status wanted =
			memcache_reply_parse(&whole, want, stream + pos, len - pos, &used);
		enum resp_status status = RESP_MORE;

		while (status == RESP_MORE && pos < len) {
			size_t n = next_cut(&seed, len - pos);
			uint8_t *chunk = malloc(n);
			size_t taken;

			memcpy(chunk, stream + pos, n);
			status = memcache_reply_parse(&cut, want, chunk, n, &taken);
			free(chunk);
			CHECK(taken <= n);
			pos += taken;
		}
		// A line that has no end is found to be too long earlier when it comes in pieces.
		if (status == RESP_ERROR && wanted == RESP_MORE)
			return;
		CHECK(status == wanted);
		if (status != RESP_DONE)
			return;
		CHECK(pos == from + used && cut.at == used && cut.type == whole.type);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2 || size > STREAM_MAX)
		return 0;
	if (data[0] % 4 == 0)
		check_requests(data + 2, size - 2, data[1]);
	else
		check_replies(data + 2, size - 2, (enum memcache_want)(data[0] % 4 - 1), data[1]);
	return 0;
}
