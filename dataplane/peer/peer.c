#include "dataplane/peer/peer.h"

#include <errno.h>
#include <stdlib.h>

#include "dataplane/peer/core.h"
#include "dataplane/session/client.h"

struct peers_config peers_config_default(void)
{
	return (struct peers_config){
		.local_connections = 1,
		.remote_connections = 1,
		.msg_rate = 50000,
		.peers_max = 1024,
		.bytes_max = 16 * 1024 * 1024,
		.requests_max = 16384,
		.client_buffer = 262144,
		.value_max = RESP_BULK_MAX,
		.connect_timeout = 3 * NS_PER_SEC,
		.retry_first = 100 * NS_PER_MS,
		.retry_max = NS_PER_SEC,
		.no_timeout = 5 * NS_PER_SEC,
		.local_extra = 200 * NS_PER_MS,
		.remote_extra = 5 * NS_PER_SEC,
		.preconnect = true,
	};
}

static uint32_t between(uint32_t v, uint32_t min, uint32_t max)
{
	return v < min ? min : v > max ? max : v;
}

static void set_config(struct peers *peers, const struct peers_config *config)
{
	struct peers_config *own = &peers->config;

	*own = *config;
	own->local_connections = between(config->local_connections, 1, PEER_CONNS_MAX);
	own->remote_connections = between(config->remote_connections, 1, PEER_CONNS_MAX);
	own->peers_max = between(config->peers_max, 1, SNAPSHOT_NODES_MAX);
	if (own->client_buffer < REQUEST_BUFFER_MIN)
		own->client_buffer = REQUEST_BUFFER_MIN;
	if (own->retry_first == 0)
		own->retry_first = NS_PER_MS;
	peers->rate_cost = config->msg_rate > 0 ? NS_PER_SEC / config->msg_rate : 0;
}

static int make_memory(struct peers *peers)
{
	const struct peers_config *config = &peers->config;
	uint32_t each = RTE_MAX(config->local_connections, config->remote_connections);

	peers->slots = calloc(config->peers_max, sizeof(struct peer *));
	peers->by_node = calloc(SNAPSHOT_NODES_MAX, sizeof(struct peer *));
	peers->table = calloc(PEER_TABLE_SIZE, sizeof(*peers->table));
	if (!peers->slots || !peers->by_node || !peers->table ||
		pool_init(&peers->pool, sizeof(struct peer), config->peers_max) != 0 ||
		pool_init(&peers->conns, sizeof(struct peer_conn), config->peers_max * each) != 0)
		return -ENOMEM;
	return 0;
}

static void free_memory(struct peers *peers)
{
	pool_fini(&peers->pool);
	pool_fini(&peers->conns);
	free(peers->slots);
	free(peers->by_node);
	free(peers->table);
	free(peers);
}

int peers_new(const struct peers_config *config, struct tcp *tcp, struct stats *stats,
	struct mono now, struct peers **out)
{
	struct peers *peers = calloc(1, sizeof(*peers));

	if (!peers)
		return -ENOMEM;
	set_config(peers, config);
	peers->tcp = tcp;
	peers->stats = stats;
	peers->tick_at = now;
	peers->retry_at = MONO_NEVER;
	peers->roomy = true;
	rng_seed(&peers->rng, config->seed);
	peers->key = (struct siphash_key){{rng_u64(&peers->rng), rng_u64(&peers->rng)}};
	list_init(&peers->busy);
	list_init(&peers->down);
	list_init(&peers->gone);
	list_init(&peers->ready);
	if (make_memory(peers) != 0) {
		free_memory(peers);
		return -ENOMEM;
	}
	*out = peers;
	return 0;
}

