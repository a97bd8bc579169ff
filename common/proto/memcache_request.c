#include <limits.h>
#include <string.h>

#include "common/proto/memcache.h"

#define BAD_FORMAT SLICE_LIT("CLIENT_ERROR bad command line format\r\n")
#define BAD_TIME SLICE_LIT("CLIENT_ERROR invalid exptime argument\r\n")
#define BAD_DELTA SLICE_LIT("CLIENT_ERROR invalid numeric delta argument\r\n")
#define BAD_DELETE \
	SLICE_LIT("CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]\r\n")
#define BAD_CHUNK SLICE_LIT("CLIENT_ERROR bad data chunk\r\n")
#define TOO_LARGE SLICE_LIT("SERVER_ERROR object too large for cache\r\n")
#define TOO_LONG SLICE_LIT(MEMCACHE_LINE_TOO_LONG)
#define UNKNOWN SLICE_LIT("ERROR\r\n")
#define OK SLICE_LIT("OK\r\n")
#define BINARY                                                                        \
	SLICE_LIT("SERVER_ERROR Dynomite: the binary protocol is not supported yet; " \
		  "use the text protocol\r\n")

#define BINARY_MAGIC 0x80

void memcache_request_init(struct memcache_request_parser *p, uint64_t value_max)
{
	*p = (struct memcache_request_parser){
		.value_max = value_max < MEMCACHE_DATA_MAX ? value_max : MEMCACHE_DATA_MAX};
}

// --- words

static void fail(struct memcache_request_parser *p, struct slice text)
{
	if (p->error.len == 0)
		p->error = text;
}

// The word that is over. What is longer than the room for it is no number, and no name.
static struct slice word_of(const struct memcache_request_parser *p)
{
	return p->word_len <= MEMCACHE_WORD_MAX ? slice_make(p->word, p->word_len) : SLICE_LIT("");
}

// As strtoul() takes it, but for a sign that changes the value.
static bool unsigned_word(struct slice word, uint64_t *out)
{
	bool sign = word.len > 0 && (word.ptr[0] == '+' || word.ptr[0] == '-');

	if (!slice_to_u64(slice_make(word.ptr + sign, word.len - sign), out))
		return false;
	return !sign || word.ptr[0] == '+' || *out == 0;
}

static bool signed_word(struct slice word)
{
	bool sign = word.len > 0 && (word.ptr[0] == '+' || word.ptr[0] == '-');
	uint64_t v;

	return slice_to_u64(slice_make(word.ptr + sign, word.len - sign), &v) &&
		v <= (uint64_t)INT64_MAX + (sign && word.ptr[0] == '-');
}

// What the command's row says of word `i`, which is not the name.
static char kind_of(const struct memcache_cmd *cmd, uint32_t i)
{
	size_t n = strlen(cmd->words);

	if (n == 0)
		return 0;
	if (i <= n)
		return cmd->words[i - 1];
	return cmd->words[n - 1] == 'K' ? 'K' : 0;
}

static void check_word(struct memcache_request_parser *p, char kind)
{
	struct slice word = word_of(p);
	uint64_t v;

	switch (kind) {
	case 'k':
	case 'K':
		if (p->word_len > MEMCACHE_KEY_MAX)
			fail(p, BAD_FORMAT);
		break;
	case 'u':
		if (!unsigned_word(word, &v))
			fail(p, BAD_FORMAT);
		break;
	case 'd':
		if (!unsigned_word(word, &v))
			fail(p, BAD_DELTA);
		break;
	case 'i':
		if (!signed_word(word))
			fail(p, BAD_FORMAT);
		break;
	case 't':
		if (!signed_word(word))
			fail(p, BAD_TIME);
		break;
	case 'b':
		if (!unsigned_word(word, &p->bytes) || p->bytes > MEMCACHE_DATA_MAX)
			fail(p, BAD_FORMAT);
		break;
	default:
		break;
	}
}

static void word_over(struct memcache_request_parser *p)
{
	uint32_t i = p->word_n++;
	struct slice word = word_of(p);

	if (i == 0) {
		p->cmd = memcache_lookup(word);
		p->first_len = p->word_len;
	} else if (p->cmd) {
		check_word(p, kind_of(p->cmd, i));
	}
	p->noreply = slice_eq(word, SLICE_LIT("noreply"));
	p->http = p->word_len >= 5 && memcmp(p->word, "HTTP/", 5) == 0;
	if (i == 2)
		p->zero = slice_eq(word, SLICE_LIT("0"));
	p->words_len += p->word_len;
	p->word_len = 0;
}

