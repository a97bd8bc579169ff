#include "dataplane/session/client.h"

#include "dataplane/session/core.h"
#include "dataplane/session/dnode_in.h"
#include "dataplane/session/input.h"

bool client_open(struct session *s, struct tcp_conn *conn, bool is_peer, struct mono now)
{
	struct client *c = pool_get(&s->clients);
	struct dnode_in *dnode = is_peer && c ? pool_get(&s->dnodes) : NULL;

	if (!c)
		return false;
	if (is_peer && !dnode) {
		pool_put(&s->clients, c);
		return false;
	}
	if (dnode) {
		dnode_in_init(dnode);
		tcp_widen(conn);
	}
	*c = (struct client){
		.user = {CONN_OF_SESSION},
		.conn = conn,
		.id = s->next_id,
		.accepted_at = now,
		.lane = CLIENT_LANE_NONE,
		.dnode = dnode,
		.read_level = CLIENT_LEVEL_GLOBAL,
		.write_level = CLIENT_LEVEL_GLOBAL,
	};
	s->next_id += s->config.cores;
	s->accepted++;
	list_push_back(&s->all, &c->all);
	list_init(&c->ready);
	list_init(&c->settle);
	tcp_set_user(conn, &c->user);
	stat_inc(s->stats, is_peer ? STAT_dnode_client_accepted : STAT_client_accepted);
	stat_inc(s->stats, is_peer ? STAT_dnode_client_connections : STAT_client_connections);
	return true;
}

void client_count_end(struct session *s, const struct client *c, bool error)
{
	if (c->dnode)
		stat_inc(s->stats, error ? STAT_dnode_client_err : STAT_dnode_client_eof);
	else
		stat_inc(s->stats, error ? STAT_client_err : STAT_client_eof);
}

void client_ready(struct session *s, struct client *c)
{
	if (!list_linked(&c->ready))
		list_push_back(&s->ready, &c->ready);
}

void client_settle_later(struct session *s, struct client *c)
{
	if (!list_linked(&c->settle))
		list_push_back(&s->settle, &c->settle);
}

static void orphan_all(struct session *s, struct client *c)
{
	struct request *r = c->first;

	while (c->txns)
		txn_abandon(c->txns);
	while (r) {
		struct request *next = r->client_next;

		r->client = NULL;
		r->flags &= (uint16_t)~REQUEST_OF_CLIENT;
		stat_inc(s->stats, STAT_client_dropped_requests);
		if (c->dnode)
			stat_dec(s->stats, STAT_dnode_client_out_queue);
		session_release(s, r);
		r = next;
	}
	c->first = NULL;
	c->last = NULL;
}

void client_end(struct session *s, struct client *c, bool reset)
{
	orphan_all(s, c);
	input_clear(c);
	if (c->parser)
		pool_put(&s->parsers, c->parser);
	if (c->name)
		pool_put(&s->names, c->name);
	if (c->dnode)
		pool_put(&s->dnodes, c->dnode);
	list_remove(&c->all);
	list_remove(&c->ready);
	list_remove(&c->settle);
	tcp_set_user(c->conn, NULL);
	if (reset)
		tcp_abort(c->conn);
	else
		tcp_close(c->conn);
	stat_dec(s->stats, c->dnode ? STAT_dnode_client_connections : STAT_client_connections);
	pool_put(&s->clients, c);
}

// It ended in the middle of a large request.
static bool is_cut_short(const struct client *c)
{
	return c->bulk && !(c->bulk->flags & REQUEST_WHOLE) && c->parsed == 0;
}

void client_end_if_done(struct session *s, struct client *c, struct mono now)
{
	const uint8_t *data;

	if ((c->first && !is_cut_short(c)) || (c->flags & CLIENT_LINGER))
		return;
	if ((c->flags & CLIENT_EOF) && input_chunk(c, &data) == 0) {
		client_count_end(s, c, false);
		client_end(s, c, false);
	} else if (!c->first && (c->flags & CLIENT_NO_INPUT)) {
		client_linger(s, c, now);
	}
}

void client_linger(struct session *s, struct client *c, struct mono now)
{
	tcp_recv_done(c->conn, input_clear(c));
	if (c->flags & CLIENT_EOF) {
		client_end(s, c, false);
		return;
	}
	c->flags |= CLIENT_LINGER | CLIENT_NO_INPUT;
	c->end_at = mono_add(now, s->config.linger);
	list_remove(&c->ready);
	list_push_back(&s->linger, &c->ready);
	tcp_shutdown(c->conn);
}