void peers_free(struct peers *peers)
{
	struct request *r;

	if (!peers)
		return;
	for (uint32_t i = 0; i < peers->config.peers_max; i++) {
		struct peer *peer = peers->slots[i];

		// Nobody is told: the clock may stand still.
		for (uint32_t k = 0; peer && k < peer->conn_n; k++)
			peer_conn_end(peer->conn[k], PEER_END_OURS, (struct mono){0});
	}
	while ((r = request_answer_pop(&peers->answered))) {
		request_drop_bytes(r);
		request_drop_reply(r);
	}
	rte_pktmbuf_free(peers->spare);
	free_memory(peers);
}

// --- requests

// It gets requests, or will.
static bool is_usable(const struct peer_conn *c)
{
	if (c->state == PEER_CONN_UP)
		return !c->silent;
	// Another one that is up does not take from this one what waits for it to be made.
	if (c->state == PEER_CONN_OPENING)
		return !c->peer->found_down;
	return c->peer->health == PEER_UNKNOWN;
}

// Multiplied, since ids of one core's clients have gaps of the number of cores.
static uint32_t slot_of(const struct peer *peer, const struct client *client)
{
	uint64_t mixed = client ? client->id * UINT64_C(0x9e3779b97f4a7c15) : 0;

	return (uint32_t)(((mixed >> 32) * peer->conn_n) >> 32);
}

// The slot's own connection, if it can be that again.
static void come_home(struct peer *peer, uint32_t slot)
{
	struct peer_slot *s = &peer->slot[slot];

	if (s->at != slot && peer->conn[s->at]->over >= s->mark && is_usable(peer->conn[slot]))
		s->at = slot;
}

// NULL: there is none, or it would break the order of what is still on its way.
static struct peer_conn *choose(struct peer *peer, uint32_t slot)
{
	struct peer_slot *s = &peer->slot[slot];

	come_home(peer, slot);
	if (is_usable(peer->conn[s->at]))
		return peer->conn[s->at];
	if (peer->conn[s->at]->over < s->mark)
		return NULL;
	for (uint32_t i = 0; i < peer->conn_n; i++)
		if (is_usable(peer->conn[i])) {
			s->at = i;
			return peer->conn[i];
		}
	return NULL;
}

static uint32_t load(const struct peer *peer)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < peer->conn_n; i++)
		n += peer_conn_load(peer->conn[i]);
	return n;
}

static bool has_room(const struct peer *peer, const struct request *r)
{
	const struct peers_config *config = &peer->peers->config;

	return load(peer) < config->requests_max &&
		(peer->bytes == 0 || peer->bytes + r->len + PEER_HEADER_ROOM <= config->bytes_max);
}

static void send_to(struct peer *peer, struct request *r, struct mono now)
{
	uint32_t slot = slot_of(peer, request_keeper(r));
	struct peer_conn *c = choose(peer, slot);

	if (c && c->state == PEER_CONN_DOWN)
		peer_conn_open(c, now);
	if (!c || c->state == PEER_CONN_DOWN || !has_room(peer, r)) {
		peer_refuse(peer, r, REQUEST_ERROR_PEER_AWAY);
		return;
	}
	peer_enqueue(c, r);
	peer->slot[slot].mark = c->taken;
}

static void refuse_unknown(struct peers *peers, struct request *r, enum request_error error)
{
	stat_inc(peers->stats, STAT_peer_dropped_requests);
	request_fail(&peers->answered, r, error);
	peer_let_go(peers, r);
}

static void issue(struct peers *peers, struct request *r, struct mono now)
{
	struct peer *peer = r->to.node < SNAPSHOT_NODES_MAX ? peers->by_node[r->to.node] : NULL;

	r->store_at = now;
	if (request_is_discarded(r))
		peer_let_go(peers, r);
	else if (!peer)
		refuse_unknown(peers, r, REQUEST_ERROR_PEER_AWAY);
	else if ((r->flags & REQUEST_BULK) && !(r->flags & REQUEST_WHOLE))
		refuse_unknown(peers, r, REQUEST_ERROR_TOO_BIG);
	else
		send_to(peer, r, now);
}

