#include "tests/support/session_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/eal.h"

#define SERVER_ADDR "198.18.0.11"
#define CLIENT_ADDR "198.18.0.2"
#define FRAMES 64
#define WAIT_TURNS 400000
#define SLEEP_TURNS 500
#define IN_CAP_MIN 4096

static struct stats *new_stats(void)
{
	size_t size = (sizeof(struct stats) + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
	struct stats *stats = aligned_alloc(CACHE_LINE, size);

	memset(stats, 0, size);
	return stats;
}

static void side_new(struct rig_side *side, const char *addr, uint8_t mac,
	const struct tcp_config *tcp, unsigned mbufs, struct mono now)
{
	struct net_config net = {
		.mac = {{2, 0, 0, 0, 0, mac}},
		.mtu = 1500,
		.addr_n = 1,
		.neigh_max = 64,
		.frag_max = 8,
		.seed = mac,
	};

	if (!ip_addr_parse(addr, &net.addr[0].addr))
		abort();
	net.addr[0].len = 24;
	side->pool = test_pool_create(mbufs);
	side->stats = new_stats();
	side->net = net_new(&net, side->pool, side->stats, now);
	side->tcp = tcp_new(tcp, side->net, side->pool, side->stats, now);
	if (!side->net || !side->tcp)
		abort();
}

static bool side_free(struct rig_side *side, const char *name)
{
	unsigned left;

	tcp_free(side->tcp);
	net_free(side->net);
	left = test_pool_in_use(side->pool);
	if (left > 0)
		fprintf(stderr, "rig: %u mbufs of the %s leaked\n", left, name);
	else
		rte_mempool_free(side->pool);
	free(side->stats);
	return left == 0;
}

struct rig_config rig_config_default(const char *address)
{
	struct rig_config config = {
		.session = session_config_default(),
		.store = store_config_default(),
		.tcp = tcp_config_default(),
		.server_mbufs = 8192,
		.client_mbufs = 8192,
		.big_mbufs = 256,
	};

	config.tcp.conns_max = 256;
	config.tcp.half_open_max = 256;
	config.tcp.time_wait_max = 256;
	config.session.port = RIG_PORT;
	config.session.clients_max = RIG_CLIENTS_MAX;
	config.session.requests_max = 10000;
	config.session.copies_max = 10000;
	config.session.rcv_buf = config.tcp.rcv_buf;
	config.session.linger = 50 * NS_PER_MS;
	config.store.address = address;
	return config;
}

static struct snapshot *one_node(void)
{
	struct snapshot *s = calloc(1, snapshot_size(1, 0));
	struct snapshot_node *node = (struct snapshot_node *)(void *)(s + 1);

	s->epoch = 1;
	s->node_n = 1;
	s->state = NODE_NORMAL;
	strcpy(node->host, SERVER_ADDR);
	strcpy(node->dc, "dc1");
	strcpy(node->rack, "rack1");
	node->state = NODE_NORMAL;
	node->is_local = 1;
	return s;
}

struct rig *rig_new(const struct rig_config *config)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct session_config session = config->session;
	struct store_config store = config->store;

	rig->now = (struct mono){NS_PER_SEC};
	rig->step = 10 * NS_PER_US;
	side_new(&rig->server, SERVER_ADDR, 1, &config->tcp, config->server_mbufs, rig->now);
	side_new(&rig->client, CLIENT_ADDR, 2, &config->tcp, config->client_mbufs, rig->now);
	rig->big = test_pool_create_room(config->big_mbufs, 16384);
	rig->snapshot = one_node();
	if (ring_new(rig->snapshot, &rig->ring) != 0)
		abort();
	session.pool = rig->server.pool;
	session.big = rig->big;
	store.pool = rig->server.pool;
	store.big = rig->big;
	store.client_buffer = session.client_buffer;
	if (session_new(&session, rig->server.tcp, rig->server.stats, rig->now, &rig->session) !=
			0 ||
		store_new(&store, rig->server.stats, rig->now, &rig->store) != 0)
		abort();
	return rig;
}

static bool is_clean(const struct rig *rig)
{
	struct session_usage u = session_usage(rig->session);

	if (u.clients + u.requests + u.parsers + u.names == 0)
		return true;
	fprintf(stderr, "rig: %u clients, %u requests, %u parsers, %u names leaked\n", u.clients,
		u.requests, u.parsers, u.names);
	return false;
}

static void close_clients(struct rig *rig)
{
	for (unsigned i = 0; i < rig->client_n; i++)
		if (rig->clients[i].conn)
			tcp_abort(rig->clients[i].conn);
}

