#include "dataplane/session/bulk.h"

#include "dataplane/session/count.h"
#include "dataplane/session/dnode_in.h"
#include "dataplane/session/input.h"
#include "dataplane/session/parse.h"
#include "dataplane/session/parse_memcache.h"

// Of the packets' buffers must be free to hold more of a large request.
#define GATHER_PART 4

// PING and ECHO with a large argument: the store's answer is the same, and streams.
static bool can_stream(const struct resp_cmd *cmd)
{
	return cmd->route != RESP_CMD_ROUTE_LOCAL || cmd->id == CMD_PING || cmd->id == CMD_ECHO;
}

static void begin_checked(struct session *s, struct client *c, struct request *r)
{
	const struct resp_request_parser *p = c->parser;
	struct resp_writer w = parse_refusal(s);
	const struct resp_cmd *cmd;
	struct parse_names names;
	enum resp_cmd_verdict verdict;

	parse_quoted(s, c, p, &names);
	if (names.n < 2)
		names.arg[1] = slice_make("", 0);
	verdict = resp_cmd_resolve(names.arg, p->argc, &cmd);
	if (verdict != RESP_CMD_OK) {
		resp_cmd_put_refusal(&w, verdict, cmd, names.arg, names.n);
		parse_refuse(s, r, &w);
	} else if (!can_stream(cmd)) {
		resp_put_raw(&w, request_error_text(REQUEST_ERROR_TOO_BIG));
		parse_refuse(s, r, &w);
	} else {
		r->cmd = cmd;
		count_request(s->stats, cmd);
	}
}

void bulk_begin(struct session *s, struct client *c, struct mono now)
{
	struct request *r;

	if (c->first) {
		c->flags |= CLIENT_BULK_WAIT;
		return;
	}
	c->flags &= (uint8_t)~CLIENT_BULK_WAIT;
	r = parse_new(s, c, now);
	r->flags &= (uint16_t)~REQUEST_WHOLE;
	r->flags |= REQUEST_BULK;
	c->bulk = r;
	if (s->config.memcache)
		parse_memcache_bulk(s, c, r);
	else
		begin_checked(s, c, r);
	parse_forward(s, r);
}

// It is whole: routed anew.
static void gathered(struct session *s, struct request *r)
{
	r->flags &= (uint16_t)~REQUEST_GATHER;
	if (!(r->flags & REQUEST_DONE))
		parse_forward(s, r);
}

// What was held is not to be run after all: its data block does not end where it should. One that
// was not held is refused by the store, in the same words.
static void check_gathered(struct session *s, struct client *c)
{
	struct request *r = c->bulk;

	if (!(r->flags & REQUEST_GATHER) || (r->flags & REQUEST_DONE) ||
		c->memcache->outcome == MEMCACHE_RUN)
		return;
	request_drop_bytes(r);
	parse_memcache_answer(s, r, c->memcache);
}

static uint64_t size_of(const struct session *s, const struct client *c)
{
	return s->config.memcache ? c->memcache->at : c->parser->at;
}

static void finish(struct session *s, struct client *c)
{
	struct request *r = c->bulk;

	r->flags |= REQUEST_WHOLE;
	if (r->cmd && r->cmd->access == RESP_CMD_WRITE)
		histogram_add(&s->stats->hist[HIST_payload_size], size_of(s, c));
	if (c->dnode && !dnode_in_whole(c, size_of(s, c)))
		c->flags |= CLIENT_CUT;
	if (s->config.memcache)
		check_gathered(s, c);
	pool_put(&s->parsers, c->parser);
	c->parser = NULL;
	client_settle_later(s, c);
	if (r->flags & REQUEST_GATHER)
		gathered(s, r);
}

// What is gathered no longer fills the client's window, but memory that all share.
static void gather(struct session *s, struct client *c, uint32_t n)
{
	struct request *r = c->bulk;

	if (!(r->flags & REQUEST_OWN)) {
		n = r->len;
		r->flags |= REQUEST_OWN;
	}
	tcp_recv_done(c->conn, n);
	if (rte_mempool_avail_count(s->config.pool) >= s->config.pool->size / GATHER_PART)
		return;
	r->error = REQUEST_ERROR_REQUEST_TOO_BIG;
	r->flags |= REQUEST_DONE;
	request_drop_bytes(r);
}

// Parsed bytes go to the request, or away when its answer is known. False: no buffer, later.
static bool move_on(struct session *s, struct client *c)
{
	struct request *r = c->bulk;
	uint32_t n;

	if (!(r->flags & REQUEST_DONE)) {
		uint32_t before = r->len;
		bool moved = input_move(c, r, s->config.pool);

		if (r->flags & REQUEST_GATHER)
			gather(s, c, r->len - before);
		return moved;
	}
	n = input_drop(c);
	if (n > 0)
		tcp_recv_done(c->conn, n);
	return true;
}

static bool is_whole(const struct session *s, const struct client *c)
{
	return s->config.memcache ? c->memcache->state == MEMCACHE_REQUEST_OVER
				  : c->parser->state == RESP_REQUEST_END;
}

bool bulk_run(struct session *s, struct client *c)
{
	const uint8_t *data;
	size_t len;

	if (c->bulk->flags & REQUEST_WHOLE)
		return true;
	for (;;) {
		enum resp_status status;
		size_t used;

		if (!move_on(s, c))
			return true;
		if (is_whole(s, c)) {
			finish(s, c);
			return true;
		}
		len = input_chunk(c, &data);
		if (len == 0)
			return true;
		status = s->config.memcache ? memcache_request_parse(c->memcache, data, len, &used)
					    : resp_request_parse(c->parser, data, len, &used);
		input_advance(c, used);
		if (status == RESP_ERROR) {
			session_forget_first(s, c);
			return false;
		}
	}
}
