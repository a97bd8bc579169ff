#include "tests/support/route_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/eal.h"

#define RUN_NS (20 * NS_PER_MS)
#define END_NS (5 * NS_PER_SEC)

static void die(const char *what)
{
	fprintf(stderr, "route rig: %s\n", what);
	abort();
}

struct route_rig_options route_rig_options(void)
{
	return (struct route_rig_options){
		.node = {{"dc1", "rack1", 1}, {"dc1", "rack2", 1}, {"dc1", "rack3", 1}},
		.node_n = 3,
	};
}

// --- turns

static void take_out(struct route_rig *rig, struct request_queue *q)
{
	struct request *r;

	while ((r = request_pop(q))) {
		if (rig->out_n == ROUTE_RIG_OUT)
			die("too many requests are out");
		rig->out[rig->out_n++] = r;
	}
}

// Returns whether a worker would go on at once.
static bool stages_run(struct route_rig *rig, struct mono now)
{
	session_run(rig->session, now);
	route_run(rig->session, rig->ring, NULL, now);
	take_out(rig, session_issued(rig->session));
	take_out(rig, session_forwarded(rig->session));
	// What is not sent is refused in the turn in which it comes.
	for (struct request *r = rig->answered.head; r; r = r->answer_next)
		if (r->error == REQUEST_ERROR_PEER_AWAY)
			r->store_at = now;
	return settle_run(rig->session, &rig->answered, now) > 0;
}

static void server_turn(struct tcp_pair *pair, unsigned host, void *ctx)
{
	struct route_rig *rig = ctx;
	struct tcp_conn *conn;
	unsigned events;

	while ((conn = tcp_event(pair->host[host].tcp, &events)))
		if (tcp_user(conn))
			session_event(rig->session, conn, events, pair->now);
	while (stages_run(rig, pair->now))
		;
	session_advance(rig->session, pair->now);
	pair->wake[host] = session_next(rig->session);
}

static void keep(struct route_rig_conn *c, const struct rte_mbuf *m)
{
	if (c->in_len + m->data_len > c->in_cap) {
		c->in_cap = 2 * (c->in_len + m->data_len);
		c->in = realloc(c->in, c->in_cap);
	}
	memcpy(c->in + c->in_len, rte_pktmbuf_mtod(m, const char *), m->data_len);
	c->in_len += m->data_len;
}

static void conn_read(struct route_rig_conn *c)
{
	struct rte_mbuf *m = tcp_recv(c->tcp);

	while (m) {
		struct rte_mbuf *next = m->next;
		uint32_t len = m->data_len;

		keep(c, m);
		rte_pktmbuf_free_seg(m);
		tcp_recv_done(c->tcp, len);
		m = next;
	}
}

static void conn_write(struct route_rig_conn *c)
{
	uint32_t room = tcp_send_room(c->tcp);
	size_t n = c->out_len < room ? c->out_len : room;

	if (n == 0 || !tcp_send_copy(c->tcp, c->out, n))
		return;
	c->out += n;
	c->out_len -= n;
}

static void client_turn(struct tcp_pair *pair, unsigned host, void *ctx)
{
	struct route_rig *rig = ctx;
	struct tcp_conn *conn;
	unsigned events;

	while ((conn = tcp_event(pair->host[host].tcp, &events))) {
		struct route_rig_conn *c = tcp_user(conn);

		if (!c)
			continue;
		conn_read(c);
		c->over |= (events & TCP_EOF) != 0;
		if (events & TCP_CLOSED) {
			c->over = true;
			c->tcp = NULL;
			tcp_close(conn);
		}
	}
	for (unsigned i = 0; i < ROUTE_RIG_CONNS; i++)
		if (rig->conn[i].tcp)
			conn_write(&rig->conn[i]);
}

void route_rig_run(struct route_rig *rig)
{
	tcp_pair_run(rig->pair, RUN_NS);
}

// --- making and ending