void peers_issue(
	struct peers *peers, struct request_queue *issued, const struct ring *ring, struct mono now)
{
	struct request *r;

	if (!issued->head)
		return;
	peers_update(peers, ring, now);
	peers->timeout = ring->snapshot->timeout_ms * NS_PER_MS;
	while ((r = request_pop(issued)))
		issue(peers, r, now);
}

// --- the loop

void peers_event(struct peers *peers, struct tcp_conn *conn, unsigned events, struct mono now)
{
	struct peer_conn *c = tcp_user(conn);
	unsigned work = 0;

	(void)peers;
	if (!c)
		return;
	c->eof |= (events & TCP_EOF) != 0;
	if ((events & TCP_CONNECTED) && c->state == PEER_CONN_OPENING)
		peer_conn_is_up(c, now);
	if (!(events & TCP_CLOSED)) {
		if (c->state == PEER_CONN_UP)
			peer_conn_ready(c);
		return;
	}
	// What came before the end counts.
	if (c->state == PEER_CONN_UP && (events & TCP_READABLE) && !peer_read(c, now, &work))
		return;
	peer_conn_end(c, tcp_error(conn) == ETIMEDOUT ? PEER_END_STUCK : PEER_END_TCP, now);
}

unsigned peers_poll(struct peers *peers, struct mono now)
{
	struct list todo;
	struct list *link;
	unsigned work = 0;

	list_init(&todo);
	list_splice_back(&todo, &peers->ready);
	while ((link = list_pop_front(&todo))) {
		struct peer_conn *c = list_entry(link, struct peer_conn, ready);

		if (c->state == PEER_CONN_UP && peer_read(c, now, &work))
			peer_write(c, now, &work);
	}
	return work;
}

struct request_queue *peers_answered(struct peers *peers)
{
	return &peers->answered;
}

const struct peer_view *peers_view(const struct peers *peers)
{
	return &peers->view;
}

static void open_due(struct peers *peers, struct mono now)
{
	unsigned left = PEER_OPEN_BURST;

	if (!mono_due(now, peers->retry_at))
		return;
	peers->retry_at = MONO_NEVER;
	list_for_each_safe (link, next, &peers->down) {
		struct peer_conn *c = list_entry(link, struct peer_conn, place);

		if (left > 0 && mono_due(now, c->peer->retry_at)) {
			peer_conn_open(c, now);
			left--;
		} else {
			peers->retry_at = mono_min(peers->retry_at, c->peer->retry_at);
		}
	}
}

void peers_advance(struct peers *peers, struct mono now)
{
	const struct rte_mempool *pool = peers->config.pool;

	if (!mono_due(now, peers->tick_at))
		return;
	peers->tick_at = mono_add(now, PEER_TICK_NS);
	peers->roomy = rte_mempool_avail_count(pool) > pool->size / 2;
	open_due(peers, now);
	list_for_each_safe (link, next, &peers->busy)
		peer_expire(list_entry(link, struct peer_conn, place), now);
	peers_reap(peers, now);
}

struct mono peers_next(const struct peers *peers)
{
	if (!list_empty(&peers->busy) || !list_empty(&peers->gone))
		return peers->tick_at;
	if (list_empty(&peers->down))
		return MONO_NEVER;
	return mono_before(peers->tick_at, peers->retry_at) ? peers->retry_at : peers->tick_at;
}

struct peers_usage peers_usage(const struct peers *peers)
{
	struct peers_usage usage = {.peers = peers->pool.used};

	for (uint32_t i = 0; i < peers->config.peers_max; i++) {
		const struct peer *peer = peers->slots[i];

		for (uint32_t k = 0; peer && k < peer->conn_n; k++) {
			usage.connected += peer->conn[k]->state == PEER_CONN_UP;
			usage.waiting += peer->conn[k]->wait.n;
			usage.in_flight += peer->conn[k]->flight.n;
		}
		usage.bytes += peer ? peer->bytes : 0;
	}
	return usage;
}
