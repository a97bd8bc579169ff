#include "dataplane/session/parse.h"

#include <errno.h>

#include "dataplane/session/args.h"
#include "dataplane/session/bulk.h"
#include "dataplane/session/count.h"
#include "dataplane/session/dnode_in.h"
#include "dataplane/session/input.h"
#include "dataplane/session/parse_memcache.h"
#include "dataplane/session/reply.h"

// Of an argument in pieces, this much is gathered: Redis quotes 128 bytes, no name is longer.
#define NAME_GATHER 256
// More than the header of an argument, however long that may be.
#define HEADER_GATHER 32

static struct slice name_slice(const struct session *s, const struct client *c, uint64_t size,
	const struct resp_arg *arg, uint32_t i)
{
	uint64_t there = size - arg->at;

	return input_slice(c, arg->at, arg->len < there ? arg->len : there,
		s->gather + (i + 1) * NAME_GATHER, NAME_GATHER);
}

void parse_names(const struct session *s, const struct client *c,
	const struct resp_request_parser *p, uint32_t max, struct parse_names *out)
{
	out->n = 0;
	out->arg[0] = slice_make("", 0);
	for (uint32_t i = 0; i < p->args_seen && i < max; i++, out->n++)
		out->arg[i] = name_slice(s, c, p->at, &p->args[i], i);
}

// Where the payload of an argument begins, whose header is at `at`: the parser has been there, but
// does not remember it. False when it was not taken yet.
static bool find_arg(const struct session *s, const struct client *c, uint64_t size, uint64_t at,
	struct resp_arg *out)
{
	uint64_t there = size - at;
	struct slice header;
	size_t digits = 0;
	uint64_t len = 0;

	if (at >= size)
		return false;
	header = input_slice(
		c, at, there < HEADER_GATHER ? there : HEADER_GATHER, s->gather, HEADER_GATHER);
	for (size_t i = 1; i < header.len && header.ptr[i] != '\r'; i++, digits++)
		len = len * 10 + (uint64_t)(header.ptr[i] - '0');
	if (digits + sizeof("$\r\n") - 1 > header.len)
		return false;
	*out = (struct resp_arg){.at = at + digits + sizeof("$\r\n") - 1, .len = len};
	return true;
}

// All arguments that the error for an unknown command quotes.
void parse_quoted(const struct session *s, const struct client *c,
	const struct resp_request_parser *p, struct parse_names *out)
{
	struct resp_arg arg = p->args[RESP_ARGS_MAX - 1];

	parse_names(s, c, p, RESP_ARGS_MAX, out);
	if (out->n < RESP_ARGS_MAX)
		return;
	for (; out->n < ARRAY_LEN(out->arg); out->n++) {
		if (!find_arg(s, c, p->at, arg.at + arg.len + 2, &arg))
			return;
		out->arg[out->n] = name_slice(s, c, p->at, &arg, out->n);
	}
}

static void encoded_names(struct slice encoded, uint32_t max, struct parse_names *out)
{
	struct args args = args_make(encoded);

	out->n = 0;
	out->arg[0] = slice_make("", 0);
	while (out->n < max && args_next(&args, &out->arg[out->n]))
		out->n++;
}

struct request *parse_new(struct session *s, struct client *c, struct mono now)
{
	struct request *r = pool_get(&s->requests);

	*r = (struct request){
		.client = c,
		.read_at = now,
		.flags = REQUEST_OF_CLIENT | REQUEST_WHOLE,
	};
	if (c->dnode) {
		dnode_in_begin(c, r);
		stat_inc(s->stats, STAT_dnode_client_out_queue);
	}
	if (c->last)
		c->last->client_next = r;
	else
		c->first = r;
	c->last = r;
	c->n++;
	s->commands++;
	return r;
}

void parse_forward(struct session *s, struct request *r)
{
	r->flags |= REQUEST_HELD;
	request_push(&s->routed, r);
}

struct resp_writer parse_refusal(struct session *s)
{
	return resp_writer_make(rte_pktmbuf_mtod(s->spare, char *), rte_pktmbuf_tailroom(s->spare));
}

void parse_refuse(struct session *s, struct request *r, const struct resp_writer *w)
{
	s->spare->data_len = (uint16_t)w->len;
	request_add_reply(r, s->spare);
	s->spare = NULL;
	r->flags |= REQUEST_DONE;
	stat_inc(s->stats, STAT_client_error_replies);
}