static void make_ring(struct route_rig *rig, const struct route_rig_options *options)
{
	uint32_t n = options->node_n;
	struct snapshot *s = calloc(1, snapshot_size(n, n));
	struct snapshot_node *node = (struct snapshot_node *)(void *)(s + 1);
	uint32_t *token = (uint32_t *)(void *)(node + n);

	*s = (struct snapshot){.epoch = 1,
		.node_n = n,
		.token_n = n,
		.state = NODE_NORMAL,
		.hash = HASH_MURMUR,
		.read_consistency = options->level,
		.write_consistency = options->level};
	for (uint32_t i = 0; i < n; i++) {
		snprintf(node[i].dc, sizeof(node[i].dc), "%s", options->node[i].dc);
		snprintf(node[i].rack, sizeof(node[i].rack), "%s", options->node[i].rack);
		node[i].state = NODE_NORMAL;
		node[i].is_local = i == 0;
		node[i].token_first = i;
		node[i].token_n = 1;
		token[i] = options->node[i].token;
	}
	rig->snapshot = s;
	if (snapshot_check(s, snapshot_size(n, n)) || ring_new(s, &rig->ring) != 0)
		die("no ring");
}

struct route_rig *route_rig_new(const struct route_rig_options *options)
{
	struct route_rig *rig = calloc(1, sizeof(*rig));
	struct tcp_pair_options pair = tcp_pair_options(1);
	struct session_config config = session_config_default();

	pair.mbufs = options->mbufs;
	pair.tcp[0].time_wait = NS_PER_MS;
	pair.tcp[1].time_wait = NS_PER_MS;
	rig->pair = tcp_pair_new(&pair);
	make_ring(rig, options);
	config.port = ROUTE_RIG_PORT;
	config.peer_port = ROUTE_RIG_PEER_PORT;
	config.backlog = ROUTE_RIG_CONNS;
	config.clients_max = ROUTE_RIG_CONNS;
	config.peers_max = ROUTE_RIG_CONNS;
	config.requests_max = ROUTE_RIG_OUT / 4;
	config.copies_max = ROUTE_RIG_OUT / 2;
	config.rcv_buf = pair.tcp[0].rcv_buf;
	config.linger = 50 * NS_PER_MS;
	config.pool = rig->pair->host[0].pool;
	config.big = rig->pair->host[0].pool;
	if (session_new(&config, rig->pair->host[0].tcp, &rig->pair->host[0].stats, rig->pair->now,
		    &rig->session) != 0)
		die("no session");
	rig->pair->user[0] = server_turn;
	rig->pair->user_ctx[0] = rig;
	rig->pair->user[1] = client_turn;
	rig->pair->user_ctx[1] = rig;
	return rig;
}

void route_rig_free(struct route_rig *rig)
{
	struct session_usage u;

	while (rig->out_n > 0)
		route_rig_fail(rig, rig->out_n - 1, REQUEST_ERROR_STORE);
	for (unsigned i = 0; i < ROUTE_RIG_CONNS; i++)
		route_rig_reset(rig, &rig->conn[i]);
	for (unsigned i = 0; i < 4; i++) {
		tcp_pair_run(rig->pair, END_NS);
		while (rig->out_n > 0)
			route_rig_fail(rig, rig->out_n - 1, REQUEST_ERROR_STORE);
	}
	u = session_usage(rig->session);
	if (u.clients + u.requests + u.parsers + u.names + u.copies + u.txns > 0)
		die("clients, requests, copies or transactions leaked");
	session_free(rig->session);
	for (unsigned i = 0; i < ROUTE_RIG_CONNS; i++)
		free(rig->conn[i].in);
	rig->pair->user[0] = NULL;
	rig->pair->user[1] = NULL;
	tcp_pair_free(rig->pair);
	ring_free(rig->ring);
	free(rig->snapshot);
	free(rig);
}

// --- connections

struct route_rig_conn *route_rig_connect(struct route_rig *rig, uint16_t port)
{
	struct route_rig_conn *c = rig->conn;

