#include "dataplane/session/session.h"

#include <errno.h>
#include <stdlib.h>

#include "dataplane/session/core.h"
#include "dataplane/session/dnode_in.h"
#include "dataplane/session/hedge.h"
#include "dataplane/session/input.h"
#include "dataplane/session/parse.h"
#include "dataplane/session/pressure.h"

struct session_config session_config_default(void)
{
	return (struct session_config){
		.port = 8102,
		.backlog = 512,
		.clients_max = 65536,
		.requests_max = 200000,
		.client_requests_max = 1024,
		.peer_requests_max = 16384,
		.peers_max = 4096,
		.copies_max = 524288,
		.client_buffer = 262144,
		.bulk_min = 128 * 1024,
		.rcv_buf = 256 * 1024,
		.value_max = RESP_BULK_MAX,
		.linger = 2 * NS_PER_SEC,
		.cores = 1,
	};
}

// Of either protocol.
union any_parser {
	struct resp_request_parser resp;
	struct memcache_request_parser memcache;
};

static int make_pools(struct session *s)
{
	const struct session_config *config = &s->config;

	if (pool_init(&s->clients, sizeof(struct client), config->clients_max) != 0 ||
		pool_init(&s->requests, sizeof(struct request), config->requests_max) != 0 ||
		pool_init(&s->parsers, sizeof(union any_parser), config->clients_max) != 0 ||
		pool_init(&s->names, SESSION_NAME_MAX, config->clients_max) != 0 ||
		pool_init(&s->copies, sizeof(struct request), config->copies_max) != 0 ||
		pool_init(&s->txns, sizeof(struct txn), config->requests_max) != 0 ||
		pool_init(&s->parts, sizeof(struct part), config->copies_max / 2) != 0 ||
		pool_init(&s->dnodes, sizeof(struct dnode_in), config->peers_max) != 0)
		return -ENOMEM;
	s->scratch = malloc(SESSION_SCRATCH);
	s->gather = malloc(SESSION_GATHER);
	s->places = malloc(sizeof(*s->places));
	return s->scratch && s->gather && s->places ? 0 : -ENOMEM;
}

// A partial request has to fit the receive window, or it would never become whole; and the buffer
// that it is gathered in.
static void clamp_bulk_min(struct session_config *config)
{
	if (config->bulk_min > config->rcv_buf / 2)
		config->bulk_min = config->rcv_buf / 2;
	if (config->bulk_min > SESSION_GATHER / 2)
		config->bulk_min = SESSION_GATHER / 2;
}

static int listen_on(
	struct session *s, const struct ip_addr *addr, uint16_t port, struct tcp_listener **out)
{
	return tcp_listen(s->tcp, ip_addr_is_any(addr) ? NULL : addr, port, s->config.backlog, out);
}

static void unlisten(struct session *s)
{
	if (s->listener)
		tcp_unlisten(s->listener);
	if (s->peer_listener)
		tcp_unlisten(s->peer_listener);
	s->listener = NULL;
	s->peer_listener = NULL;
}

int session_new(const struct session_config *config, struct tcp *tcp, struct stats *stats,
	struct mono now, struct session **out)
{
	struct session *s = calloc(1, sizeof(*s));
	int rc;

	if (!s)
		return -ENOMEM;
	s->config = *config;
	s->tcp = tcp;
	s->stats = stats;
	s->started = now;
	s->next_id = config->core + 1;
	clamp_bulk_min(&s->config);
	if (s->config.client_buffer < REQUEST_BUFFER_MIN)
		s->config.client_buffer = REQUEST_BUFFER_MIN;
	list_init(&s->all);
	list_init(&s->ready);
	list_init(&s->settle);
	list_init(&s->linger);
	if (config->memcache)
		memcache_request_init(&s->memcache, config->value_max);
	else
		resp_request_init(&s->parser, config->value_max);
	list_init(&s->txn_all);
	list_init(&s->hedges);
	rc = make_pools(s);
	if (rc == 0)
		rc = listen_on(s, &config->addr, config->port, &s->listener);
	if (rc == 0 && config->peer_port != 0)
		rc = listen_on(s, &config->peer_addr, config->peer_port, &s->peer_listener);
	if (rc != 0) {
		session_free(s);
		return rc;
	}
	*out = s;
	return 0;
}

static void free_queue(struct session *s, struct request_queue *q)
{
	struct request *r;

	while ((r = request_pop(q))) {
		r->flags &= (uint16_t)~REQUEST_HELD;
		session_release(s, r);
	}
}

void session_free(struct session *s)
{
	if (!s)
		return;
	unlisten(s);
	while (!list_empty(&s->all))
		client_end(s, list_entry(s->all.next, struct client, all), true);
	while (!list_empty(&s->txn_all))
		txn_free(s, list_entry(s->txn_all.next, struct txn, all));
	free_queue(s, &s->routed);
	free_queue(s, &s->issued);
	free_queue(s, &s->forwarded);
	rte_pktmbuf_free(s->spare);
	pool_fini(&s->clients);
	pool_fini(&s->requests);
	pool_fini(&s->parsers);
	pool_fini(&s->names);
	pool_fini(&s->copies);
	pool_fini(&s->txns);
	pool_fini(&s->parts);
	pool_fini(&s->dnodes);
	free(s->places);
	free(s->scratch);
	free(s->gather);
	free(s);
}

