#include "dataplane/session/session.h"

#include <errno.h>
#include <stdlib.h>

#include "dataplane/session/core.h"
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
		.client_buffer = 262144,
		.bulk_min = 128 * 1024,
		.rcv_buf = 256 * 1024,
		.value_max = RESP_BULK_MAX,
		.linger = 2 * NS_PER_SEC,
		.cores = 1,
	};
}

static int make_pools(struct session *s)
{
	const struct session_config *config = &s->config;

	if (pool_init(&s->clients, sizeof(struct client), config->clients_max) != 0 ||
		pool_init(&s->requests, sizeof(struct request), config->requests_max) != 0 ||
		pool_init(&s->parsers, sizeof(struct resp_request_parser), config->clients_max) !=
			0 ||
		pool_init(&s->names, SESSION_NAME_MAX, config->clients_max) != 0)
		return -ENOMEM;
	s->scratch = malloc(SESSION_SCRATCH);
	s->gather = malloc(SESSION_GATHER);
	return s->scratch && s->gather ? 0 : -ENOMEM;
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

int session_new(const struct session_config *config, struct tcp *tcp, struct stats *stats,
	struct mono now, struct session **out)
{
	struct session *s = calloc(1, sizeof(*s));
	const struct ip_addr *addr = NULL;
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
	resp_request_init(&s->parser, config->value_max);
	if (!ip_addr_is_any(&config->addr))
		addr = &s->config.addr;
	rc = make_pools(s);
	if (rc == 0)
		rc = tcp_listen(tcp, addr, config->port, config->backlog, &s->listener);
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
	if (s->listener)
		tcp_unlisten(s->listener);
	while (!list_empty(&s->all))
		client_end(s, list_entry(s->all.next, struct client, all), true);
	free_queue(s, &s->routed);
	free_queue(s, &s->issued);
	rte_pktmbuf_free(s->spare);
	pool_fini(&s->clients);
	pool_fini(&s->requests);
	pool_fini(&s->parsers);
	pool_fini(&s->names);
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
	pool_put(&s->requests, r);
}

void session_forget_first(struct session *s, struct client *c)
{
	struct request *r = c->first;

	c->first = r->client_next;
	if (!c->first)
		c->last = NULL;
	c->n--;
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
		stat_inc(s->stats, tcp_error(c->conn) ? STAT_client_err : STAT_client_eof);
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

static unsigned accept_clients(struct session *s, struct mono now)
{
	unsigned n = 0;

	// Beyond the limit they wait in the backlog, which is bounded too.
	while (s->listener && s->clients.used < s->clients.capacity) {
		struct tcp_conn *conn = tcp_accept(s->listener);

		if (!conn)
			break;
		if (!client_open(s, conn, now))
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

unsigned session_run(struct session *s, struct mono now)
{
	unsigned n = accept_clients(s, now);
	struct tcp_conn *conn;
	unsigned events;

	while ((conn = tcp_event(s->tcp, &events))) {
		struct client *c = tcp_user(conn);

		if (c)
			client_event(s, c, events, now);
		n++;
	}
	return n + parse_ready(s, now);
}

struct request_queue *session_issued(struct session *s)
{
	return &s->issued;
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
	if (list_empty(&s->linger))
		return MONO_NEVER;
	return list_entry(s->linger.next, struct client, ready)->end_at;
}

void session_drain(struct session *s, struct mono now)
{
	if (s->draining)
		return;
	s->draining = true;
	if (s->listener)
		tcp_unlisten(s->listener);
	s->listener = NULL;
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
	};
}