// --- the line

static enum memcache_outcome answer(
	struct memcache_request_parser *p, enum memcache_outcome outcome, struct slice text)
{
	p->answer = text;
	return outcome;
}

// Words behind the key that are not what they may be.
static bool is_bad_delete(const struct memcache_request_parser *p)
{
	return (p->word_n == 3 && !p->zero && !p->quiet) ||
		(p->word_n == 4 && !(p->zero && p->quiet));
}

static enum memcache_outcome judge_known(struct memcache_request_parser *p)
{
	const struct memcache_cmd *cmd = p->cmd;
	uint32_t id = (uint32_t)cmd->row.id;

	if (p->word_n < cmd->least || p->word_n > cmd->most)
		return answer(p, MEMCACHE_FAILED, UNKNOWN);
	p->quiet = p->noreply && cmd->quiet > 0 && p->word_n > cmd->quiet;
	if (p->line_len > MEMCACHE_OTHER_LINE_MAX && cmd->words[0] != 'K')
		return answer(p, MEMCACHE_FAILED, TOO_LONG);
	if (id == MEMCACHE_DELETE && is_bad_delete(p))
		return answer(p, MEMCACHE_FAILED, BAD_DELETE);
	if (p->control)
		fail(p, BAD_FORMAT);
	if (p->error.len > 0 && cmd->refusal.len == 0)
		return answer(p, MEMCACHE_FAILED, p->error);
	if (cmd->refusal.len > 0)
		return answer(p, MEMCACHE_FAILED, cmd->refusal);
	if (id == MEMCACHE_QUIT)
		return MEMCACHE_ENDS;
	if (id == MEMCACHE_VERBOSITY)
		return answer(p, MEMCACHE_ANSWERED, OK);
	return MEMCACHE_RUN;
}

static enum memcache_outcome judge(struct memcache_request_parser *p)
{
	if (p->cmd)
		return judge_known(p);
	if (p->http)
		return MEMCACHE_IS_HTTP;
	return answer(p, MEMCACHE_FAILED, UNKNOWN);
}

// How many words mean something: all keys, and else as many as the row names.
static uint32_t words_kept(const struct memcache_request_parser *p)
{
	size_t n = strlen(p->cmd->words);

	return n > 0 && p->cmd->words[n - 1] == 'K' ? p->word_n : (uint32_t)n + 1;
}

// What cannot be told from a word's row: a length that is none has no data block behind it.
static bool has_data(const struct memcache_request_parser *p)
{
	return p->cmd && strchr(p->cmd->words, 'b') && p->error.len == 0 &&
		(p->outcome == MEMCACHE_RUN || p->cmd->refusal.len > 0) &&
		p->word_n > strlen(p->cmd->words);
}

// True when the request is over with its line.
static bool line_over(struct memcache_request_parser *p)
{
	if (p->word_len > 0)
		word_over(p);
	p->outcome = judge(p);
	if (p->outcome == MEMCACHE_RUN) {
		p->keep = words_kept(p);
		p->as_is = p->keep == p->word_n && p->cr &&
			p->line_len == p->words_len + p->word_n - 1 + 2;
	}
	if (!has_data(p)) {
		p->state = MEMCACHE_REQUEST_OVER;
		return true;
	}
	if (p->bytes > p->value_max && p->outcome == MEMCACHE_RUN)
		p->outcome = answer(p, MEMCACHE_FAILED, TOO_LARGE);
	p->payload_left = p->bytes;
	p->crlf_left = 2;
	p->state = MEMCACHE_REQUEST_DATA;
	return false;
}

// A carriage return belongs to the line's end when the line feed follows it.
static void take_char(struct memcache_request_parser *p, uint8_t c)
{
	if (p->cr) {
		p->cr = false;
		p->control = true;
		p->word_len++;
	}
	if (c == '\r' && p->line_len > 0) {
		p->cr = true;
	} else if (c == ' ') {
		if (p->word_len > 0)
			word_over(p);
	} else {
		if (c < ' ' || c == 0x7f)
			p->control = true;
		if (p->word_len < MEMCACHE_WORD_MAX)
			p->word[p->word_len] = (char)c;
		p->word_len++;
	}
	p->line_len++;
}

// --- the stream