// Earlier replies, then this one, then the end.
static void protocol_error(struct session *s, struct client *c, const char *text, struct mono now)
{
	struct request *r = parse_new(s, c, now);
	struct resp_writer w = parse_refusal(s);

	resp_put_errorf(&w, "ERR %s", text);
	parse_refuse(s, r, &w);
	r->flags |= REQUEST_CLOSE;
	parse_forward(s, r);
	c->flags |= CLIENT_NO_INPUT;
	tcp_recv_done(c->conn, input_clear(c));
	stat_inc(s->stats, STAT_client_protocol_errors);
}

// An inline request's bytes are replaced by the array that means the same, in the scratch buffer.
static long encode_inline(struct session *s, struct client *c, const struct resp_request_parser *p)
{
	struct slice line = input_slice(c, 0, p->at, s->gather, SESSION_GATHER);
	long n = resp_inline_encode(line.ptr, line.len, s->scratch, SESSION_SCRATCH);

	tcp_recv_done(c->conn, input_drop(c));
	return n;
}

static void attach_encoded(struct session *s, struct request *r, struct slice encoded)
{
	struct reply bytes = {.pool = s->config.pool};

	r->flags |= REQUEST_OWN;
	if (!reply_copy(&bytes, encoded)) {
		r->error = REQUEST_ERROR_STORE;
		r->flags |= REQUEST_DONE;
		return;
	}
	r->bytes = bytes.head;
	r->len = bytes.len;
}

static void refuse_whole(struct session *s, struct client *c, const struct resp_request_parser *p,
	struct slice encoded, enum resp_cmd_verdict verdict, const struct resp_cmd *cmd,
	struct mono now)
{
	struct resp_writer w = parse_refusal(s);
	struct parse_names names;
	struct request *r;

	if (p->is_inline)
		encoded_names(encoded, ARRAY_LEN(names.arg), &names);
	else
		parse_quoted(s, c, p, &names);
	resp_cmd_put_refusal(&w, verdict, cmd, names.arg, names.n);
	if (!p->is_inline)
		tcp_recv_done(c->conn, input_drop(c));
	r = parse_new(s, c, now);
	parse_refuse(s, r, &w);
	parse_forward(s, r);
}

bool parse_not_a_node(struct session *s, struct client *c)
{
	stat_inc(s->stats, STAT_dnode_client_err);
	client_end(s, c, true);
	return false;
}

void parse_count(struct session *s, const struct client *c, const struct request *r)
{
	if (c->dnode) {
		stat_inc(s->stats, STAT_dnode_client_requests);
		return;
	}
	count_request(s->stats, r->cmd);
	if (r->cmd->access == RESP_CMD_WRITE)
		histogram_add(&s->stats->hist[HIST_payload_size], r->len);
}

// A request is whole. False when the client was ended.
static bool request_whole(
	struct session *s, struct client *c, const struct resp_request_parser *p, struct mono now)
{
	struct slice encoded = {0};
	enum resp_cmd_verdict verdict;
	const struct resp_cmd *cmd;
	struct parse_names names;
	struct request *r;
	uint32_t argc = p->argc;

	if (p->is_inline) {
		long n = encode_inline(s, c, p);

		if (n < 0) {
			protocol_error(s, c, RESP_ERROR_QUOTES, now);
			return true;
		}
		encoded = slice_make(s->scratch, (size_t)n);
		argc = args_make(encoded).left;
		encoded_names(encoded, 2, &names);
	} else {
		parse_names(s, c, p, 2, &names);
	}
	if (resp_cmd_is_http(names.arg[0])) {
		stat_inc(s->stats, STAT_client_protocol_errors);
		client_end(s, c, true);
		return false;
	}
	if (c->dnode && (p->is_inline || !dnode_in_whole(c, p->at)))
		return parse_not_a_node(s, c);
	verdict = resp_cmd_resolve(names.arg, argc, &cmd);
	if (verdict != RESP_CMD_OK) {
		refuse_whole(s, c, p, encoded, verdict, cmd, now);
		return true;
	}
	r = parse_new(s, c, now);
	r->cmd = cmd;
	if (p->is_inline)
		attach_encoded(s, r, encoded);
	else
		input_take(c, r);
	parse_count(s, c, r);
	if (cmd->id == CMD_QUIT) {
		r->flags |= REQUEST_CLOSE;
		c->flags |= CLIENT_NO_INPUT;
		tcp_recv_done(c->conn, input_clear(c));
	}
	parse_forward(s, r);
	return true;
}