bool rig_free(struct rig *rig)
{
	bool ok;
	unsigned left;

	close_clients(rig);
	for (unsigned i = 0; i < RIG_CLIENTS_MAX; i++)
		rig->clients[i].conn = NULL;
	rig_sleep(rig, 100 * NS_PER_MS);
	// What the store still owes may take its time.
	rig->step = NS_PER_MS;
	for (unsigned i = 0; i < WAIT_TURNS && session_usage(rig->session).requests > 0; i++)
		rig_turn(rig);
	ok = is_clean(rig);
	store_free(rig->store);
	session_free(rig->session);
	ok &= side_free(&rig->server, "server");
	ok &= side_free(&rig->client, "client");
	left = test_pool_in_use(rig->big);
	if (left > 0)
		fprintf(stderr, "rig: %u large mbufs leaked\n", left);
	else
		rte_mempool_free(rig->big);
	for (unsigned i = 0; i < rig->client_n; i++)
		free(rig->clients[i].in);
	ring_free(rig->ring);
	free(rig->snapshot);
	free(rig);
	return ok && left == 0;
}

// --- the wire

static unsigned carry(struct rig_side *from, struct rig_side *to, struct mono now)
{
	struct rte_mbuf *sent[FRAMES];
	struct rte_mbuf *frames[FRAMES];
	struct net_rx rx;
	unsigned n = net_collect(from->net, sent, FRAMES);
	unsigned kept = 0;

	for (unsigned i = 0; i < n; i++) {
		frames[kept] = rte_pktmbuf_copy(sent[i], to->pool, 0, UINT32_MAX);
		rte_pktmbuf_free(sent[i]);
		kept += frames[kept] != NULL;
	}
	if (kept == 0)
		return n;
	net_input(to->net, frames, kept, now, &rx);
	for (unsigned i = 0; i < rx.learn_n; i++)
		rte_pktmbuf_free(rx.learn[i]);
	tcp_input(to->tcp, rx.seg, rx.seg_n, now);
	return n;
}

static void side_timers(struct rig_side *side, struct mono now)
{
	tcp_advance(side->tcp, now);
	net_advance(side->net, now);
	tcp_output(side->tcp, now);
}

// --- the client's program

static void keep(struct rig_client *c, const struct rte_mbuf *m)
{
	c->received += m->data_len;
	if (c->discard)
		return;
	if (c->in_len + m->data_len > c->in_cap) {
		c->in_cap = 2 * (c->in_len + m->data_len) + IN_CAP_MIN;
		c->in = realloc(c->in, c->in_cap);
	}
	memcpy(c->in + c->in_len, rte_pktmbuf_mtod(m, const char *), m->data_len);
	c->in_len += m->data_len;
}

static void client_read(struct rig_client *c)
{
	struct rte_mbuf *m = tcp_recv(c->conn);

	while (m) {
		struct rte_mbuf *next = m->next;
		uint32_t len = m->data_len;

		keep(c, m);
		rte_pktmbuf_free_seg(m);
		tcp_recv_done(c->conn, len);
		m = next;
	}
}

static void client_write(struct rig_client *c)
{
	uint32_t room = tcp_send_room(c->conn);
	size_t n = c->out_len < room ? c->out_len : room;

	if (c->out_step > 0 && n > c->out_step)
		n = c->out_step;
	// One segment at a time, if it is about those.
	if (n == 0 || (c->out_step > 0 && tcp_unacked(c->conn) > 0))
		return;
	if (!tcp_send_copy(c->conn, c->out, n))
		return;
	c->out += n;
	c->out_len -= n;
	c->sent += n;
}

static void client_end(struct rig_client *c)
{
	c->closed = true;
	tcp_close(c->conn);
	c->conn = NULL;
}

static unsigned client_events(struct rig *rig)
{
	struct tcp_conn *conn;
	unsigned events;
	unsigned n = 0;

	for (; (conn = tcp_event(rig->client.tcp, &events)); n++) {
		struct rig_client *c = tcp_user(conn);

		if (!c)
			continue;
		c->connected |= (events & TCP_CONNECTED) != 0;
		c->eof |= (events & TCP_EOF) != 0;
		if (!c->paused)
			client_read(c);
		if (events & TCP_CLOSED)
			client_end(c);
	}
	for (unsigned i = 0; i < rig->client_n; i++) {
		struct rig_client *c = &rig->clients[i];

		if (!c->conn || !c->connected)
			continue;
		if (!c->paused)
			client_read(c);
		if (c->out_len > 0)
			client_write(c);
	}
	return n;
}

// --- turns

static void watch_pools(struct rig *rig)
{
	unsigned n = test_pool_in_use(rig->server.pool);

	rig->pool_peak = n > rig->pool_peak ? n : rig->pool_peak;
	n = test_pool_in_use(rig->big);
	rig->big_peak = n > rig->big_peak ? n : rig->big_peak;
}