static enum resp_status take_line(
	struct memcache_request_parser *p, const uint8_t **pos, const uint8_t *end)
{
	while (*pos < end) {
		uint8_t c = *(*pos)++;

		if (c == '\n') {
			p->line_len++;
			return line_over(p) ? RESP_DONE : RESP_MORE;
		}
		take_char(p, c);
		if (unlikely(p->line_len > MEMCACHE_LINE_MAX)) {
			p->state = MEMCACHE_REQUEST_BROKEN;
			return RESP_ERROR;
		}
	}
	return RESP_MORE;
}

static uint32_t be32(const char *b)
{
	const uint8_t *u = (const uint8_t *)b;

	return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

// The binary protocol's header says how much follows it.
static enum resp_status take_header(
	struct memcache_request_parser *p, const uint8_t **pos, const uint8_t *end)
{
	while (*pos < end && p->word_len < MEMCACHE_BINARY_HEADER)
		p->word[p->word_len++] = (char)*(*pos)++;
	if (p->word_len < MEMCACHE_BINARY_HEADER)
		return RESP_MORE;
	p->line_len = MEMCACHE_BINARY_HEADER;
	p->outcome = answer(p, MEMCACHE_FAILED, BINARY);
	p->payload_left = be32(p->word + 8);
	p->state = p->payload_left > 0 ? MEMCACHE_REQUEST_DATA : MEMCACHE_REQUEST_OVER;
	return p->payload_left > 0 ? RESP_MORE : RESP_DONE;
}

static void take_crlf(struct memcache_request_parser *p, const uint8_t **pos, const uint8_t *end)
{
	for (; p->crlf_left > 0 && *pos < end; p->crlf_left--)
		if (*(*pos)++ != (p->crlf_left == 2 ? '\r' : '\n'))
			p->bad_chunk = true;
}

static enum resp_status take_data(
	struct memcache_request_parser *p, const uint8_t **pos, const uint8_t *end)
{
	uint64_t there = (uint64_t)(end - *pos);
	uint64_t n = there < p->payload_left ? there : p->payload_left;

	*pos += n;
	p->payload_left -= n;
	if (p->payload_left > 0)
		return RESP_MORE;
	take_crlf(p, pos, end);
	if (p->crlf_left > 0)
		return RESP_MORE;
	p->state = MEMCACHE_REQUEST_OVER;
	if (p->bad_chunk && p->outcome == MEMCACHE_RUN)
		p->outcome = answer(p, MEMCACHE_FAILED, BAD_CHUNK);
	return RESP_DONE;
}

static void start(struct memcache_request_parser *p, uint8_t first)
{
	uint64_t value_max = p->value_max;

	*p = (struct memcache_request_parser){
		.value_max = value_max,
		.state = first == BINARY_MAGIC ? MEMCACHE_REQUEST_HEADER : MEMCACHE_REQUEST_LINE,
	};
}

static enum resp_status step(
	struct memcache_request_parser *p, const uint8_t **pos, const uint8_t *end)
{
	switch (p->state) {
	case MEMCACHE_REQUEST_START:
	case MEMCACHE_REQUEST_OVER:
		start(p, **pos);
		return RESP_MORE;
	case MEMCACHE_REQUEST_LINE:
		return take_line(p, pos, end);
	case MEMCACHE_REQUEST_DATA:
		return take_data(p, pos, end);
	case MEMCACHE_REQUEST_HEADER:
		return take_header(p, pos, end);
	case MEMCACHE_REQUEST_BROKEN:
		break;
	}
	return RESP_ERROR;
}

enum resp_status memcache_request_parse(
	struct memcache_request_parser *p, const uint8_t *data, size_t len, size_t *consumed)
{
	const uint8_t *pos = data;
	enum resp_status status = RESP_MORE;

	while (status == RESP_MORE && pos < data + len) {
		const uint8_t *from = pos;

		status = step(p, &pos, data + len);
		p->at += (uint64_t)(pos - from);
	}
	*consumed = (size_t)(pos - data);
	return status;
}

static bool is_word(char c)
{
	return c != ' ' && c != '\r' && c != '\n';
}

size_t memcache_rewrite(struct slice line, uint32_t keep, char *out, size_t cap)
{
	size_t at = 0;
	size_t got = 0;

	for (uint32_t i = 0; i < keep; i++) {
		size_t from;

		while (at < line.len && line.ptr[at] == ' ')
			at++;
		for (from = at; at < line.len && is_word(line.ptr[at]);)
			at++;
		if (got + (at - from) + 3 > cap)
			return 0;
		if (i > 0)
			out[got++] = ' ';
		memcpy(out + got, line.ptr + from, at - from);
		got += at - from;
	}
	out[got++] = '\r';
	out[got++] = '\n';
	return got;
}