	while (c < rig->conn + ROUTE_RIG_CONNS && (c->tcp || c->in))
		c++;
	if (c == rig->conn + ROUTE_RIG_CONNS ||
		tcp_connect(rig->pair->host[1].tcp, &rig->pair->host[0].addr, port, 0,
			rig->pair->now, &c->tcp) != 0)
		die("can't connect");
	c->in_cap = 64;
	c->in = malloc(c->in_cap);
	tcp_set_user(c->tcp, c);
	route_rig_run(rig);
	return c;
}

void route_rig_send(struct route_rig *rig, struct route_rig_conn *c, const char *bytes, size_t len)
{
	c->out = bytes;
	c->out_len = len;
	route_rig_run(rig);
}

void route_rig_reset(struct route_rig *rig, struct route_rig_conn *c)
{
	if (!c->tcp)
		return;
	tcp_abort(c->tcp);
	c->tcp = NULL;
	c->over = true;
	route_rig_run(rig);
}

bool route_rig_got(struct route_rig_conn *c, const char *bytes, size_t len)
{
	bool same = c->in_len == len && memcmp(c->in, bytes, len) == 0;

	if (!same)
		fprintf(stderr, "expected: %.*s\nreceived: %.*s\n", (int)len, bytes, (int)c->in_len,
			c->in);
	c->in_len = 0;
	return same;
}

// --- what is out

size_t route_rig_bytes(const struct request *r, char *out, size_t cap)
{
	const struct rte_mbuf *m = r->bytes;
	uint32_t off = r->bytes_off;
	size_t at = 0;

	while (m && at < r->len && at < cap) {
		size_t n = m->data_len - off;

		n = n < r->len - at ? n : r->len - at;
		n = n < cap - at ? n : cap - at;
		memcpy(out + at, rte_pktmbuf_mtod_offset(m, const char *, off), n);
		at += n;
		off = 0;
		m = m->next;
	}
	return at;
}

static struct request *take_off(struct route_rig *rig, unsigned at)
{
	struct request *r = rig->out[at];

	rig->out_n--;
	memmove(&rig->out[at], &rig->out[at + 1], (rig->out_n - at) * sizeof(rig->out[0]));
	return r;
}

static void give_back(struct route_rig *rig, struct request *r)
{
	r->flags &= (uint16_t)~REQUEST_HELD;
	request_answer(&rig->answered, r);
}

static void add_segment(struct route_rig *rig, struct request *r, const char *bytes, size_t n)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(rig->pair->host[0].pool);

	if (!m)
		die("no buffer for a reply");
	memcpy(rte_pktmbuf_append(m, (uint16_t)n), bytes, n);
	request_add_reply(r, m);
}

void route_rig_answer(struct route_rig *rig, unsigned at, const char *reply, size_t len,
	size_t first, size_t step)
{
	struct request *r = take_off(rig, at);
	size_t max = 1024;
	size_t n = first > 0 && first < max ? first : max;

	if (!request_is_discarded(r)) {
		for (size_t i = 0; i<len; i += n, n = step> 0 && step < max ? step : max) {
			n = n < len - i ? n : len - i;
			add_segment(rig, r, reply + i, n);
		}
		// An error may be the node's own: then another one is asked.
		if (!(r->flags & REQUEST_KEEP) || reply[0] != '-')
			request_drop_bytes(r);
		r->flags |= REQUEST_DONE;
	} else {
		request_drop_bytes(r);
	}
	give_back(rig, r);
}

void route_rig_fail(struct route_rig *rig, unsigned at, enum request_error error)
{
	struct request *r = take_off(rig, at);

	if (!(r->flags & REQUEST_DONE))
		request_fail(&rig->answered, r, error);
	give_back(rig, r);
}

void route_rig_doubt(struct route_rig *rig, unsigned at)
{
	rig->out[at]->late = true;
	request_answer(&rig->answered, rig->out[at]);
}

void route_rig_late(struct route_rig *rig, unsigned at, enum request_error error)
{
	struct request *r = rig->out[at];

	if (!(r->flags & REQUEST_DONE))
		request_fail(&rig->answered, r, error);
}