void session_release(struct session *s, struct request *r)
{
	if (r->flags & (REQUEST_OF_CLIENT | REQUEST_HELD | REQUEST_QUEUED))
		return;
	request_drop_bytes(r);
	request_drop_reply(r);
	pool_put(r->flags & REQUEST_COPY ? &s->copies : &s->requests, r);
}

void session_forget_first(struct session *s, struct client *c)
{
	struct request *r = c->first;

	c->first = r->client_next;
	if (!c->first)
		c->last = NULL;
	c->n--;
	if (c->dnode)
		stat_dec(s->stats, STAT_dnode_client_out_queue);
	if (r->target == REQUEST_TO_STORE && --c->store_n == 0)
		c->lane = CLIENT_LANE_NONE;
	if (c->bulk == r) {
		c->bulk = NULL;
		client_ready(s, c);
	}
	// While it is still the client's, what it pins can be given back to TCP.
	request_drop_bytes(r);
	request_drop_reply(r);
	r->client = NULL;
	r->flags &= (uint16_t)~REQUEST_OF_CLIENT;
	session_release(s, r);
}

static void take_bytes(struct session *s, struct client *c)
{
	input_append(c, tcp_recv(c->conn));
	if ((c->flags & CLIENT_NO_INPUT) && !c->bulk)
		tcp_recv_done(c->conn, input_clear(c));
	else
		client_ready(s, c);
}

static void client_event(struct session *s, struct client *c, unsigned events, struct mono now)
{
	if (events & TCP_READABLE)
		take_bytes(s, c);
	if (events & TCP_CLOSED) {
		client_count_end(s, c, tcp_error(c->conn) != 0);
		client_end(s, c, false);
		return;
	}
	if (events & TCP_WRITABLE) {
		client_settle_later(s, c);
		if (!(c->flags & CLIENT_NO_INPUT))
			client_ready(s, c);
	}
	if (!(events & TCP_EOF))
		return;
	c->flags |= CLIENT_EOF;
	if (c->flags & CLIENT_LINGER)
		client_end(s, c, false);
	else
		client_end_if_done(s, c, now);
}

static unsigned accept_from(
	struct session *s, struct tcp_listener *listener, bool is_peer, struct mono now)
{
	unsigned n = 0;

	// Beyond the limit they wait in the backlog, which is bounded too.
	while (listener && s->clients.used < s->clients.capacity) {
		struct tcp_conn *conn = tcp_accept(listener);

		if (!conn)
			break;
		if (!client_open(s, conn, is_peer, now))
			tcp_abort(conn);
		n++;
	}
	return n;
}

// Each client gets its turn; what a limit of all of them stopped is first in the next turn.
static unsigned parse_ready(struct session *s, struct mono now)
{
	struct list todo;
	unsigned made = 0;

	list_init(&todo);
	list_splice_back(&todo, &s->ready);
	while (!list_empty(&todo) && made < SESSION_TURN_BUDGET && parse_has_room(s)) {
		struct client *c = list_entry(list_pop_front(&todo), struct client, ready);
		unsigned n;
		bool alive;

		n = parse_client(s, c, now, &alive);
		made += n;
		if (!alive)
			continue;
		if (n >= SESSION_CLIENT_BUDGET || (c->in_head && !parse_has_room(s)) ||
			(c->bulk && c->parsed > 0))
			client_ready(s, c);
		client_end_if_done(s, c, now);
	}
	list_splice_back(&todo, &s->ready);
	list_splice_back(&s->ready, &todo);
	return made;
}

void session_event(struct session *s, struct tcp_conn *conn, unsigned events, struct mono now)
{
	client_event(s, tcp_user(conn), events, now);
}

unsigned session_run(struct session *s, struct mono now)
{
	unsigned n = accept_from(s, s->peer_listener, true, now);

	n += accept_from(s, s->listener, false, now);
	return n + parse_ready(s, now);
}

struct request_queue *session_issued(struct session *s)
{
	return &s->issued;
}

struct request_queue *session_forwarded(struct session *s)
{
	return &s->forwarded;
}

void session_advance(struct session *s, struct mono now)
{
	pressure_check(s, now);
	while (!list_empty(&s->linger)) {
		struct client *c = list_entry(s->linger.next, struct client, ready);

		if (!mono_due(now, c->end_at))
			break;
		client_end(s, c, false);
	}
}

struct mono session_next(const struct session *s)
{
	struct mono next = hedge_next(s);

	if (list_empty(&s->linger))
		return next;
	return mono_min(next, list_entry(s->linger.next, struct client, ready)->end_at);
}

void session_drain(struct session *s, struct mono now)
{
	if (s->draining)
		return;
	s->draining = true;
	unlisten(s);
	list_for_each_safe (link, next, &s->all) {
		struct client *c = list_entry(link, struct client, all);

		c->flags |= CLIENT_NO_INPUT;
		// A large request that is on its way may finish.
		if (!c->bulk)
			tcp_recv_done(c->conn, input_clear(c));
		client_end_if_done(s, c, now);
	}
}

uint32_t session_clients(const struct session *s)
{
	return s->clients.used;
}

struct session_usage session_usage(const struct session *s)
{
	return (struct session_usage){
		.clients = s->clients.used,
		.requests = s->requests.used,
		.parsers = s->parsers.used,
		.names = s->names.used,
		.copies = s->copies.used,
		.txns = s->txns.used,
	};
}