// Whether the limits allow another request of this client now. Each of them is looked at again
// when it may have changed: by settle_run, or when TCP has room.
static bool may_parse(struct session *s, struct client *c)
{
	uint32_t max = c->dnode ? s->config.peer_requests_max : s->config.client_requests_max;

	if ((c->flags & CLIENT_NO_INPUT) || c->n >= max || c->unsent >= s->config.client_buffer)
		return false;
	if ((c->flags & CLIENT_BULK_WAIT) && c->first)
		return false;
	return tcp_send_room(c->conn) > 0;
}

bool parse_has_room(struct session *s)
{
	if (s->requests.used == s->requests.capacity)
		return false;
	if (!s->spare)
		s->spare = rte_pktmbuf_alloc(s->config.pool);
	return s->spare != NULL;
}

static void parser_done(struct session *s, struct client *c)
{
	if (c->parser) {
		pool_put(&s->parsers, c->parser);
		c->parser = NULL;
	} else if (s->parser.state != RESP_REQUEST_END) {
		resp_request_init(&s->parser, s->config.value_max);
	}
}

// The request goes on later: its parser must be its own. There are as many as clients.
static void parser_keep(struct session *s, struct client *c)
{
	if (c->parser || c->parsed == 0)
		return;
	c->parser = pool_get(&s->parsers);
	*c->parser = s->parser;
	resp_request_init(&s->parser, s->config.value_max);
}

// Not whole yet: it may be one that streams, or a line without an end that could fill the window.
static void request_goes_on(struct session *s, struct client *c, struct mono now)
{
	const struct resp_request_parser *p = c->parser ? c->parser : &s->parser;

	if (bulk_is_due(s, p)) {
		parser_keep(s, c);
		bulk_begin(s, c, now);
	} else if (p->args_seen == 0 && p->at > s->config.bulk_min) {
		protocol_error(s, c, "Protocol error: too big inline request", now);
		parser_done(s, c);
	}
}

// One step over contiguous bytes. False when the client was ended.
static bool parse_chunk(
	struct session *s, struct client *c, const uint8_t *data, size_t len, struct mono now)
{
	struct resp_request_parser *p = c->parser ? c->parser : &s->parser;
	bool alive = true;
	size_t used;
	enum resp_status status = resp_request_parse(p, data, len, &used);

	input_advance(c, used);
	switch (status) {
	case RESP_MORE:
		request_goes_on(s, c, now);
		return true;
	case RESP_DONE:
		alive = request_whole(s, c, p, now);
		break;
	case RESP_EMPTY:
		tcp_recv_done(c->conn, input_drop(c));
		break;
	case RESP_ERROR:
		protocol_error(s, c, p->error, now);
		break;
	}
	if (alive)
		parser_done(s, c);
	return alive;
}

static void parse_bulk(struct session *s, struct client *c, struct mono now)
{
	if (bulk_run(s, c))
		return;
	protocol_error(s, c, c->parser->error, now);
	parser_done(s, c);
}

unsigned parse_client(struct session *s, struct client *c, struct mono now, bool *alive)
{
	uint64_t before = s->commands;
	unsigned made = 0;

	*alive = true;
	while (made < SESSION_CLIENT_BUDGET && parse_has_room(s)) {
		const uint8_t *data;
		size_t len;

		if (c->bulk) {
			parse_bulk(s, c, now);
			break;
		}
		if (!may_parse(s, c))
			break;
		if (c->flags & CLIENT_BULK_WAIT) {
			bulk_begin(s, c, now);
			continue;
		}
		if (c->dnode && !c->dnode->framed && !dnode_in_take(c)) {
			*alive = parse_not_a_node(s, c);
			return made;
		}
		len = input_chunk(c, &data);
		if (len == 0)
			break;
		*alive = unlikely(s->config.memcache) ? parse_memcache_chunk(s, c, data, len, now)
						      : parse_chunk(s, c, data, len, now);
		made = (unsigned)(s->commands - before);
		if (!*alive)
			return made;
	}
	if (unlikely(s->config.memcache))
		parse_memcache_keep(s, c);
	else
		parser_keep(s, c);
	return made;
}