static unsigned server_events(struct rig *rig)
{
	struct tcp_conn *conn;
	unsigned events;
	unsigned n = 0;

	for (; (conn = tcp_event(rig->server.tcp, &events)); n++)
		if (tcp_user(conn))
			session_event(rig->session, conn, events, rig->now);
	return n;
}

static unsigned server_turn(struct rig *rig)
{
	unsigned n = server_events(rig) + session_run(rig->session, rig->now);

	n += route_run(rig->session, rig->ring, NULL, rig->now);
	store_issue(rig->store, session_issued(rig->session), rig->snapshot, rig->now);
	n += store_poll(rig->store, rig->now);
	watch_pools(rig);
	n += settle_run(rig->session, store_answered(rig->store), rig->now);
	session_advance(rig->session, rig->now);
	store_advance(rig->store, rig->now);
	return n;
}

static void wait_for_store(struct rig *rig)
{
	struct idle_fd fds[IDLE_FDS_MAX];
	unsigned n = store_fds(rig->store, fds, IDLE_FDS_MAX);

	if (n > 0 && store_usage(rig->store).in_flight > 0)
		idle_sleep(fds, n, true, 50 * NS_PER_US);
}

void rig_turn(struct rig *rig)
{
	unsigned n = carry(&rig->client, &rig->server, rig->now);

	n += server_turn(rig);
	side_timers(&rig->server, rig->now);
	n += carry(&rig->server, &rig->client, rig->now);
	n += client_events(rig);
	side_timers(&rig->client, rig->now);
	if (rig->each_turn)
		rig->each_turn(rig->ctx);
	if (n == 0 && !rig->alone)
		wait_for_store(rig);
	rig->now = mono_add(rig->now, rig->step);
}

bool rig_until(struct rig *rig, bool (*done)(void *ctx), void *ctx, unsigned turns)
{
	for (unsigned i = 0; i < turns; i++) {
		if (done(ctx))
			return true;
		rig_turn(rig);
	}
	return done(ctx);
}

void rig_sleep(struct rig *rig, uint64_t ns)
{
	struct mono end = mono_add(rig->now, ns);
	uint64_t step = rig->step;

	// Long waits in few turns.
	if (ns / SLEEP_TURNS > step)
		rig->step = ns / SLEEP_TURNS;
	while (!mono_due(rig->now, end))
		rig_turn(rig);
	rig->step = step;
}

static bool is_connected(void *ctx)
{
	const struct rig_client *c = ctx;

	return c->connected || c->closed;
}

struct rig_client *rig_connect(struct rig *rig)
{
	struct rig_client *c = &rig->clients[rig->client_n++];
	struct ip_addr addr;

	if (!ip_addr_parse(SERVER_ADDR, &addr) ||
		tcp_connect(rig->client.tcp, &addr, RIG_PORT, 0, rig->now, &c->conn) != 0)
		abort();
	tcp_set_user(c->conn, c);
	rig_until(rig, is_connected, c, WAIT_TURNS);
	return c;
}

void rig_send(struct rig *rig, struct rig_client *c, const char *bytes, size_t len)
{
	(void)rig;
	c->out = bytes;
	c->out_len = len;
	client_write(c);
}

struct wanted {
	const struct rig_client *c;
	size_t len;
};

static bool has_enough(void *ctx)
{
	const struct wanted *w = ctx;

	return w->c->in_len >= w->len || w->c->closed || (w->c->eof && w->c->out_len == 0);
}

bool rig_receive(struct rig *rig, struct rig_client *c, size_t len)
{
	struct wanted w = {.c = c, .len = len};

	rig_until(rig, has_enough, &w, WAIT_TURNS);
	return c->in_len >= len;
}

bool rig_expect(struct rig *rig, struct rig_client *c, const char *bytes, size_t len)
{
	bool same = rig_receive(rig, c, len) && memcmp(c->in, bytes, len) == 0;

	if (!same) {
		fprintf(stderr, "expected: %.*s\nreceived: %.*s\n", (int)(len < 400 ? len : 400),
			bytes, (int)(c->in_len < 400 ? c->in_len : 400), c->in ? c->in : "");
		return false;
	}
	memmove(c->in, c->in + len, c->in_len - len);
	c->in_len -= len;
	return true;
}

static bool is_ended(void *ctx)
{
	const struct rig_client *c = ctx;

	return c->eof || c->closed;
}

bool rig_closed(struct rig *rig, struct rig_client *c)
{
	return rig_until(rig, is_ended, c, WAIT_TURNS);
}
