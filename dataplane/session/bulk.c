#include "dataplane/session/bulk.h"

#include "dataplane/session/count.h"
#include "dataplane/session/input.h"
#include "dataplane/session/parse.h"

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
	begin_checked(s, c, r);
	parse_forward(s, r);
}

static void finish(struct session *s, struct client *c)
{
	struct request *r = c->bulk;

	r->flags |= REQUEST_WHOLE;
	if (r->cmd && r->cmd->access == RESP_CMD_WRITE)
		histogram_add(&s->stats->hist[HIST_payload_size], c->parser->at);
	pool_put(&s->parsers, c->parser);
	c->parser = NULL;
	client_settle_later(s, c);
}

// Parsed bytes go to the request, or away when its answer is known. False: no buffer, later.
static bool move_on(struct session *s, struct client *c)
{
	struct request *r = c->bulk;
	uint32_t n;

	if (!(r->flags & REQUEST_DONE))
		return input_move(c, r, s->config.pool);
	n = input_drop(c);
	if (n > 0)
		tcp_recv_done(c->conn, n);
	return true;
}

bool bulk_run(struct session *s, struct client *c)
{
	struct resp_request_parser *p = c->parser;
	const uint8_t *data;
	size_t len;

	if (c->bulk->flags & REQUEST_WHOLE)
		return true;
	for (;;) {
		enum resp_status status;
		size_t used;

		if (!move_on(s, c))
			return true;
		if (p->state == RESP_REQUEST_END) {
			finish(s, c);
			return true;
		}
		len = input_chunk(c, &data);
		if (len == 0)
			return true;
		status = resp_request_parse(p, data, len, &used);
		input_advance(c, used);
		if (status == RESP_ERROR) {
			session_forget_first(s, c);
			return false;
		}
	}
}
