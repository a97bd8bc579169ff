#include "dataplane/session/parse_memcache.h"

#include "dataplane/session/bulk.h"
#include "dataplane/session/count.h"
#include "dataplane/session/dnode_in.h"
#include "dataplane/session/input.h"
#include "dataplane/session/parse.h"
#include "dataplane/session/reply.h"
#include "dataplane/session/walk.h"

static struct memcache_request_parser *parser_of(struct session *s, struct client *c)
{
	return c->memcache ? c->memcache : &s->memcache;
}

static void parser_done(struct session *s, struct client *c)
{
	if (!c->memcache)
		return;
	pool_put(&s->parsers, c->memcache);
	c->memcache = NULL;
}

void parse_memcache_keep(struct session *s, struct client *c)
{
	if (c->memcache || c->parsed == 0)
		return;
	c->memcache = pool_get(&s->parsers);
	*c->memcache = s->memcache;
	memcache_request_init(&s->memcache, s->config.value_max);
}

// --- requests that are not run

void parse_memcache_answer(
	struct session *s, struct request *r, const struct memcache_request_parser *p)
{
	struct resp_writer w = parse_refusal(s);

	r->quiet = p->quiet;
	if (p->outcome == MEMCACHE_FAILED)
		stat_inc(s->stats, STAT_client_error_replies);
	r->flags |= REQUEST_DONE;
	if (p->quiet || p->answer.len == 0)
		return;
	resp_put_raw(&w, p->answer);
	s->spare->data_len = (uint16_t)w.len;
	request_add_reply(r, s->spare);
	s->spare = NULL;
}

static void end_input(struct session *s, struct client *c, struct request *r)
{
	(void)s;
	r->flags |= REQUEST_CLOSE;
	c->flags |= CLIENT_NO_INPUT;
	tcp_recv_done(c->conn, input_clear(c));
}

static void answer_whole(struct session *s, struct client *c,
	const struct memcache_request_parser *p, struct mono now)
{
	struct request *r;

	tcp_recv_done(c->conn, input_drop(c));
	r = parse_new(s, c, now);
	parse_memcache_answer(s, r, p);
	if (p->outcome == MEMCACHE_ENDS)
		end_input(s, c, r);
	parse_forward(s, r);
}

// A line without an end: earlier replies, then this one, then the end.
static void line_too_long(struct session *s, struct client *c, struct mono now)
{
	struct request *r = parse_new(s, c, now);
	struct resp_writer w = parse_refusal(s);

	resp_put_raw(&w, SLICE_LIT(MEMCACHE_LINE_TOO_LONG));
	parse_refuse(s, r, &w);
	end_input(s, c, r);
	parse_forward(s, r);
	stat_inc(s->stats, STAT_client_protocol_errors);
}

// --- lines that are written anew

// The parsed line, in the scratch buffer. It fits: a line's words are at most as long as the line.
static struct slice rewritten(
	struct session *s, const struct client *c, const struct memcache_request_parser *p)
{
	struct slice line = input_slice(c, 0, p->line_len, s->gather, SESSION_GATHER);

	return slice_make(s->scratch, memcache_rewrite(line, p->keep, s->scratch, SESSION_SCRATCH));
}

static bool put_both(struct request *r, struct slice line, uint32_t line_len, struct reply *out)
{
	struct walk data = walk_bytes(r);

	if (!reply_copy(out, line))
		return false;
	walk_skip(&data, line_len);
	return walk_copy(data, data.left, out);
}

// Takes what was parsed, with another line.
static void take_rewritten(struct session *s, struct client *c, struct request *r,
	const struct memcache_request_parser *p)
{
	struct reply out = {.pool = s->config.pool};
	struct slice line = rewritten(s, c, p);
	bool ok;

	input_take(c, r);
	ok = put_both(r, line, p->line_len, &out);
	request_drop_bytes(r);
	r->flags |= REQUEST_OWN;
	if (!ok) {
		reply_free(&out);
		r->error = REQUEST_ERROR_MEMORY;
		r->flags |= REQUEST_DONE;
		return;
	}
	r->bytes = out.head;
	r->bytes_off = 0;
	r->len = out.len;
}

// --- large requests

// Their first bytes are replaced by fewer: what the store takes is given back to the client's
// window then, the rest is now.
static bool bulk_line(struct session *s, struct client *c, struct request *r)
{
	const struct memcache_request_parser *p = c->memcache;
	struct reply out = {.pool = s->config.pool};
	struct slice line = rewritten(s, c, p);

	if (!reply_copy(&out, line))
		return false;
	input_drop_some(c, p->line_len);
	tcp_recv_done(c->conn, p->line_len - (uint32_t)line.len);
	r->bytes = out.head;
	r->bytes_tail = out.tail;
	r->len = out.len;
	return true;
}

void parse_memcache_bulk(struct session *s, struct client *c, struct request *r)
{
	const struct memcache_request_parser *p = c->memcache;

	if (p->outcome != MEMCACHE_RUN) {
		parse_memcache_answer(s, r, p);
		return;
	}
	r->cmd = &p->cmd->row;
	r->quiet = p->quiet;
	count_request(s->stats, r->cmd);
	if (p->quiet && !bulk_line(s, c, r)) {
		r->error = REQUEST_ERROR_MEMORY;
		r->flags |= REQUEST_DONE;
	}
}

static void goes_on(struct session *s, struct client *c, struct mono now)
{
	const struct memcache_request_parser *p = parser_of(s, c);

	if (!memcache_request_in_data(p) || p->at + p->payload_left <= s->config.bulk_min)
		return;
	parse_memcache_keep(s, c);
	bulk_begin(s, c, now);
}

// --- requests

// A request is whole. False when the client was ended.
static bool request_whole(struct session *s, struct client *c,
	const struct memcache_request_parser *p, struct mono now)
{
	struct request *r;

	if (p->outcome == MEMCACHE_IS_HTTP) {
		stat_inc(s->stats, STAT_client_protocol_errors);
		client_end(s, c, true);
		return false;
	}
	if (c->dnode && !dnode_in_whole(c, p->at))
		return parse_not_a_node(s, c);
	if (p->outcome != MEMCACHE_RUN) {
		answer_whole(s, c, p, now);
		return true;
	}
	r = parse_new(s, c, now);
	r->cmd = &p->cmd->row;
	r->quiet = p->quiet;
	if (likely(p->as_is))
		input_take(c, r);
	else
		take_rewritten(s, c, r, p);
	parse_count(s, c, r);
	parse_forward(s, r);
	return true;
}

bool parse_memcache_chunk(
	struct session *s, struct client *c, const uint8_t *data, size_t len, struct mono now)
{
	struct memcache_request_parser *p = parser_of(s, c);
	bool alive = true;
	size_t used;
	enum resp_status status = memcache_request_parse(p, data, len, &used);

	input_advance(c, used);
	switch (status) {
	case RESP_MORE:
		goes_on(s, c, now);
		return true;
	case RESP_DONE:
	case RESP_EMPTY:
		alive = request_whole(s, c, p, now);
		break;
	case RESP_ERROR:
		line_too_long(s, c, now);
		memcache_request_init(p, s->config.value_max);
		break;
	}
	if (alive)
		parser_done(s, c);
	return alive;
}
