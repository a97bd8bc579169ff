#include "tests/sim/cluster/client.h"

#include <stdlib.h>
#include <string.h>

#include "tests/sim/cluster/request.h"

#define PROBES 6
#define REQUESTS_MAX 3000 // of all, since each read looks at what was written before it
#define AGAIN_NS (100 * NS_PER_MS)
#define SEND_MAX 60000u

void clients_init(struct clients *cs, const struct plan *plan, struct history *h, struct host *host,
	const struct host *nodes)
{
	memset(cs, 0, sizeof(*cs));
	cs->plan = plan;
	cs->history = h;
	cs->host = host;
	cs->nodes = nodes;
	for (unsigned i = 0; i < plan->client_n; i++) {
		struct sim_client *c = &cs->client[i];

		c->index = (uint8_t)i;
		c->plan = &plan->client[i];
		rng_seed(&c->rng, plan->seed * 100 + i);
		c->again_at = mono_add((struct mono){NS_PER_SEC}, rng_below(&c->rng, 20000000));
	}
}

void clients_fini(struct clients *cs)
{
	for (unsigned i = 0; i < cs->plan->client_n; i++)
		free(cs->client[i].in.text);
}

static void leave(struct clients *cs, struct sim_client *c, struct mono now)
{
	if (c->conn)
		tcp_abort(c->conn);
	cs->history->abandoned += c->n;
	c->conn = NULL;
	c->connected = false;
	c->n = 0;
	c->in.len = 0;
	c->again_at = mono_add(now, AGAIN_NS);
}

static void wrong_end(struct clients *cs, struct sim_client *c)
{
	history_wrong(cs->history,
		"client %u is cut off by node %u, %u requests not answered (error %d)", c->index,
		c->plan->node, c->n, c->conn ? tcp_error(c->conn) : 0);
}

// --- replies

static void reply_part(
	struct clients *cs, struct sim_client *c, const uint8_t *at, size_t len, struct mono now)
{
	while (len > 0 && !cs->history->wrong[0]) {
		size_t used;
		enum resp_status status = resp_reply_parse(&c->parser, at, len, &used);

		dict_put(&c->in, at, used);
		at += used;
		len -= used;
		if (status == RESP_MORE)
			return;
		if (status != RESP_DONE || c->n == 0) {
			history_wrong(cs->history, "client %u gets what is no reply: \"%.*s\"",
				c->index, (int)(c->in.len < 80 ? c->in.len : 80), c->in.text);
			return;
		}
		history_answered(
			cs->history, c->pending[c->first], slice_make(c->in.text, c->in.len), now);
		c->first = (c->first + 1) % CLIENT_DEPTH_MAX;
		c->n--;
		c->in.len = 0;
	}
}

static void read_all(struct clients *cs, struct sim_client *c, struct mono now)
{
	struct rte_mbuf *m = tcp_recv(c->conn);

	while (m) {
		struct rte_mbuf *next = m->next;
		uint32_t len = m->data_len;

		reply_part(cs, c, rte_pktmbuf_mtod(m, const uint8_t *), len, now);
		rte_pktmbuf_free_seg(m);
		tcp_recv_done(c->conn, len);
		m = next;
	}
}

// --- requests

static bool makes_requests(const struct clients *cs, const struct sim_client *c)
{
	return (cs->phase == CLIENT_LOAD && cs->history->n < REQUESTS_MAX) ||
		(cs->phase == CLIENT_PROBE && c->probes < PROBES);
}

static void send_some(struct clients *cs, struct sim_client *c, struct mono now)
{
	struct dict_reply out = {0};

	while (c->n < c->plan->depth && makes_requests(cs, c) && mono_due(now, c->next_at) &&
		out.len < SEND_MAX) {
		struct op *op = request_next(cs, c, &out);

		op->start = now;
		c->pending[(c->first + c->n++) % CLIENT_DEPTH_MAX] = op;
		c->probes += cs->phase == CLIENT_PROBE;
		// Many requests at once, then a pause.
		if (rng_below(&c->rng, 3) == 0)
			c->next_at = mono_add(now, rng_u64(&c->rng) % (c->plan->think + 1));
	}
	if (out.len > 0 && !tcp_send_copy(c->conn, out.text, out.len))
		history_wrong(cs->history, "client %u can't send", c->index);
	free(out.text);
	if (cs->phase == CLIENT_LOAD && rng_below(&c->rng, PLAN_MILLION) < c->plan->leaves)
		leave(cs, c, now);
}

