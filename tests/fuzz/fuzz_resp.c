// Requests, replies and inline requests, cut at places that the input chooses, against a reading of
// the same bytes that is as plain as can be. Input: what to read, how to cut, the stream.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/proto/resp.h"
#include "common/proto/resp_cmd.h"
#include "common/proto/resp_cmd_info.h"
#include "common/proto/resp_line.h"

enum { BULK_MAX = 1000, STREAM_MAX = 1 << 17 };

#define CHECK(ok)                                                        \
	do {                                                             \
		if (!(ok)) {                                             \
			fprintf(stderr, "line %d: %s\n", __LINE__, #ok); \
			abort();                                         \
		}                                                        \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// What one request or reply is, and how much of the stream it takes.
struct seen {
	enum resp_status status;
	size_t size;
	uint32_t argc;
	bool is_inline;
	struct resp_arg args[RESP_ARGS_MAX];
};

// --- the plain reading

static enum resp_status plain_line(const char *s, size_t len, size_t *line_len)
{
	const char *cr = memchr(s, '\r', len);
	size_t n = cr ? (size_t)(cr - s) : len;

	*line_len = n;
	if (n > RESP_LINE_MAX)
		return RESP_ERROR;
	if (!cr || n + 1 == len)
		return RESP_MORE;
	return cr[1] == '\n' ? RESP_DONE : RESP_ERROR;
}

// A number is what printing it gives.
static bool plain_number(const char *s, size_t len, long long *v)
{
	char text[32] = "";
	char again[32];

	if (len == 0 || len >= sizeof(text))
		return false;
	memcpy(text, s, len);
	*v = strtoll(text, NULL, 10);
	snprintf(again, sizeof(again), "%lld", *v);
	return strlen(text) == len && strcmp(text, again) == 0;
}

static enum resp_status plain_payload(const char *s, size_t len, size_t n)
{
	if (len > n && s[n] != '\r')
		return RESP_ERROR;
	if (len > n + 1 && s[n + 1] != '\n')
		return RESP_ERROR;
	return len < n + 2 ? RESP_MORE : RESP_DONE;
}

static enum resp_status plain_inline(const char *s, size_t len, struct seen *out)
{
	const char *lf = memchr(s, '\n', len);
	size_t n = lf ? (size_t)(lf - s) : len;
	size_t blanks = 0;

	if (n > RESP_LINE_MAX)
		return RESP_ERROR;
	if (!lf)
		return RESP_MORE;
	while (blanks < n && s[blanks] && strchr(" \t\r\v\f", s[blanks]))
		blanks++;
	out->size = n + 1;
	out->is_inline = true;
	return blanks == n ? RESP_EMPTY : RESP_DONE;
}

static enum resp_status plain_request(const char *s, size_t len, struct seen *out)
{
	enum resp_status status;
	long long argc, n;
	size_t line, pos;

	if (len == 0)
		return RESP_MORE;
	if (s[0] != '*')
		return plain_inline(s, len, out);
	status = plain_line(s, len, &line);
	if (status != RESP_DONE)
		return status;
	if (!plain_number(s + 1, line - 1, &argc) || argc > INT32_MAX)
		return RESP_ERROR;
	pos = line + 2;
	for (long long i = 0; i < argc; i++) {
		status = plain_line(s + pos, len - pos, &line);
		if (status != RESP_DONE)
			return status;
		if (line == 0 || s[pos] != '$' || !plain_number(s + pos + 1, line - 1, &n) ||
			n < 0 || n > BULK_MAX)
			return RESP_ERROR;
		pos += line + 2;
		if (i < RESP_ARGS_MAX)
			out->args[i] = (struct resp_arg){.at = pos, .len = (uint64_t)n};
		status = plain_payload(s + pos, len - pos, (size_t)n);
		if (status != RESP_DONE)
			return status;
		pos += (size_t)n + 2;
	}
	out->size = pos;
	out->argc = argc > 0 ? (uint32_t)argc : 0;
	return argc > 0 ? RESP_DONE : RESP_EMPTY;
}

static enum resp_status plain_reply(const char *s, size_t len, size_t *pos, unsigned depth)
{
	enum resp_status status;
	const char *at = s + *pos;
	size_t line;
	long long n;

	if (*pos == len)
		return RESP_MORE;
	if (!*at || !strchr("+-:$*", *at))
		return RESP_ERROR;
	status = plain_line(at, len - *pos, &line);
	if (status != RESP_DONE)
		return status;
	*pos += line + 2;
	if (*at == '+' || *at == '-')
		return RESP_DONE;
	if (!plain_number(at + 1, line - 1, &n))
		return RESP_ERROR;
	if (*at == ':' || n == -1)
		return RESP_DONE;
	if (n < 0 || (*at == '$' && n > BULK_MAX) ||
		(*at == '*' && n > 0 && depth == RESP_DEPTH_MAX))
		return RESP_ERROR;
	if (*at == '$') {
		status = plain_payload(s + *pos, len - *pos, (size_t)n);
		*pos += (size_t)n + 2;
		return status;
	}
	for (status = RESP_DONE; n > 0 && status == RESP_DONE; n--)
		status = plain_reply(s, len, pos, depth + 1);
	return status;
}

struct words {
	char *bytes;
	size_t len[STREAM_MAX];
	size_t n;
};

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// One character of a word, at s of len bytes; how many bytes it takes.
static size_t plain_char(const char *s, size_t len, char quote, char *c)
{
	static const char names[] = "nrtba";
	static const char meant[] = "\n\r\t\b\a";
	char digits[3] = "";
	const char *name;

	*c = s[0];
	if (s[0] != '\\' || len < 2 || quote == 0 || (quote == '\'' && s[1] != '\''))
		return 1;
	*c = s[1];
	if (s[1] == 'x' && len >= 4 && is_hex(s[2]) && is_hex(s[3])) {
		memcpy(digits, s + 2, 2);
		*c = (char)strtoul(digits, NULL, 16);
		return 4;
	}
	name = memchr(names, s[1], strlen(names));
	if (name)
		*c = meant[name - names];
	return 2;
}

// One word from its first byte on; where it ends, or SIZE_MAX for bad quotes.
static size_t plain_word(const char *s, size_t len, size_t i, char **to)
{
	char quote = 0;

	while (i < len) {
		if (quote && s[i] == quote)
			return i + 1 == len || resp_is_space(s[i + 1]) ? i + 1 : SIZE_MAX;
		if (!quote && memchr(" \t\r\n", s[i], 4))
			return i;
		if (!quote && (s[i] == '"' || s[i] == '\''))
			quote = s[i++];
		else
			i += plain_char(s + i, len - i, quote, (*to)++);
	}
	return quote ? SIZE_MAX : i;
}

// The words of an inline request, one behind the other; false for bad quotes.
static bool plain_split(const char *s, size_t len, struct words *words)
{
	char *to = words->bytes;
	size_t i = 0;

	for (words->n = 0;; words->n++) {
		char *from = to;

		while (i < len && resp_is_space(s[i]))
			i++;
		if (i == len)
			return true;
		i = plain_word(s, len, i, &to);
		if (i == SIZE_MAX)
			return false;
		words->len[words->n] = (size_t)(to - from);
	}
}

// --- the comparison

// A small generator, so that the cuts follow from the input.
static size_t next_cut(uint32_t *seed, size_t left)
{
	size_t n;

	*seed = *seed * 1664525 + 1013904223;
	n = 1 + (*seed >> 24) % ((*seed >> 20) % 4 ? 8 : 200);
	return n < left ? n : left;
}

static const struct resp_cmd *plain_lookup(struct slice name)
{
	for (enum resp_cmd_id id = 0; id < CMD_COUNT; id++)
		if (slice_eq_nocase(resp_cmd_row(id)->name, name))
			return resp_cmd_row(id);
	return NULL;
}

static void check_is_replies(const char *text, size_t len, unsigned want)
{
	for (size_t pos = 0; pos < len; want--)
		CHECK(want > 0 && plain_reply(text, len, &pos, 0) == RESP_DONE);
	CHECK(want == 0);
}

// The arguments have each their own allocation, so that not a byte too many is read.
static void check_command(const struct slice *args, uint32_t argc)
{
	static char text[1 << 16];
	struct resp_writer w = resp_writer_make(text, RESP_CMD_REFUSAL_MAX);
	uint32_t args_n = argc < RESP_ARGS_MAX ? argc : RESP_ARGS_MAX;
	const struct resp_cmd *row;
	enum resp_cmd_verdict verdict = resp_cmd_resolve(args, argc, &row);
	struct resp_cmd_keys keys;

	CHECK(resp_cmd_lookup_full(args[0]) == plain_lookup(args[0]));
	(void)resp_cmd_is_http(args[0]);
	resp_cmd_put_refusal(&w, verdict, row, args, args_n);
	CHECK(!w.full);
	check_is_replies(text, w.len, verdict != RESP_CMD_OK);
	if (verdict == RESP_CMD_OK && resp_cmd_keys(row, argc, args, args_n, &keys) == 0) {
		CHECK(keys.first <= keys.last && keys.last < argc && keys.extra < argc);
		CHECK((keys.first == 0) == (row->keys.kind == RESP_CMD_KEYS_NONE));
	}
	w = resp_writer_make(text, sizeof(text));
	resp_cmd_put_getkeys(&w, args, args_n);
	CHECK(!w.full);
	check_is_replies(text, w.len, 1);
}

static void check_request_command(const char *stream, const struct seen *s)
{
	struct slice args[RESP_ARGS_MAX];
	uint32_t n = s->argc < RESP_ARGS_MAX ? s->argc : RESP_ARGS_MAX;

	for (uint32_t i = 0; i < n; i++) {
		char *own = malloc(s->args[i].len ? s->args[i].len : 1);

		memcpy(own, stream + s->args[i].at, s->args[i].len);
		args[i] = slice_make(own, s->args[i].len);
	}
	check_command(args, s->argc);
	for (uint32_t i = 0; i < n; i++)
		free((void *)(uintptr_t)args[i].ptr);
}

static void check_inline(const char *line, size_t len)
{
	static struct words words;
	char *out = malloc(RESP_INLINE_OUT(len));
	long n = resp_inline_encode(line, len, out, RESP_INLINE_OUT(len));
	struct seen s = {0};
	size_t pos = 0;
	char *word;

	word = words.bytes = malloc(len + 1);
	if (!plain_split(line, len, &words)) {
		CHECK(n < 0);
	} else {
		CHECK(n > 0);
		// Written anew from the words: the same array.
		pos = strcspn(out, "\n") + 1;
		CHECK(strtoul(out + 1, NULL, 10) == words.n);
		for (size_t i = 0; i < words.n; i++) {
			char head[32];
			size_t head_len =
				(size_t)snprintf(head, sizeof(head), "$%zu\r\n", words.len[i]);

			CHECK(memcmp(out + pos, head, head_len) == 0);
			CHECK(memcmp(out + pos + head_len, word, words.len[i]) == 0);
			pos += head_len + words.len[i] + 2;
			word += words.len[i];
		}
		CHECK(pos == (size_t)n);
		if (plain_request(out, (size_t)n, &s) == RESP_DONE)
			check_request_command(out, &s);
	}
	free(words.bytes);
	free(out);
}

static enum resp_status feed_request(
	struct resp_request_parser *p, const char *stream, size_t len, size_t *pos, uint32_t *seed)
{
	enum resp_status status = RESP_MORE;

	while (status == RESP_MORE && *pos < len) {
		size_t n = next_cut(seed, len - *pos);
		uint8_t *chunk = malloc(n);
		size_t used;

		memcpy(chunk, stream + *pos, n);
		status = resp_request_parse(p, chunk, n, &used);
		free(chunk);
		CHECK(used <= n && (status != RESP_MORE || used == n));
		*pos += used;
	}
	return status;
}

static void check_requests(const char *stream, size_t len, uint32_t seed)
{
	struct resp_request_parser cut, whole;
	size_t pos = 0;
	size_t used;

	resp_request_init(&cut, BULK_MAX);
	resp_request_init(&whole, BULK_MAX);
	while (pos < len) {
		struct seen want = {0};
		size_t from = pos;
		enum resp_status status = plain_request(stream + pos, len - pos, &want);

		CHECK(resp_request_parse(&whole, (const uint8_t *)stream + pos, len - pos, &used) ==
			status);
		CHECK(feed_request(&cut, stream, len, &pos, &seed) == status);
		if (status == RESP_ERROR)
			CHECK(strcmp(cut.error, whole.error) == 0);
		if (status == RESP_MORE || status == RESP_ERROR)
			return;
		CHECK(pos == from + want.size && used == want.size && cut.at == want.size);
		CHECK(cut.is_inline == want.is_inline && cut.argc == want.argc);
		for (uint32_t i = 0; i < want.argc && i < RESP_ARGS_MAX; i++) {
			CHECK(cut.args[i].at == want.args[i].at);
			CHECK(cut.args[i].len == want.args[i].len);
			CHECK(whole.args[i].at == want.args[i].at);
		}
		if (status == RESP_DONE && want.is_inline)
			check_inline(stream + from, want.size);
		else if (status == RESP_DONE)
			check_request_command(stream + from, &want);
	}
}

static void check_replies(const char *stream, size_t len, uint32_t seed)
{
	struct resp_reply_parser p;
	size_t pos = 0;

	resp_reply_init(&p, BULK_MAX);
	while (pos < len) {
		enum resp_status status = RESP_MORE;
		size_t end = pos;
		enum resp_status want = plain_reply(stream, len, &end, 0);
		size_t from = pos;

		while (status == RESP_MORE && pos < len) {
			size_t n = next_cut(&seed, len - pos);
			uint8_t *chunk = malloc(n);
			size_t used;

			memcpy(chunk, stream + pos, n);
			status = resp_reply_parse(&p, chunk, n, &used);
			free(chunk);
			CHECK(used <= n);
			pos += used;
		}
		CHECK(status == want);
		if (status != RESP_DONE)
			return;
		CHECK(pos == end && p.at == end - from && p.type == stream[from]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *stream = (const char *)data + 2;

	if (size < 2 || size > STREAM_MAX)
		return 0;
	switch (data[0] % 3) {
	case 0:
		check_requests(stream, size - 2, data[1]);
		break;
	case 1:
		check_replies(stream, size - 2, data[1]);
		break;
	default:
		check_inline(stream, size - 2);
		break;
	}
	return 0;
}
