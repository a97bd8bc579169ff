#include "tests/support/peer_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/session/conn_user.h"

#define BACK_NS (600 * NS_PER_SEC)

static void die(const char *what)
{
	fprintf(stderr, "peer rig: %s\n", what);
	abort();
}

struct peer_rig_options peer_rig_options(uint64_t seed)
{
	struct peer_rig_options options = {
		.peers = peers_config_default(),
		.pair = tcp_pair_options(seed),
		.fakes = 1,
	};

	options.peers.seed = seed;
	options.peers.peers_max = 16;
	options.pair.tcp[0].time_wait = NS_PER_MS;
	options.pair.tcp[1].time_wait = NS_PER_MS;
	return options;
}

// --- the own host's turn

static void keep(struct asked *a, const struct rte_mbuf *m, uint32_t off, uint32_t len)
{
	if (a->got_len + len > a->got_cap) {
		a->got_cap = 2 * (a->got_len + len);
		a->got = realloc(a->got, a->got_cap);
	}
	memcpy(a->got + a->got_len, rte_pktmbuf_mtod_offset(m, const char *, off), len);
	a->got_len += len;
}

// As a session does.
static void take_reply(struct asked *a)
{
	struct request *r = &a->r;
	bool whole = r->flags & REQUEST_DONE;

	if (!r->reply ||
		(!whole && !(r->flags & REQUEST_STREAMED) && r->reply_len < REQUEST_STREAM_MIN))
		return;
	if ((r->flags & (REQUEST_COPY | REQUEST_HOLD)) && !whole)
		die("a part of a reply that is to be held");
	if (r->flags & REQUEST_SLICE)
		keep(a, r->reply, r->reply_off, r->reply_len);
	else
		for (const struct rte_mbuf *m = r->reply; m; m = m->next)
			keep(a, m, 0, m->data_len);
	if (!whole)
		r->flags |= REQUEST_STREAMED;
	if (r->client)
		r->client->sent += r->reply_len;
	request_drop_reply(r);
}

static void cut(struct peer_rig *rig, struct client *client)
{
	client->flags &= (uint8_t)~CLIENT_CUT;
	peer_rig_orphan(rig, (unsigned)(client - rig->client));
}

static void take_answer(struct peer_rig *rig, struct asked *a)
{
	struct request *r = &a->r;
	struct client *client = r->client;

	if (a->back)
		die("a request came back twice");
	a->told++;
	if (client && (client->flags & CLIENT_CUT))
		cut(rig, client);
	else if (!client || !rig->paused[client - rig->client])
		take_reply(a);
	if (r->flags & REQUEST_HELD)
		return;
	if (!client && !(r->flags & (REQUEST_DONE | REQUEST_COPY)))
		r->flags |= REQUEST_DONE;
	if (!(r->flags & REQUEST_DONE))
		die("a request came back without an outcome");
	a->back = true;
	rig->out--;
}

static void answers(struct peer_rig *rig)
{
	struct request_queue *q = peers_answered(rig->peers);
	struct request *r;

	while ((r = request_answer_pop(q)))
		take_answer(rig, (struct asked *)r);
	for (struct asked *a = rig->all; a; a = a->all_next)
		if (a->r.client && a->r.reply && !rig->paused[a->r.client - rig->client] &&
			((a->r.flags & REQUEST_DONE) || !(a->r.flags & REQUEST_HOLD)))
			take_reply(a);
}

static void own_turn(struct tcp_pair *pair, unsigned host, void *ctx)
{
	struct peer_rig *rig = ctx;
	struct tcp_conn *conn;
	unsigned events;

	(void)host;
	while ((conn = tcp_event(pair->host[0].tcp, &events))) {
		const struct conn_user *user = tcp_user(conn);

		if (user && user->kind != CONN_OF_PEER)
			die("whose connection is this?");
		if (user)
			peers_event(rig->peers, conn, events, pair->now);
	}
	peers_update(rig->peers, &rig->ring, pair->now);
	peers_issue(rig->peers, &rig->issued, &rig->ring, pair->now);
	peers_poll(rig->peers, pair->now);
	answers(rig);
	peers_advance(rig->peers, pair->now);
	answers(rig);
	pair->wake[0] = peers_next(rig->peers);
}