// --- connections

static void open_one(struct clients *cs, struct sim_client *c, struct mono now)
{
	const struct host *node = &cs->nodes[c->plan->node];
	struct ip_addr addr = host_addr(c->plan->node);

	if (!node->net || (cs->phase != CLIENT_LOAD && cs->phase != CLIENT_PROBE))
		return;
	if (tcp_connect(cs->host->tcp, &addr, HOST_CLIENT_PORT, 0, now, &c->conn) != 0) {
		c->conn = NULL;
		return;
	}
	tcp_set_user(c->conn, c);
	c->life = node->life;
	c->next_at = now;
	resp_reply_init(&c->parser, RESP_BULK_MAX);
}

static void events(struct clients *cs, struct mono now)
{
	struct tcp_conn *conn;
	unsigned what;

	while ((conn = tcp_event(cs->host->tcp, &what))) {
		struct sim_client *c = tcp_user(conn);

		if (!c || c->conn != conn)
			continue;
		c->connected |= (what & TCP_CONNECTED) != 0;
		if (what & TCP_READABLE)
			read_all(cs, c, now);
		if (!(what & (TCP_EOF | TCP_CLOSED)))
			continue;
		if (cs->nodes[c->plan->node].net && cs->nodes[c->plan->node].life == c->life)
			wrong_end(cs, c);
		leave(cs, c, now);
	}
}

static void look_at(struct clients *cs, struct sim_client *c, struct mono now)
{
	const struct host *node = &cs->nodes[c->plan->node];

	if (c->conn && (!node->net || node->life != c->life))
		leave(cs, c, now);
	if (cs->phase == CLIENT_LEAVE && c->conn) {
		tcp_close(c->conn);
		c->conn = NULL;
		c->connected = false;
	}
	if (!c->conn && mono_due(now, c->again_at)) {
		c->again_at = mono_add(now, AGAIN_NS);
		open_one(cs, c, now);
	}
	if (c->connected)
		send_some(cs, c, now);
	if (c->n > 0 && mono_since(now, c->pending[c->first]->start) > plan_patience(cs->plan)) {
		const struct op *op = c->pending[c->first];

		history_wrong(cs->history,
			"request %u of kind %u for \"%s\", by client %u at node %u, is not "
			"answered",
			op->id, op->kind, op->key[0], c->index, c->plan->node);
	}
}

void clients_turn(struct clients *cs, struct mono now)
{
	events(cs, now);
	for (unsigned i = 0; i < cs->plan->client_n; i++)
		look_at(cs, &cs->client[i], now);
}

struct mono clients_next(const struct clients *cs)
{
	struct mono next = MONO_NEVER;

	for (unsigned i = 0; i < cs->plan->client_n; i++) {
		const struct sim_client *c = &cs->client[i];

		if (!c->conn)
			next = mono_min(next, c->again_at);
		else if (c->connected && c->n < c->plan->depth && makes_requests(cs, c))
			next = mono_min(next, c->next_at);
		if (c->n > 0)
			next = mono_min(next,
				mono_add(c->pending[c->first]->start,
					plan_patience(cs->plan) + NS_PER_MS));
	}
	return next;
}

bool clients_quiet(const struct clients *cs)
{
	for (unsigned i = 0; i < cs->plan->client_n; i++)
		if (cs->client[i].n > 0)
			return false;
	return true;
}

bool clients_probed(const struct clients *cs)
{
	for (unsigned i = 0; i < cs->plan->client_n; i++)
		if (cs->client[i].probes < PROBES)
			return false;
	return clients_quiet(cs);
}