static void fake_turn(struct tcp_pair *pair, unsigned host, void *ctx)
{
	struct peer_rig *rig = ctx;
	bool busy = false;

	(void)host;
	peer_fake_events(pair->host[1].tcp);
	for (unsigned i = 0; i < PEER_RIG_FAKES; i++)
		if (rig->fake[i]) {
			peer_fake_turn(rig->fake[i]);
			busy |= peer_fake_is_busy(rig->fake[i]);
		}
	pair->wake[1] = busy ? mono_add(pair->now, 100 * NS_PER_US) : MONO_NEVER;
}

// --- making and ending

struct snapshot_node *peer_rig_node(struct peer_rig *rig, unsigned node)
{
	return (struct snapshot_node *)(void *)(rig->snapshot + 1) + node;
}

void peer_rig_epoch(struct peer_rig *rig)
{
	rig->snapshot->epoch++;
}

static void make_ring(struct peer_rig *rig, const struct peer_rig_options *options)
{
	rig->snapshot = calloc(1, snapshot_size(PEER_RIG_FAKES + 1, 0));
	rig->snapshot->epoch = 1;
	rig->snapshot->node_n = options->fakes + 1;
	rig->snapshot->timeout_ms = 1000;
	rig->ring.snapshot = rig->snapshot;
	for (unsigned i = 0; i <= PEER_RIG_FAKES; i++) {
		struct snapshot_node *node = peer_rig_node(rig, i);
		bool remote = i > options->fakes - options->remote;

		snprintf(node->host, sizeof(node->host), "node%u", i);
		snprintf(node->dc, sizeof(node->dc), "%s", remote ? "dc2" : "dc1");
		node->port = (uint16_t)(PEER_RIG_PORT + i - 1);
		node->addr = rig->pair->host[1].addr;
		node->is_local = i == 0;
	}
}

struct peer_rig *peer_rig_new(const struct peer_rig_options *options)
{
	struct peer_rig *rig = calloc(1, sizeof(*rig));
	struct peers_config config = options->peers;

	rig->pair = tcp_pair_new(&options->pair);
	config.pool = rig->pair->host[0].pool;
	make_ring(rig, options);
	for (unsigned i = 0; i < options->fakes; i++)
		rig->fake[i] = peer_fake_new(rig->pair->host[1].tcp, (uint16_t)(PEER_RIG_PORT + i));
	if (peers_new(&config, rig->pair->host[0].tcp, &rig->pair->host[0].stats, rig->pair->now,
		    &rig->peers) != 0)
		die("no memory");
	for (unsigned i = 0; i < PEER_RIG_CLIENTS; i++)
		rig->client[i].id = i + 1;
	rig->pair->user[0] = own_turn;
	rig->pair->user_ctx[0] = rig;
	rig->pair->user[1] = fake_turn;
	rig->pair->user_ctx[1] = rig;
	return rig;
}

static bool none_out(struct tcp_pair *pair, void *ctx)
{
	const struct peer_rig *rig = ctx;

	(void)pair;
	return rig->out == 0;
}

static void free_asked(struct asked *a)
{
	request_drop_bytes(&a->r);
	request_drop_reply(&a->r);
	free(a->got);
	free(a);
}

static void check_gauges(const struct peer_rig *rig)
{
	static const enum stat_id gauges[] = {STAT_peer_connections, STAT_peer_in_queue,
		STAT_remote_peer_in_queue, STAT_peer_in_queue_bytes,
		STAT_remote_peer_in_queue_bytes, STAT_peer_out_queue, STAT_remote_peer_out_queue};

	for (unsigned i = 0; i < sizeof(gauges) / sizeof(gauges[0]); i++)
		if (peer_rig_stat(rig, gauges[i]) != 0)
			die("a gauge is not back at 0");
}

void peer_rig_free(struct peer_rig *rig)
{
	memset(rig->paused, 0, sizeof(rig->paused));
	if (!tcp_pair_until(rig->pair, BACK_NS, none_out, rig))
		die("a request never came back");
	peers_free(rig->peers);
	check_gauges(rig);
	while (rig->all) {
		struct asked *a = rig->all;

		rig->all = a->all_next;
		free_asked(a);
	}
	for (unsigned i = 0; i < PEER_RIG_CLIENTS; i++)
		if (rig->client[i].unsent != 0)
			die("what a client has unsent was miscounted");
	for (unsigned i = 0; i < PEER_RIG_FAKES; i++)
		if (rig->fake[i])
			peer_fake_free(rig->fake[i]);
	tcp_pair_free(rig->pair);
	free(rig->snapshot);
	free(rig);
}

void peer_rig_run(struct peer_rig *rig, uint64_t ns)
{
	tcp_pair_run(rig->pair, ns);
}

// --- requests

static struct rte_mbuf *chain_of(struct peer_rig *rig, const char *bytes, size_t len, size_t step)
{
	struct rte_mbuf *head = NULL;
	struct rte_mbuf **at = &head;

	while (len > 0) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(rig->pair->host[0].pool);
		size_t n;

		if (!m)
			die("no buffers for a request");
		n = RTE_MIN(len, (size_t)rte_pktmbuf_tailroom(m));
		n = step > 0 && n > step ? step : n;
		memcpy(rte_pktmbuf_append(m, (uint16_t)n), bytes, n);
		m->next = NULL;
		*at = m;
		at = &m->next;
		bytes += n;
		len -= n;
	}
	return head;
}

struct asked *peer_rig_ask(struct peer_rig *rig, unsigned fake, unsigned client, uint16_t flags,
	const void *bytes, size_t len, size_t step)
{
	struct asked *a = calloc(1, sizeof(*a));

	a->part.txn = &a->txn;
	a->txn.client = &rig->client[client];
	if (flags & REQUEST_COPY)
		a->r.part = &a->part;
	else
		a->r.client = &rig->client[client];
	a->r.flags = (uint16_t)(flags | REQUEST_OWN | REQUEST_HELD | REQUEST_WHOLE);
	a->r.target = REQUEST_TO_PEER;
	a->r.to.node = fake + 1;
	a->r.bytes = chain_of(rig, bytes, len, step);
	a->r.len = (uint32_t)len;
	a->all_next = rig->all;
	rig->all = a;
	rig->out++;
	request_push(&rig->issued, &a->r);
	return a;
}

struct asked *peer_rig_text(
	struct peer_rig *rig, unsigned fake, unsigned client, uint16_t flags, const char *text)
{
	return peer_rig_ask(rig, fake, client, flags, text, strlen(text), 0);
}

void peer_rig_orphan(struct peer_rig *rig, unsigned client)
{
	for (struct asked *a = rig->all; a; a = a->all_next) {
		if (a->txn.client == &rig->client[client])
			a->txn.client = NULL;
		if (a->r.client == &rig->client[client]) {
			request_drop_reply(&a->r);
			a->r.client = NULL;
		}
	}
}

static bool is_back(struct tcp_pair *pair, void *ctx)
{
	const struct asked *a = ctx;

	(void)pair;
	return a->back;
}

bool peer_rig_back(struct peer_rig *rig, const struct asked *a)
{
	struct asked *waited = (struct asked *)(uintptr_t)a;

	return tcp_pair_until(rig->pair, BACK_NS, is_back, waited);
}

bool peer_rig_got(const struct asked *a, const char *text)
{
	size_t len = strlen(text);

	return (a->r.flags & REQUEST_DONE) && a->r.error == REQUEST_ERROR_NONE &&
		a->got_len == len && memcmp(a->got, text, len) == 0;
}

uint64_t peer_rig_stat(const struct peer_rig *rig, enum stat_id id)
{
	return rig->pair->host[0].stats.stat[id];
}

struct peer_info peer_rig_info(const struct peer_rig *rig, unsigned fake)
{
	struct peer_info info[16];
	uint32_t next;
	uint32_t n = peers_info_page(rig->peers, 0, 16, rig->pair->now, info, &next);

	for (uint32_t i = 0; i < n; i++)
		if (info[i].node == fake + 1)
			return info[i];
	die("no such peer");
	return info[0];
}

enum peer_health peer_rig_health(const struct peer_rig *rig, unsigned fake)
{
	return (enum peer_health)peers_view(rig->peers)->fact[fake + 1].health;
}
